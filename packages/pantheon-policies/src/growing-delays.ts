import { ExponentialBackoff, type IBackoff, noJitterGenerator } from 'cockatiel';

/**
 * Delays that double from `firstMs` up to `mostMs`. Without cockatiel's jitter, whose randomness cannot be injected.
 */
export const growingDelays = (firstMs: number, mostMs: number): IBackoff<unknown> =>
  new ExponentialBackoff({
    generator: noJitterGenerator,
    initialDelay: firstMs,
    maxDelay: mostMs,
  }).next();
