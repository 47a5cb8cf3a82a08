import type { ILlmPort, IToolPort, Timers } from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';
import { decorate } from './decorate.ts';
import { gated } from './gated.ts';
import { makeLimiter } from './limiter.ts';
import { type Decorated, findPort } from './ports-by-kind.ts';
import {
  optionInvalid,
  requireCount,
  requireCountOrInfinity,
  requireDelay,
  requireTimeLimit,
} from './require-option.ts';

/** Settings of `withRateLimit`. */
export interface RateLimitOptions {
  /** Calls that may begin in any `intervalMs`. Default `Infinity`; this or `concurrency` is given. */
  readonly calls?: number;
  /** Milliseconds. Default 1,000. */
  readonly intervalMs?: number;
  /** Calls and streams that run at the same time. Default `Infinity`. */
  readonly concurrency?: number;
  /** How long a call waits for its turn, in milliseconds, or `Infinity`; its own `timeoutMs` holds as well. Default 60,000. */
  readonly maxWaitMs?: number;
  /** Calls that wait at the same time. Default 1,000. */
  readonly maxQueue?: number;
  /** Default: the process's. */
  readonly timers?: Timers;
}

/**
 * Lets calls of all models or tools of the port begin at a limited rate. What comes too early waits, first in, first out, until its turn, until
 * its signal aborts, or until its time is up: then it rejects with `unavailable`, and at once where its turn cannot come in time.
 * `details.retryAfterMs` tells when to come back. Nothing was done in either case.
 *
 * A tool that calls another tool of the same port holds its place while the other waits. Throws `option-invalid`.
 */
export const withRateLimit = <P extends ILlmPort | IToolPort>(
  port: P,
  options: RateLimitOptions,
): Decorated<P> => {
  const {
    calls = Infinity,
    intervalMs = 1_000,
    concurrency = Infinity,
    maxWaitMs = 60_000,
    maxQueue = 1_000,
    timers = hostTimers,
  } = options;
  requireCountOrInfinity('calls', calls);
  requireDelay('intervalMs', intervalMs, 1);
  requireCountOrInfinity('concurrency', concurrency);
  requireTimeLimit('maxWaitMs', maxWaitMs);
  requireCount('maxQueue', maxQueue);
  if (calls === Infinity && concurrency === Infinity) {
    throw optionInvalid('calls or concurrency', 'given', 'neither');
  }
  const found = findPort('withRateLimit', port, ['llm', 'tools']);
  const limiter = makeLimiter({ calls, intervalMs, concurrency, maxWaitMs, maxQueue, timers });
  return decorate(found, { ...gated(limiter.enter), close: limiter.end }) as Decorated<P>;
};
