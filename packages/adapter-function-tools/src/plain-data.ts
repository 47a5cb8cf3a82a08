import { PantheonError } from '@promethean/pantheon-core';
import { pathText } from './path.ts';

/** What a value must keep to. */
export interface PlainDataRules {
  /** The name of the whole value in paths: `args`, `result`. */
  readonly root: string;
  /** Levels of nesting at most; a scalar has none. */
  readonly maxDepth: number;
  /** Values in all at most, containers included. */
  readonly maxNodes: number;
  /** Bytes at most: UTF-8 of the value as JSON text, not counting what escaping adds. */
  readonly maxBytes: number;
  /** Keys that no object may have, besides `__proto__`. */
  readonly forbiddenKeys: ReadonlySet<string>;
  /** Whether a string with a lone surrogate is refused. */
  readonly wellFormed: boolean;
  /** Makes the error to throw. */
  readonly refuse: (kind: 'invalid' | 'too-large', path: string, problem: string) => PantheonError;
}

const ADVICE: Readonly<Record<string, string>> = {
  Buffer: "use toString('base64')",
  Date: 'use toISOString()',
  Map: 'use Object.fromEntries()',
  Promise: 'await it',
  Set: 'use an array',
  Uint8Array: "use Buffer.from(bytes).toString('base64')",
  bigint: 'use a string',
};

const kindOf = (value: object): string => {
  const maker: unknown = (Object.getPrototypeOf(value) as { constructor?: unknown }).constructor;
  return typeof maker === 'function' && maker.name !== '' ? maker.name.slice(0, 80) : 'object';
};

const problemOf = (kind: string): string => {
  const advice = Object.hasOwn(ADVICE, kind) ? `; ${ADVICE[kind]}` : '';
  return `is of the type ${kind}, which is not plain data${advice}`;
};

/**
 * Copies a value that JSON can carry, and refuses any other: cycles, class instances, functions, NaN. Members with the value
 * `undefined` are left out, as JSON does. Reads every member once, and stops at the first limit that is exceeded, so that an
 * enormous value costs no more than a permitted one.
 */
export const copyPlainData = (value: unknown, rules: PlainDataRules): unknown => {
  const path: (string | number)[] = [];
  const ancestors: object[] = [];
  let nodes = 0;
  let bytes = 0;

  const refuse = (kind: 'invalid' | 'too-large', problem: string): PantheonError =>
    rules.refuse(kind, pathText(rules.root, path), problem);

  const grow = (count: number): void => {
    bytes += count;
    if (bytes > rules.maxBytes)
      throw refuse('too-large', `makes the whole exceed ${rules.maxBytes} bytes`);
  };

  const growByText = (text: string): void => {
    // UTF-8 never has fewer bytes than the string has units, so a gigantic string is refused without being read.
    if (text.length > rules.maxBytes) grow(text.length);
    grow(Buffer.byteLength(text) + 2);
    if (rules.wellFormed && !text.isWellFormed()) {
      throw refuse('invalid', 'has half of a surrogate pair; use toWellFormed()');
    }
  };

  const read = (container: object, key: string | number): unknown => {
    try {
      return (container as Record<string | number, unknown>)[key];
    } catch {
      throw refuse('invalid', 'cannot be read');
    }
  };

  const copyArray = (list: readonly unknown[]): unknown[] => {
    const copied: unknown[] = [];
    for (let index = 0; index < list.length; index += 1) {
      path.push(index);
      copied.push(copy(read(list, index)));
      path.pop();
    }
    return copied;
  };

  const copyObject = (object: object): Record<string, unknown> => {
    const prototype: unknown = Object.getPrototypeOf(object);
    // Whoever inherits from nothing but an object without prototype is plain, in whatever realm it was made.
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      throw refuse('invalid', problemOf(kindOf(object)));
    }
    const copied: Record<string, unknown> = {};
    for (const key of Object.keys(object)) {
      path.push(key);
      if (key === '__proto__' || rules.forbiddenKeys.has(key))
        throw refuse('invalid', 'is a key that is not allowed');
      const member = read(object, key);
      if (member !== undefined) {
        growByText(key);
        copied[key] = copy(member);
      }
      path.pop();
    }
    return copied;
  };

  const copy = (item: unknown): unknown => {
    nodes += 1;
    if (nodes > rules.maxNodes)
      throw refuse('too-large', `makes the whole exceed ${rules.maxNodes} values`);
    if (typeof item === 'string') {
      growByText(item);
      return item;
    }
    grow(2);
    if (item === null || typeof item === 'boolean') return item;
    if (typeof item === 'number') {
      if (Number.isFinite(item)) return item;
      throw refuse('invalid', `is ${item}, which JSON cannot carry`);
    }
    if (typeof item !== 'object') throw refuse('invalid', problemOf(typeof item));
    if (ancestors.includes(item)) throw refuse('invalid', 'refers to an object that contains it');
    if (ancestors.length >= rules.maxDepth) {
      throw refuse('too-large', `is nested deeper than ${rules.maxDepth} levels`);
    }
    ancestors.push(item);
    const copied = Array.isArray(item) ? copyArray(item) : copyObject(item);
    ancestors.pop();
    return copied;
  };

  try {
    return copy(value);
  } catch (error) {
    if (PantheonError.is(error)) throw error;
    throw refuse('invalid', 'cannot be read'); // A proxy whose traps throw.
  }
};
