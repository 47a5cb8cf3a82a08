/** Milliseconds that a host's timer can wait at most. */
const MOST_TIMEOUT_MS = 2_147_483_647;
const LEAST_RESULT_BYTES = 256;
const MOST_RESULT_BYTES = 1_048_576;

export const TIMEOUT_RULE: string = `must be a number of milliseconds above 0, at most ${MOST_TIMEOUT_MS}, or Infinity`;
export const RESULT_RULE: string = `must be an integer from ${LEAST_RESULT_BYTES} to ${MOST_RESULT_BYTES}`;

/** Whether `TIMEOUT_RULE` holds. */
export const isTimeout = (value: unknown): boolean =>
  typeof value === 'number' && (value === Infinity || (value > 0 && value <= MOST_TIMEOUT_MS));

/** Whether `RESULT_RULE` holds. */
export const isResultLimit = (value: number): boolean =>
  Number.isInteger(value) && value >= LEAST_RESULT_BYTES && value <= MOST_RESULT_BYTES;
