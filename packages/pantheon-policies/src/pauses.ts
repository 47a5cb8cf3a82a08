import type { PantheonError, Timers } from '@promethean/pantheon-core';
import { startDeadline } from './deadline.ts';

/** The waits between tries. */
export interface Pauses {
  /** Resolves to whether the time has passed: `false` when `end` came first. Rejects at an abort. */
  readonly wait: (
    ms: number,
    signal: AbortSignal | undefined,
    abortError: () => PantheonError,
  ) => Promise<boolean>;
  /** Ends all waits, those to come included. */
  readonly end: () => void;
}

export const makePauses = (timers: Timers): Pauses => {
  const waiting = new Set<(passed: boolean) => void>();
  let ended = false;
  return {
    wait: async (ms, signal, abortError) => {
      if (ended) return false;
      let resolve: (passed: boolean) => void = () => undefined;
      const passed = new Promise<boolean>((resolvePassed) => (resolve = resolvePassed));
      const timer = timers.set(() => resolve(true), ms);
      waiting.add(resolve);
      const deadline = startDeadline({
        timers,
        timeoutMs: Infinity,
        signal,
        timeoutError: abortError,
        abortError,
      });
      try {
        return await deadline.race(passed);
      } finally {
        deadline.end();
        timers.clear(timer);
        waiting.delete(resolve);
      }
    },
    end: () => {
      ended = true;
      for (const resolve of waiting) resolve(false);
    },
  };
};
