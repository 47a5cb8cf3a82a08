/** What the promise comes to; rejects with what `onLate` makes when it takes longer. The timer goes with it. */
export const within = async <T>(
  promise: Promise<T>,
  ms: number,
  onLate: () => unknown,
): Promise<T> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(onLate()), Math.max(0, ms));
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
};
