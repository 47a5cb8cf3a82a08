import { PantheonError } from '@promethean/pantheon-core';
import type { Timers } from '@promethean/pantheon-core';

/** The clocks that run one after the other, and what is missing when they run out. An adapter has those whose events it sees. */
const MISSING = {
  headersMs: 'no headers',
  firstDeltaMs: 'nothing of an answer',
  firstContentMs: 'nothing of an answer',
  idleMs: 'nothing more of its answer',
} as const;

type Phase = keyof typeof MISSING;

/** How long each part of a call may take, in milliseconds; `Infinity`, or leaving it out, switches a clock off. */
export interface Clocks extends Readonly<Partial<Record<Phase, number>>> {
  /** Runs beside the others: the whole call, with waits and repetitions. */
  readonly totalMs: number;
}

/** The bounds of one call: what ends it although the model has not answered. */
export interface Call {
  /** For the model's server. Aborts with `reason()`. It is ours, so whatever a client leaves on it goes with the call. */
  readonly signal: AbortSignal;
  /** Why the call must end: `timeout`, or `tick-cancelled` for the caller's abort. */
  readonly reason: () => PantheonError | undefined;
  /** On the timers' clock. */
  readonly deadline: number;
  /** Settles with the work, or at once with the reason of the end: a client may be deaf to its signal. */
  readonly race: <T>(work: PromiseLike<T>) => Promise<T>;
  /** Starts this clock in place of the one that runs; without a name, none runs. */
  readonly watch: (phase?: Phase) => void;
  readonly sleep: (ms: number) => Promise<void>;
  /** Stops the clocks and leaves the caller's signal. Done by an abort, too. */
  readonly close: () => void;
  /** Resolves when the call is closed. */
  readonly closed: Promise<void>;
}

/** Starts the total clock, and listens to the caller's signal until the call is closed. */
export const openCall = (outer: AbortSignal | undefined, clocks: Clocks, timers: Timers): Call => {
  const inner = new AbortController();
  const racing = new Set<(reason: PantheonError) => void>();
  let reason: PantheonError | undefined;
  let phaseTimer: unknown;
  let resolveClosed: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => (resolveClosed = resolve));

  const start = (clock: keyof Clocks, happened: string): unknown => {
    const { [clock]: ms = Infinity } = clocks;
    if (ms === Infinity || reason !== undefined) return undefined;
    const message = `${happened} ${ms} ms (timeouts.${clock})`;
    const expire = (): void =>
      abort(new PantheonError('timeout', message, { retryable: true, details: { clock, ms } }));
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
  const abort = (why: PantheonError): void => {
    reason = why;
    close();
    for (const reject of racing) reject(why);
    inner.abort(why);
  };
  const cancel = (): void => {
    const cause: unknown = outer?.reason;
    abort(new PantheonError('tick-cancelled', 'The call was aborted by its caller', { cause }));
  };
  const race = <T>(work: PromiseLike<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      if (reason === undefined) racing.add(reject);
      else reject(reason);
      // Handled in any case, so that a rejection that comes too late harms nobody.
      const forget = (): boolean => racing.delete(reject);
      work.then(
        (value) => (forget(), resolve(value)),
        (error: unknown) => (forget(), reject(error as Error)),
      );
    });

  const totalTimer = start('totalMs', 'The call, repetitions included, took longer than');
  if (outer?.aborted === true) cancel();
  else outer?.addEventListener('abort', cancel, { once: true });

  return {
    signal: inner.signal,
    reason: () => reason,
    deadline: timers.now() + clocks.totalMs,
    race,
    watch: (phase) => {
      stop(phaseTimer);
      phaseTimer = phase && start(phase, `The model's server sent ${MISSING[phase]} for`);
    },
    sleep: async (ms) => {
      let timer: unknown;
      try {
        await race(new Promise<void>((resolve) => (timer = timers.set(resolve, ms))));
      } finally {
        timers.clear(timer);
      }
    },
    close,
    closed,
  };
};
