import type { PantheonError } from '@promethean/pantheon-core';
import { expect } from 'vitest';

/** The error of a call that must fail. */
export const failure = async (call: Promise<unknown>): Promise<PantheonError> => {
  const [result] = await Promise.allSettled([call]);
  expect(result.status, 'the call must fail').toBe('rejected');
  return (result as PromiseRejectedResult).reason as PantheonError;
};
