const FACTORS = [1, 5, 30, 120];
const MAX_DELAY_MS = 2_147_483_647;

/** Milliseconds between the delivery `attempts` (from 1) of a message and the next: 1, 5, 30 and then 120 times the first delay. */
export const retryDelay = (attempts: number, firstDelayMs: number): number => {
  const factor = FACTORS[Math.min(attempts, FACTORS.length) - 1] as number;
  return Math.min(firstDelayMs * factor, MAX_DELAY_MS);
};
