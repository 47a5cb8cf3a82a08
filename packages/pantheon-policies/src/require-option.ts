import { PantheonError } from '@promethean/pantheon-core';

/** The longest delay of the host's timers. */
const MAX_TIMER_MS = 2_147_483_647;

/** An option that is wrong, with its path. */
export const optionInvalid = (path: string, rule: string, value: unknown): PantheonError =>
  new PantheonError('option-invalid', `${path} must be ${rule}, not ${String(value)}.`, {
    details: { path },
  });

/** Whether a value can be a time limit. */
export const isTimeLimit = (value: unknown): value is number =>
  typeof value === 'number' && value > 0 && (value <= MAX_TIMER_MS || value === Infinity);

export const requireTimeLimit = (path: string, value: unknown): void => {
  if (!isTimeLimit(value)) {
    throw optionInvalid(path, `milliseconds above 0, at most ${MAX_TIMER_MS}, or Infinity`, value);
  }
};

/** For times that a timer waits for. */
export const requireDelay = (path: string, value: unknown, least = 0): void => {
  if (!(typeof value === 'number' && value >= least && value <= MAX_TIMER_MS)) {
    throw optionInvalid(path, `milliseconds from ${least} to ${MAX_TIMER_MS}`, value);
  }
};

export const requireCount = (path: string, value: unknown): void => {
  if (!(Number.isSafeInteger(value) && (value as number) >= 1)) {
    throw optionInvalid(path, 'an integer from 1', value);
  }
};

export const requireCountOrInfinity = (path: string, value: unknown): void => {
  if (value !== Infinity) requireCount(path, value);
};

/** Names, exact or with a trailing `*`. */
export const requirePatterns = (path: string, value: unknown): void => {
  if (!Array.isArray(value) || !value.every((name) => typeof name === 'string' && name !== '')) {
    throw optionInvalid(path, 'a list of names, exact or with a trailing *', value);
  }
};
