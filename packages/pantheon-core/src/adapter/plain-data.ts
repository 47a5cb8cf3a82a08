import type { JsonValue } from '../core/types.ts';
import { textProblem } from '../core/text.ts';

const MAX_DEPTH = 64;

/** Makes plain data unchangeable, in depth. */
export const deepFreeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
};

const isPlain = (value: object): value is Readonly<Record<string, unknown>> => {
  const prototype: unknown = Object.getPrototypeOf(value);
  // The prototype of all objects has none itself, in this realm and in any other.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};

/** Sets a member whatever its name; an assignment to `__proto__` would set the prototype. */
const put = (target: object, key: string, value: unknown): void => {
  Object.defineProperty(target, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
};

/**
 * A deep copy of a JSON value. What not every store can carry without loss (undefined, a function, a date, NaN, a cycle, a depth
 * over 64, a lone surrogate, U+0000) goes to `refuse`, with its path, and `refuse` throws.
 */
export const copyJson = (
  value: unknown,
  path: string,
  refuse: (path: string, problem: string) => never,
  depth = 0,
): JsonValue => {
  switch (typeof value) {
    case 'string': {
      const problem = textProblem(value);
      return problem === undefined ? value : refuse(path, problem);
    }
    case 'boolean':
      return value;
    case 'number':
      // JSON has no minus zero.
      return Number.isFinite(value) ? value + 0 : refuse(path, `is ${String(value)}`);
    case 'object':
      if (value === null) return null;
      if (depth === MAX_DEPTH)
        return refuse(path, `is nested deeper than ${MAX_DEPTH} levels, or contains itself`);
      if (Array.isArray(value)) {
        return Array.from(value as readonly unknown[], (item, index) =>
          copyJson(item, `${path}[${index}]`, refuse, depth + 1),
        );
      }
      if (isPlain(value)) {
        const copy = {};
        for (const [key, member] of Object.entries(value)) {
          const problem = textProblem(key);
          if (problem !== undefined) refuse(path, `has a key that ${problem}`);
          put(copy, key, copyJson(member, `${path}.${key}`, refuse, depth + 1));
        }
        return copy;
      }
      return refuse(path, 'is an object of a class');
    default:
      return refuse(path, `is of type ${typeof value}`);
  }
};

/** A record without a prototype, so that no key is there that was not set. */
export const copyMetadata = (
  value: unknown,
  path: string,
  refuse: (path: string, problem: string) => never,
): Record<string, JsonValue> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refuse(path, 'is no object');
  return Object.assign(
    Object.create(null) as Record<string, JsonValue>,
    copyJson(value, path, refuse),
  );
};
