/** Runs a step and says how long it took: what is slow is seen. */
export const timed = async (step: string, run: () => Promise<void> | void): Promise<void> => {
  const start = performance.now();
  await run();
  console.log(`${step}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
};
