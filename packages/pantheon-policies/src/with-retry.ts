import type {
  IActorStatePort,
  IContextPort,
  ILlmPort,
  IMessageBus,
  IToolPort,
  Now,
  Timers,
} from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';
import { PantheonError } from '@promethean/pantheon-core';
import { decorate } from './decorate.ts';
import { growingDelays } from './growing-delays.ts';
import { makeLanes } from './lanes.ts';
import { notify } from './notify.ts';
import { makePauses } from './pauses.ts';
import { type Bounds, cancelledError, type PortCall } from './port-call.ts';
import { type Decorated, findPort, type PortKind } from './ports-by-kind.ts';
import { requireCount, requireDelay } from './require-option.ts';

/** A try that failed and will be followed by another. */
export interface RetryEvent {
  readonly port: PortKind;
  readonly method: string;
  /** The tool, or the model that was asked for. */
  readonly name: string | undefined;
  /** The number of the try that failed, from 1. */
  readonly attempt: number;
  /** Milliseconds until the next one. */
  readonly delayMs: number;
  readonly error: PantheonError;
}

/** Settings of `withRetry`. */
export interface RetryOptions {
  /** Tries in all, the first included. Default 3. */
  readonly attempts?: number;
  /** The upper bound of the first pause, in milliseconds; it doubles with each further one. Default 1,000. */
  readonly initialDelayMs?: number;
  /** The upper bound of all pauses that nobody asked for. Default 30,000. */
  readonly maxDelayMs?: number;
  /**
   * The longest pause that an error may ask for (`details.retryAfterMs`, or `details.retryAt` since the epoch); beyond it the call fails at
   * once. Default 60,000.
   */
  readonly maxRetryAfterMs?: number;
  /** Can forbid a further try; it cannot allow one that is not safe. Default: allows all. */
  readonly retryIf?: (
    error: PantheonError,
    call: Pick<RetryEvent, 'port' | 'method' | 'name'>,
  ) => boolean;
  /** Told before every pause. What it throws is ignored. */
  readonly onRetry?: (event: RetryEvent) => unknown;
  /** From 0 up to, not including, 1; spreads the pauses. Default `Math.random`. */
  readonly random?: () => number;
  /** Names messages that have no id, so that the bus recognises a repetition. Default: a random UUID. */
  readonly newId?: () => string;
  /** The wall clock that `details.retryAt` is read with. Default `Date.now`. */
  readonly now?: Now;
  /** Default: the process's. */
  readonly timers?: Timers;
}

/** Never repeated, whatever they say of themselves: the caller has to decide anew, or has given up. */
const NEVER: ReadonlySet<string> = new Set([
  'tick-cancelled',
  'closed',
  'state-conflict',
  'bus-full',
]);
/** Of these nobody knows whether the call took effect. */
const UNKNOWN: ReadonlySet<string> = new Set(['outcome-unknown', 'send-unknown']);

const isSafe = (error: PantheonError, call: PortCall<unknown>): boolean => {
  if (NEVER.has(error.code)) return false;
  if (!error.retryable && !UNKNOWN.has(error.code)) return false;
  // `unavailable` says that nothing was done. Of a tool it may be what the second half of its work ended with.
  const isUndone = error.code === 'unavailable' && call.port !== 'tools';
  return isUndone || call.isRepeatable();
};

/** What an error asks to wait, if it does. */
const toldDelayMs = ({ details }: PantheonError, now: Now): number | undefined => {
  const { retryAfterMs, retryAt } = details;
  if (typeof retryAfterMs === 'number' && retryAfterMs >= 0) return retryAfterMs;
  if (typeof retryAt === 'number') return Math.max(0, retryAt - now());
  return undefined;
};

/**
 * Makes a failed call again where that is safe, after growing, random pauses, or after the pause that the error asks for.
 *
 * Safe are, after a retryable error and after one that leaves the outcome unknown: `llm`, `context.compile` and `explain`, `state.get`
 * and `list`, `state.spawn` with an id, `bus.send` (a message gets its id before the first try), and tools with `idempotent: true` or
 * `sideEffect: 'none'`. The other calls of `context` and `state` are repeated after `unavailable` only, for then nothing was done. Never: a
 * cancelled call, a `state-conflict`, a full bus. A stream is begun again only while none of it was handed on.
 *
 * A call's own `timeoutMs` bounds all its tries and pauses. Messages of one sender are sent one after the other, so that a repeated one
 * keeps its place. Rejects with the last try's error. Throws `option-invalid`.
 */
export const withRetry = <
  P extends ILlmPort | IToolPort | IContextPort | IActorStatePort | IMessageBus,
>(
  port: P,
  options: RetryOptions = {},
): Decorated<P> => {
  const {
    attempts = 3,
    initialDelayMs = 1_000,
    maxDelayMs = 30_000,
    maxRetryAfterMs = 60_000,
    retryIf = () => true,
    onRetry,
    random = Math.random,
    newId = () => crypto.randomUUID(),
    now = Date.now,
    timers = hostTimers,
  } = options;
  requireCount('attempts', attempts);
  requireDelay('initialDelayMs', initialDelayMs);
  requireDelay('maxDelayMs', maxDelayMs);
  requireDelay('maxRetryAfterMs', maxRetryAfterMs);
  const found = findPort('withRetry', port, ['llm', 'tools', 'context', 'state', 'bus']);
  const pauses = makePauses(timers);
  const lanes = makeLanes();

  /** The tries of one call. */
  const startTries = (
    call: PortCall<unknown>,
  ): {
    readonly bounds: () => Bounds | undefined;
    readonly next: (error: unknown) => Promise<void>;
  } => {
    const { port: kind, method, name, timeoutMs } = call;
    const startedAt = timeoutMs === undefined ? 0 : timers.now();
    const leftMs = (): number =>
      timeoutMs === undefined ? Infinity : timeoutMs - (timers.now() - startedAt);
    let attempt = 1;
    let delays = growingDelays(initialDelayMs, maxDelayMs);

    /** Milliseconds to the next try, or nothing where there is none. */
    const delayAfter = (error: PantheonError): number | undefined => {
      const told = toldDelayMs(error, now);
      if (told !== undefined && told > maxRetryAfterMs) return undefined;
      const own = random() * delays.duration;
      const delayMs = told === undefined ? own : Math.max(own, told * (1 + random() / 5));
      return delayMs < leftMs() ? delayMs : undefined;
    };

    return {
      bounds: () =>
        attempt === 1 || timeoutMs === undefined ? undefined : { timeoutMs: leftMs() },
      next: async (error) => {
        if (attempt >= attempts || !PantheonError.is(error) || !isSafe(error, call)) throw error;
        if (!retryIf(error, { port: kind, method, name })) throw error;
        const delayMs = delayAfter(error);
        if (delayMs === undefined) throw error;
        const signal = call.signal();
        if (signal?.aborted === true) throw cancelledError(call, signal);
        notify(onRetry, { port: kind, method, name, attempt, delayMs, error });
        const passed = await pauses.wait(delayMs, signal, () => cancelledError(call, signal));
        // A timer may come late.
        if (!passed || leftMs() <= 0) throw error;
        attempt += 1;
        delays = delays.next(undefined);
      },
    };
  };

  const untilDone = async <T>(call: PortCall<Promise<T>>): Promise<T> => {
    const tries = startTries(call);
    for (;;) {
      try {
        return await call.run(tries.bounds());
      } catch (error) {
        await tries.next(error);
      }
    }
  };

  return decorate(found, {
    newId,
    repeats: true,
    call: (call) =>
      call.lane === undefined ? untilDone(call) : lanes.enter(call.lane, () => untilDone(call)),
    stream: async function* (call) {
      const tries = startTries(call);
      for (;;) {
        let begun = false;
        try {
          for await (const chunk of call.run(tries.bounds())) {
            begun ||= chunk.type !== 'text' || chunk.text !== '';
            yield chunk;
          }
          return;
        } catch (error) {
          if (begun) throw error;
          await tries.next(error);
        }
      }
    },
    close: pauses.end,
  }) as Decorated<P>;
};
