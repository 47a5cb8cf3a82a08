import { PantheonError } from '@promethean/pantheon-core';

/** The longest delay of the host's timers. */
export const MAX_TIMER_MS = 2_147_483_647;

/** An option, or a part of a request, that is wrong, with its path. */
export const invalid = (path: string, what: string): PantheonError =>
  new PantheonError('option-invalid', `${path}: ${what}`, { details: { path } });

export const requireInteger = (path: string, value: number, least: number): void => {
  if (!Number.isSafeInteger(value) || value < least) {
    throw invalid(path, `must be an integer from ${least}`);
  }
};

export const requireMs = (path: string, ms: number): void => {
  if (typeof ms !== 'number' || (ms !== Infinity && !(ms >= 1 && ms <= MAX_TIMER_MS))) {
    throw invalid(path, `must be milliseconds from 1 to ${MAX_TIMER_MS}, or Infinity`);
  }
};
