import type { Timers } from '@promethean/pantheon-core';

/** The process's monotonic clock and its timers. */
export const hostTimers: Timers = {
  now: () => performance.now(),
  set: (run, delayMs) => setTimeout(run, delayMs),
  clear: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
};
