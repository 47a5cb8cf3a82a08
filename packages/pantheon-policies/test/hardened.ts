import type { ILlmPort } from '@promethean/pantheon-core';
import {
  withCache,
  withCircuitBreaker,
  withFallback,
  withMetrics,
  withRateLimit,
  withRetry,
  withTimeout,
} from '@promethean/pantheon-policies';

export const hardened = (primary: ILlmPort, secondary: ILlmPort): ILlmPort =>
  withMetrics(
    withCache(
      withFallback([
        withCircuitBreaker(
          withRetry(withTimeout(withRateLimit(primary, { calls: 10 }), { timeoutMs: 20_000 }), {
            attempts: 2,
          }),
        ),
        secondary,
      ]),
    ),
    { onCall: ({ method, durationMs, outcome }) => console.log(method, durationMs, outcome) },
  );
