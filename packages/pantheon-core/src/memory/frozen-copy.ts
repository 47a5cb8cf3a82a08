import { type ErrorCode, PantheonError } from '../core/errors.ts';
import { deepFreeze } from '../adapter/plain-data.ts';
import { hostClone } from './host.ts';

/**
 * A deep copy that nobody can change, so that it can be handed out again and again. What is not plain data, for instance a
 * function, throws an error with that code.
 */
export const frozenCopy = <T>(value: T, code: ErrorCode, what: string): T => {
  try {
    return deepFreeze(hostClone(value));
  } catch (error) {
    throw new PantheonError(code, `${what} must be plain data.`, { cause: error });
  }
};
