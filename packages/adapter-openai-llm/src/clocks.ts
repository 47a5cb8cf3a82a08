import { PantheonError } from '@promethean/pantheon-core';
import type { Timers } from '@promethean/pantheon-core';

/** How long each part of a call may take, in milliseconds; `Infinity` switches a clock off. */
export interface Clocks {
  readonly headersMs: number;
  readonly firstDeltaMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
}

/** The clocks that run one after the other; `totalMs` runs beside them. */
type Phase = 'headersMs' | 'firstDeltaMs' | 'idleMs';

const MISSING = {
  headersMs: 'no headers',
  firstDeltaMs: 'nothing of an answer',
  idleMs: 'nothing more of its answer',
} as const;

/** The bounds of one call. */
export interface Call {
  /** Aborts with a `PantheonError`: the caller's abort, or a clock that ran out. */
  readonly signal: AbortSignal;
  /** On the timers' clock. */
  readonly deadline: number;
  /** Starts this clock in place of the one that runs; without a phase, none runs. */
  readonly enter: (phase?: Phase) => void;
  readonly sleep: (ms: number) => Promise<void>;
  /** Stops the clocks and leaves the caller's signal. Done by an abort, too. */
  readonly close: () => void;
  /** Resolves when the call is closed. */
  readonly closed: Promise<void>;
}

/** Starts the total clock, and listens to the caller's signal until the call is closed. */
export const openCall = (outer: AbortSignal | undefined, clocks: Clocks, timers: Timers): Call => {
  const controller = new AbortController();
  let phaseTimer: unknown;
  let resolveClosed: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => (resolveClosed = resolve));

  const start = (clock: keyof Clocks, tell: (ms: number) => string): unknown => {
    const ms = clocks[clock];
    if (ms === Infinity) return undefined;
    const expire = (): void =>
      abort(new PantheonError('timeout', tell(ms), { retryable: true, details: { clock, ms } }));
    return timers.set(expire, ms);
  };
  const stop = (timer: unknown): void => {
    if (timer !== undefined) timers.clear(timer);
  };
  const close = (): void => {
    stop(totalTimer);
    stop(phaseTimer);
    outer?.removeEventListener('abort', cancel);
    resolveClosed();
  };
  const abort = (reason: PantheonError): void => {
    close();
    controller.abort(reason);
  };
  const cancel = (): void =>
    abort(
      new PantheonError('tick-cancelled', 'The call was aborted by its caller', {
        cause: outer?.reason,
      }),
    );

  const totalTimer = start(
    'totalMs',
    (ms) => `The call took longer than ${ms} ms, repetitions included`,
  );
  if (outer?.aborted === true) cancel();
  else outer?.addEventListener('abort', cancel, { once: true });

  return {
    signal: controller.signal,
    deadline: timers.now() + clocks.totalMs,
    enter: (phase) => {
      stop(phaseTimer);
      phaseTimer = undefined;
      if (phase === undefined || controller.signal.aborted) return;
      phaseTimer = start(
        phase,
        (ms) => `The model's server sent ${MISSING[phase]} for ${ms} ms (timeouts.${phase})`,
      );
    },
    sleep: async (ms) => {
      let timer: unknown;
      try {
        await orAborted(
          new Promise<void>((resolve) => (timer = timers.set(resolve, ms))),
          controller.signal,
        );
      } finally {
        timers.clear(timer);
      }
    },
    close,
    closed,
  };
};

/** Settles with the work or with the abort's reason, whichever comes first: a client may be deaf to its signal. */
export const orAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
