import { PantheonError } from '@promethean/pantheon-core';

/** The longest delay of the host's timers. */
const MAX_TIMER_MS = 2_147_483_647;

/** An option, or a part of a request, that is wrong, with its path. */
export const invalid = (path: string, what: string): PantheonError =>
  new PantheonError('option-invalid', `${path}: ${what}`, { details: { path } });

/** Throws `option-invalid` unless the value lies between these bounds; undefined is fine. */
export const requireNumber = (
  path: string,
  value: number | undefined,
  { least, most = Number.MAX_SAFE_INTEGER }: { readonly least: number; readonly most?: number },
): void => {
  if (value === undefined) return;
  if (typeof value === 'number' && value >= least && value <= most) return;
  throw invalid(path, `must be a number from ${least} to ${most}`);
};

export const requireCount = (path: string, value: number | undefined, least: number): void => {
  requireNumber(path, value, { least });
  if (value !== undefined && !Number.isInteger(value)) throw invalid(path, 'must be an integer');
};

export const requireDuration = (path: string, ms: number | undefined): void => {
  if (ms !== Infinity) requireNumber(path, ms, { least: 1, most: MAX_TIMER_MS });
};
