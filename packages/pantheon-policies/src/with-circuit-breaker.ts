import type {
  IActorStatePort,
  IContextPort,
  ILlmPort,
  IToolPort,
  Timers,
} from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';
import { PantheonError } from '@promethean/pantheon-core';
import { type Breaker, type BreakerState, makeBreaker, type Verdict } from './breaker.ts';
import { decorate } from './decorate.ts';
import { type Ending, gated } from './gated.ts';
import { notify } from './notify.ts';
import { describeCall } from './port-call.ts';
import { type Decorated, findPort, type PortKind } from './ports-by-kind.ts';
import { optionInvalid, requireCount, requireDelay } from './require-option.ts';

/** A circuit that changed. */
export interface CircuitEvent {
  readonly port: PortKind;
  /** The tool, for a tool port. */
  readonly name: string | undefined;
  readonly state: BreakerState;
}

/** Settings of `withCircuitBreaker`. */
export interface CircuitBreakerOptions {
  /** Failures in a row that open the circuit. Default 5. */
  readonly consecutiveFailures?: number;
  /** Instead: the circuit opens when more than `threshold` (above 0, below 1) of the last `calls` calls failed. Default: not set. */
  readonly failureRate?: { readonly threshold: number; readonly calls: number };
  /** How long the circuit stays open before one call may try, in milliseconds; doubled each time that call fails. Default 30,000. */
  readonly openMs?: number;
  /** The longest that it stays open. Default 300,000. */
  readonly maxOpenMs?: number;
  /** Whether an error means that the service behind the port does not work. Default: see `withCircuitBreaker`. */
  readonly isFailure?: (error: unknown) => boolean;
  /** Told of every change of a circuit. What it throws is ignored. */
  readonly onStateChange?: (event: CircuitEvent) => unknown;
  /** Default: the process's. */
  readonly timers?: Timers;
}

/** Failures of a service whether or not the call may be repeated. */
const FAILURES: ReadonlySet<string> = new Set([
  'unavailable',
  'timeout',
  'outcome-unknown',
  'tool-failed',
]);
/** Repeatable, yet the answer of a service that works. */
const ANSWERS: ReadonlySet<string> = new Set(['state-conflict', 'llm-malformed', 'llm-truncated']);
/** The service was not asked, or the caller did not wait for it. */
const NOTHING: ReadonlySet<string> = new Set([
  'tick-cancelled',
  'closed',
  'option-invalid',
  'action-invalid',
  'tool-unknown',
  'permission-denied',
]);

const isFailureByDefault = (error: unknown): boolean =>
  !PantheonError.is(error) ||
  FAILURES.has(error.code) ||
  (error.retryable && !ANSWERS.has(error.code));

/**
 * Stops calling a service that fails: after `consecutiveFailures` calls reject at once with `unavailable` and
 * `details.retryAfterMs`, until after `openMs` one call may try. If it succeeds the circuit closes, otherwise it opens for twice as long.
 * A tool port has one circuit for each tool, every other port one for all its calls.
 *
 * A failure is, by default, any error that is no `PantheonError`, `unavailable`, `timeout`, `outcome-unknown`, `tool-failed`, and whatever else
 * says that it is retryable, but for `state-conflict`, `llm-malformed` and `llm-truncated`, which a working service gives. Calls that were
 * cancelled, or refused for their arguments, count neither way. A stream that its reader left counts as working. Throws
 * `option-invalid`.
 */
export const withCircuitBreaker = <P extends ILlmPort | IToolPort | IContextPort | IActorStatePort>(
  port: P,
  options: CircuitBreakerOptions = {},
): Decorated<P> => {
  const {
    consecutiveFailures = 5,
    failureRate,
    openMs = 30_000,
    maxOpenMs = 300_000,
    isFailure = isFailureByDefault,
    onStateChange,
    timers = hostTimers,
  } = options;
  requireCount('consecutiveFailures', consecutiveFailures);
  requireDelay('openMs', openMs, 1);
  requireDelay('maxOpenMs', maxOpenMs, openMs);
  if (failureRate !== undefined) {
    requireCount('failureRate.calls', failureRate.calls);
    if (!(failureRate.threshold > 0 && failureRate.threshold < 1)) {
      throw optionInvalid('failureRate.threshold', 'above 0 and below 1', failureRate.threshold);
    }
  }
  const found = findPort('withCircuitBreaker', port, ['llm', 'tools', 'context', 'state']);

  const breakers = new Map<string | undefined, Breaker>();
  const breakerOf = (tool: string | undefined): Breaker => {
    const known = breakers.get(tool);
    if (known !== undefined) return known;
    const made = makeBreaker({
      consecutiveFailures,
      failureRate,
      openMs,
      maxOpenMs,
      timers,
      onStateChange: (state) => notify(onStateChange, { port: found.kind, name: tool, state }),
    });
    breakers.set(tool, made);
    return made;
  };

  const verdictOn = (ending: Ending): Verdict => {
    if (ending.outcome !== 'error') return 'works';
    if (PantheonError.is(ending.error) && NOTHING.has(ending.error.code)) return 'nothing';
    return isFailure(ending.error) ? 'fails' : 'works';
  };

  let closed = false;
  return decorate(found, {
    ...gated((call) => {
      // The port itself refuses what comes after its close.
      if (closed) return { leave: () => undefined };
      const tool = call.port === 'tools' ? call.name : undefined;
      const report = breakerOf(tool).enter(describeCall(call));
      return {
        leave: (ending) => {
          // A name that a model made up shall not leave a circuit behind.
          if (ending.outcome === 'error' && PantheonError.is(ending.error, 'tool-unknown')) {
            breakers.delete(tool);
          }
          return report(verdictOn(ending));
        },
      };
    }),
    close: () => {
      closed = true;
    },
  }) as Decorated<P>;
};
