import type { PantheonError, Timers } from '@promethean/pantheon-core';

/** What ends a wait before its work does. */
export interface DeadlineOptions {
  readonly timers: Timers;
  /** Milliseconds, or `Infinity`. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly timeoutError: () => PantheonError;
  readonly abortError: () => PantheonError;
  /** Told once, with the error, when the time is up or the signal aborted. */
  readonly onGiveUp?: (error: PantheonError) => void;
}

/** A limit on one piece of work or on several in a row. */
export interface Deadline {
  /** The work's result, or the deadline's error if that comes first; what the work gives later is dropped. */
  readonly race: <T>(work: PromiseLike<T>) => Promise<T>;
  /** The error, when the deadline has passed. */
  readonly passed: () => PantheonError | undefined;
  /** Takes the timer and the listener away. */
  readonly end: () => void;
}

/** Starts one timer and one listener at most, for all that is raced. */
export const startDeadline = (options: DeadlineOptions): Deadline => {
  const { timers, timeoutMs, signal } = options;
  let failure: PantheonError | undefined;
  let reject: ((error: PantheonError) => void) | undefined;
  let timer: unknown;

  const end = (): void => {
    if (timer !== undefined) timers.clear(timer);
    timer = undefined;
    signal?.removeEventListener('abort', onAbort);
  };
  const giveUp = (error: PantheonError): void => {
    if (failure !== undefined) return;
    failure = error;
    end();
    reject?.(error);
    options.onGiveUp?.(error);
  };
  const onAbort = (): void => giveUp(options.abortError());

  if (signal?.aborted === true) onAbort();
  else {
    signal?.addEventListener('abort', onAbort, { once: true });
    if (timeoutMs !== Infinity) timer = timers.set(() => giveUp(options.timeoutError()), timeoutMs);
  }

  return {
    race: (work) =>
      new Promise((resolve, rejectRace) => {
        // Adopted in any case, so that a rejection that comes too late is handled.
        Promise.resolve(work).then(resolve, rejectRace);
        if (failure === undefined) reject = rejectRace;
        else rejectRace(failure);
      }),
    passed: () => failure,
    end,
  };
};
