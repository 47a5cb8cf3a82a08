/** Runs the work of one lane one after the other, in the order in which it came; lanes do not wait for each other. */
export interface Lanes {
  /** Begins at once where the lane is empty. */
  readonly enter: <T>(lane: unknown, work: () => Promise<T>) => Promise<T>;
}

export const makeLanes = (): Lanes => {
  const last = new Map<unknown, Promise<void>>();
  return {
    enter: (lane, work) => {
      const before = last.get(lane);
      const mine = before === undefined ? work() : before.then(work);
      const done: Promise<void> = mine.then(ignore, ignore).then(() => {
        if (last.get(lane) === done) last.delete(lane);
      });
      last.set(lane, done);
      return mine;
    },
  };
};

const ignore = (): void => undefined;
