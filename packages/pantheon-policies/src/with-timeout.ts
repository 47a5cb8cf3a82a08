import type {
  IActorStatePort,
  IContextPort,
  ILlmPort,
  IMessageBus,
  IToolPort,
  Timers,
} from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';
import { PantheonError } from '@promethean/pantheon-core';
import { type Deadline, startDeadline } from './deadline.ts';
import { decorate } from './decorate.ts';
import { type Bounds, cancelledError, describeCall, type PortCall } from './port-call.ts';
import { type Decorated, findPort } from './ports-by-kind.ts';
import { isTimeLimit, requireTimeLimit } from './require-option.ts';

/** Settings of `withTimeout`. */
export interface TimeoutOptions {
  /** Milliseconds for a call, or for a whole stream; `Infinity` for no limit. A shorter limit of the call itself holds. */
  readonly timeoutMs: number;
  /** Names messages that have no id, so that one with an unknown outcome can be sent again. Default: a random UUID. */
  readonly newId?: () => string;
  /** Default: the process's. */
  readonly timers?: Timers;
}

const timeoutError = (call: PortCall<unknown>, timeoutMs: number): PantheonError => {
  const { port, method, name } = call;
  const options = {
    retryable: call.isRepeatable(),
    details: { port, method, name, timeoutMs },
  };
  const message = `${describeCall(call)} did not end within ${timeoutMs} ms; its outcome is unknown.`;
  // A bus has an error of its own for this (bus:1).
  return new PantheonError(port === 'bus' ? 'send-unknown' : 'timeout', message, options);
};

/**
 * Stops waiting for a call after `timeoutMs`, also for a port that ignores its signal, and at once when the caller's signal aborts.
 * The signal that a model or a tool is given aborts at both. What the port gives later is dropped.
 *
 * Rejects with `timeout`, which is `retryable` only where the call may be made again although it may have taken effect, and for
 * `bus.send` with `send-unknown`. Throws `option-invalid`.
 */
export const withTimeout = <
  P extends ILlmPort | IToolPort | IContextPort | IActorStatePort | IMessageBus,
>(
  port: P,
  options: TimeoutOptions,
): Decorated<P> => {
  const { timeoutMs, newId = () => crypto.randomUUID(), timers = hostTimers } = options;
  requireTimeLimit('timeoutMs', timeoutMs);
  const found = findPort('withTimeout', port, ['llm', 'tools', 'context', 'state', 'bus']);

  const start = (
    call: PortCall<unknown>,
  ): { readonly deadline: Deadline; readonly bounds: Bounds | undefined } => {
    const controller = call.isBounded ? new AbortController() : undefined;
    const signal = call.signal();
    // A limit that is none is left to the port, which says what is wrong with it.
    const own = isTimeLimit(call.timeoutMs) ? call.timeoutMs : Infinity;
    const limitMs = Math.min(timeoutMs, own);
    const deadline = startDeadline({
      timers,
      timeoutMs: limitMs,
      signal,
      timeoutError: () => timeoutError(call, limitMs),
      abortError: () => cancelledError(call, signal),
      onGiveUp: (error) => controller?.abort(error),
    });
    return { deadline, bounds: controller && { signal: controller.signal } };
  };

  return decorate(found, {
    newId,
    call: async (call) => {
      const { deadline, bounds } = start(call);
      try {
        requireTime(deadline);
        return await deadline.race(call.run(bounds));
      } finally {
        deadline.end();
      }
    },
    stream: async function* (call) {
      const { deadline, bounds } = start(call);
      requireTime(deadline);
      const chunks = call.run(bounds)[Symbol.asyncIterator]();
      let isDone = false;
      try {
        for (;;) {
          const step = await deadline.race(chunks.next());
          if (step.done === true) {
            isDone = true;
            return;
          }
          yield step.value;
        }
      } catch (error) {
        isDone = deadline.passed() === undefined;
        throw error;
      } finally {
        deadline.end();
        if (!isDone) await leave(chunks, deadline);
      }
    },
  }) as Decorated<P>;
};

/** Begins nothing for a caller who has given up already. */
const requireTime = (deadline: Deadline): void => {
  const failure = deadline.passed();
  if (failure !== undefined) throw failure;
};

/** Tells a stream that nobody reads it any more. One that was given up may never answer, and is not waited for. */
const leave = async (chunks: AsyncIterator<unknown>, deadline: Deadline): Promise<void> => {
  const left = Promise.resolve(chunks.return?.());
  if (deadline.passed() === undefined) await left;
  else left.catch(() => undefined);
};
