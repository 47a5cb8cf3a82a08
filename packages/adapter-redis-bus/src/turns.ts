/** Runs what is handed to it, in order and never inside the call that hands it over. */
export interface Turns {
  readonly push: (run: () => void) => void;
  /** How many wait. */
  readonly length: () => number;
}

const MAX_RUNS = 128;
const MAX_MS = 10;

/** After 128 runs or 10 ms the host has a turn, so that no exchange of messages keeps timers and sockets waiting. */
export const makeTurns = (): Turns => {
  let queue: (() => void)[] = [];
  let next = 0;
  let isScheduled = false;
  const drain = (): void => {
    const since = performance.now();
    for (let runs = 0; next < queue.length && runs < MAX_RUNS; runs += 1) {
      const run = queue[next] as () => void;
      next += 1;
      run();
      if (performance.now() - since >= MAX_MS) break;
    }
    if (next < queue.length) {
      if (next >= 1_024) {
        queue = queue.slice(next);
        next = 0;
      }
      setImmediate(drain);
      return;
    }
    queue = [];
    next = 0;
    isScheduled = false;
  };
  return {
    push: (run) => {
      queue.push(run);
      if (isScheduled) return;
      isScheduled = true;
      setImmediate(drain);
    },
    length: () => queue.length - next,
  };
};
