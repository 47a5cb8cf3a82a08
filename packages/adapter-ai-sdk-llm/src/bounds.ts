import { PantheonError } from '@promethean/pantheon-core';
import type { Timers } from '@promethean/pantheon-core';

/** How long a call may take, in milliseconds; `Infinity` switches a clock off. */
export interface Limits {
  readonly firstContentMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
}

/** The bounds of one call: what ends it although the model has not answered. */
export interface Bounds {
  /** For the provider. It is ours, so whatever a provider leaves on it goes with the call. */
  readonly signal: AbortSignal;
  /** Why the call must end: a timeout or the caller's abort. */
  readonly reason: () => PantheonError | undefined;
  /** On the timers' clock. */
  readonly deadline: number;
  /** Settles with the work, or at once with the reason of the end: a provider may be deaf to its signal. */
  readonly race: <T>(work: PromiseLike<T>) => Promise<T>;
  /** Starts this clock in place of the one before; without a name, none runs. */
  readonly watch: (clock?: 'firstContentMs' | 'idleMs') => void;
  readonly pause: (ms: number) => Promise<void>;
  /** Stops the clocks and leaves the caller's signal. An abort does that, too. */
  readonly end: () => void;
  /** Resolves after `end`. */
  readonly ended: Promise<void>;
}

export const openBounds = (
  outer: AbortSignal | undefined,
  limits: Limits,
  timers: Timers,
): Bounds => {
  const inner = new AbortController();
  const racing = new Set<(reason: PantheonError) => void>();
  const running = new Map<'total' | 'phase', unknown>();
  let reason: PantheonError | undefined;
  let resolveEnded: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (resolveEnded = resolve));

  const stop = (name: 'total' | 'phase'): void => {
    if (running.has(name)) timers.clear(running.get(name));
    running.delete(name);
  };
  const end = (): void => {
    stop('total');
    stop('phase');
    outer?.removeEventListener('abort', cancel);
    resolveEnded();
  };
  const abort = (why: PantheonError): void => {
    if (reason !== undefined) return;
    reason = why;
    end();
    for (const reject of racing) reject(why);
    inner.abort(why);
  };
  const cancel = (): void => {
    const cause: unknown = outer?.reason;
    abort(new PantheonError('tick-cancelled', 'The call was aborted by its caller', { cause }));
  };
  const start = (name: 'total' | 'phase', clock: keyof Limits, what: string): void => {
    const ms = limits[clock];
    if (ms === Infinity || reason !== undefined) return;
    const message = `${what} ${ms} ms (timeouts.${clock})`;
    const details = { clock, ms };
    const expire = (): void =>
      abort(new PantheonError('timeout', message, { retryable: true, details }));
    running.set(name, timers.set(expire, ms));
  };
  const race = <T>(work: PromiseLike<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      if (reason !== undefined) reject(reason);
      racing.add(reject);
      const forget = (): boolean => racing.delete(reject);
      work.then(
        (value) => (forget(), resolve(value)),
        (error: unknown) => (forget(), reject(error as Error)),
      );
    });

  start('total', 'totalMs', 'The call, repetitions included, took longer than');
  if (outer?.aborted === true) cancel();
  else outer?.addEventListener('abort', cancel, { once: true });

  return {
    signal: inner.signal,
    reason: () => reason,
    deadline: timers.now() + limits.totalMs,
    race,
    watch: (clock) => {
      stop('phase');
      if (clock === 'firstContentMs') start('phase', clock, 'The model sent nothing for');
      if (clock === 'idleMs') start('phase', clock, 'The model sent nothing more for');
    },
    pause: async (ms) => {
      let timer: unknown;
      try {
        await race(new Promise<void>((resolve) => (timer = timers.set(resolve, ms))));
      } finally {
        timers.clear(timer);
      }
    },
    end,
    ended,
  };
};
