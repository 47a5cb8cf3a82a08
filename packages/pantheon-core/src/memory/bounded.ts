import { PantheonError } from '../core/errors.ts';
import type { Timers } from '../core/ports.ts';
import type { HostSignal } from './host.ts';

/** How long to wait for a promise, and for whose sake to stop. */
export interface Bound {
  readonly timers: Timers;
  /** Milliseconds, or `Infinity`. */
  readonly timeoutMs: number;
  readonly signal: HostSignal | undefined;
  readonly timeoutError: () => PantheonError;
  readonly abortError: () => PantheonError;
  /** Told when the wait was given up, with the error that it rejects with. */
  readonly onGiveUp?: (error: PantheonError) => void;
}

/**
 * Waits for a promise until the time is over or the signal aborts. A result that comes later is dropped; no timer and no listener
 * stays.
 */
export const bounded = async <T>(work: PromiseLike<T>, bound: Bound): Promise<T> => {
  const { timers, timeoutMs, signal } = bound;
  let timer: unknown;
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      const giveUp = (error: PantheonError): void => {
        reject(error);
        bound.onGiveUp?.(error);
      };
      // Adopted by a native promise first: a foreign thenable may call back twice, or throw.
      Promise.resolve(work).then(resolve, reject);
      if (signal !== undefined) {
        if (signal.aborted) return giveUp(bound.abortError());
        onAbort = () => giveUp(bound.abortError());
        signal.addEventListener('abort', onAbort);
      }
      if (timeoutMs !== Infinity) timer = timers.set(() => giveUp(bound.timeoutError()), timeoutMs);
    });
  } finally {
    if (timer !== undefined) timers.clear(timer);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
};

/**
 * Whether a caller has given up before the call. A signal that is only made when it is read is not read for this: it is dear, and
 * its maker knows.
 */
export const isAborted = (call: { readonly signal?: AbortSignal | undefined }): boolean =>
  Object.hasOwn(call, 'signal') && call.signal?.aborted === true;

/** Refuses what is no time limit. */
export const requireTimeout = (value: unknown, what: string): void => {
  if (typeof value === 'number' && value > 0 && (value <= 2_147_483_647 || value === Infinity))
    return;
  throw new PantheonError(
    'option-invalid',
    `${what} must be a number of milliseconds above 0 and up to 2147483647, or Infinity, not ${String(value)}.`,
  );
};
