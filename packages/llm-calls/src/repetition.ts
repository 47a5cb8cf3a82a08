import type { PantheonError } from '@promethean/pantheon-core';

/** Whether sending the same request again is worth it: nothing was wrong with the request, and no answer came. */
export const isRepeatable = ({ code, retryable }: PantheonError): boolean =>
  retryable && (code === 'llm-failed' || code === 'llm-rate-limited' || code === 'llm-truncated');

/**
 * Milliseconds before repetition `attempt` (from 0): at least what the server asked for and up to a fifth more, else anything up to
 * 1, 2, 4 ... 30 seconds.
 */
export const delayMs = (failure: PantheonError, attempt: number, random: () => number): number => {
  const told = failure.details['retryAfterMs'];
  return typeof told === 'number'
    ? told * (1 + 0.2 * random())
    : Math.min(30_000, 1_000 * 2 ** attempt) * random();
};
