import { errorInfo, type ErrorCode, type Timers } from '@promethean/pantheon-core';
import { hostTimers, isThenable } from '@promethean/pantheon-core/adapter';
import { decorate } from './decorate.ts';
import { type Ending, gated } from './gated.ts';
import { notify } from './notify.ts';
import { type AnyPort, type Decorated, findPort, type PortKind } from './ports-by-kind.ts';
import { optionInvalid } from './require-option.ts';

/** One call that ended. */
export interface CallEvent {
  readonly port: PortKind;
  /** The method; `handle` for a message that a subscriber got; `every`, `once` and `cron` for a run of the task. */
  readonly method: string;
  /** The tool, or the model that was asked for. */
  readonly name: string | undefined;
  readonly durationMs: number;
  /** `left`: a stream that its reader did not read to the end. */
  readonly outcome: 'ok' | 'error' | 'left';
  /** With `error`: its code; `unexpected` for what is no `PantheonError`. */
  readonly code?: ErrorCode;
}

/** Settings of `withMetrics`. */
export interface MetricsOptions {
  /** Told of every call when it ends. Keep it cheap: callers wait for it. What it throws or rejects with is ignored. */
  readonly onCall: (event: CallEvent) => unknown;
  /** Default: the process's. */
  readonly timers?: Pick<Timers, 'now'>;
}

/**
 * Tells of every call of a port how long it took and how it ended: of methods that return a promise, of streams when they end, of
 * handlers of messages and of a scheduler's tasks. Changes nothing else. Throws `option-invalid`.
 */
export const withMetrics = <P extends AnyPort>(port: P, options: MetricsOptions): Decorated<P> => {
  const { onCall, timers = hostTimers } = options;
  if (typeof onCall !== 'function') throw optionInvalid('onCall', 'a function', onCall);
  const found = findPort('withMetrics', port, [
    'llm',
    'tools',
    'context',
    'state',
    'bus',
    'scheduler',
  ]);

  const start = (call: Pick<CallEvent, 'port' | 'method' | 'name'>): ((ending: Ending) => void) => {
    const startedAt = timers.now();
    return (ending) => {
      const { port: kind, method, name } = call;
      notify(onCall, {
        port: kind,
        method,
        name,
        durationMs: timers.now() - startedAt,
        outcome: ending.outcome,
        ...(ending.outcome === 'error' && { code: errorInfo(ending.error).code }),
      });
    };
  };

  return decorate(found, {
    ...gated((call) => ({ leave: start(call) })),
    callback:
      ({ port: kind, method }, run) =>
      (...args) => {
        const end = start({ port: kind, method, name: undefined });
        let result: unknown;
        try {
          result = run(...args);
        } catch (error) {
          end({ outcome: 'error', error });
          throw error;
        }
        if (!isThenable(result)) {
          end({ outcome: 'ok' });
          return result;
        }
        // One promise for the port to await and for us, so that nothing is awaited twice and no rejection is left over.
        return Promise.resolve(result).then(
          (value) => {
            end({ outcome: 'ok' });
            return value;
          },
          (error: unknown) => {
            end({ outcome: 'error', error });
            throw error;
          },
        );
      },
  }) as Decorated<P>;
};
