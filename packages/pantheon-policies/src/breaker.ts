import { PantheonError, type Timers } from '@promethean/pantheon-core';
import {
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  CountBreaker,
  handleWhenResult,
  type IBackoff,
} from 'cockatiel';
import { growingDelays } from './growing-delays.ts';

/** What a call says of the service behind it; `nothing` where it did not come to an answer. */
export type Verdict = 'works' | 'fails' | 'nothing';

export type BreakerState = 'closed' | 'open' | 'half-open';

export interface BreakerOptions {
  readonly consecutiveFailures: number;
  readonly failureRate: { readonly threshold: number; readonly calls: number } | undefined;
  readonly openMs: number;
  readonly maxOpenMs: number;
  readonly timers: Timers;
  readonly onStateChange: (state: BreakerState) => void;
}

/** One circuit. */
export interface Breaker {
  /** Lets a call in, and returns what it reports its verdict with; resolves when the circuit has taken it into account. */
  readonly enter: (what: string) => (verdict: Verdict) => Promise<void>;
}

const STATES: Readonly<Record<CircuitState, BreakerState>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
};

/**
 * Cockatiel's circuit, on an injected clock. Cockatiel itself reads the wall clock, to compare what passed since the circuit opened
 * with the `duration` of a backoff; this backoff knows by its own clock whether the time is over, and answers with an infinite
 * duration until then. So no jump of the wall clock opens or closes a circuit.
 */
export const makeBreaker = (options: BreakerOptions): Breaker => {
  const { consecutiveFailures, failureRate, openMs, maxOpenMs, timers } = options;
  let probeAt = 0;
  const openFor = (delays: IBackoff<unknown>): IBackoff<unknown> => {
    probeAt = timers.now() + delays.duration;
    return {
      get duration() {
        return timers.now() < probeAt ? Infinity : -Infinity;
      },
      next: (context) => openFor(delays.next(context)),
    };
  };
  const circuit = circuitBreaker(
    handleWhenResult((verdict) => verdict === 'fails'),
    {
      halfOpenAfter: { next: () => openFor(growingDelays(openMs, maxOpenMs)) },
      breaker:
        failureRate === undefined
          ? new ConsecutiveBreaker(consecutiveFailures)
          : new CountBreaker({ threshold: failureRate.threshold, size: failureRate.calls }),
    },
  );
  circuit.onStateChange((state) => options.onStateChange(STATES[state]));

  /** The call that tries an open circuit. */
  let probe: { readonly since: number; readonly giveUp: () => void } | undefined;

  const refused = (what: string): PantheonError => {
    const retryAfterMs = Math.max(0, Math.ceil(probeAt - timers.now()));
    return new PantheonError(
      'unavailable',
      `${what} was not made: the circuit is open after repeated failures. Try again in ${retryAfterMs} ms.`,
      { retryable: true, details: { retryAfterMs, circuit: STATES[circuit.state] } },
    );
  };

  return {
    enter: (what) => {
      if (circuit.state === CircuitState.HalfOpen) {
        // A probe that never ends would keep the circuit half open for ever. Others do not wait for it.
        if (probe !== undefined && timers.now() - probe.since >= openMs) probe.giveUp();
        throw refused(what);
      }
      const isProbe = circuit.state === CircuitState.Open;
      let report: (verdict: Verdict) => void = () => undefined;
      const verdict = new Promise<Verdict>((resolve, reject) => {
        report = (given) => {
          if (given !== 'nothing') resolve(given);
          else if (isProbe) resolve('fails');
          else reject(NO_VERDICT); // What cockatiel does not handle counts neither way.
        };
      });
      let isIn = false;
      const counted = circuit
        .execute(() => {
          isIn = true;
          return verdict;
        })
        .then(ignore, ignore);
      if (!isIn) throw refused(what);
      if (isProbe) probe = { since: timers.now(), giveUp: () => report('fails') };
      return (given) => {
        report(given);
        return counted;
      };
    },
  };
};

const NO_VERDICT: Error = new Error('The call came to no verdict.');
const ignore = (): void => undefined;
