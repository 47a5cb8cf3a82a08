import { pathText } from './path.ts';

/** A value as JSON carries it. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** What a value must keep to. */
export interface JsonLimits {
  /** The name of the whole value in paths: `args`, `result`. */
  readonly root: string;
  /** Levels of nesting at most. */
  readonly maxDepth: number;
  /** Values in all at most, containers included. */
  readonly maxNodes: number;
  /** Bytes at most: UTF-8 of the value as JSON text, not counting what escaping adds. */
  readonly maxBytes: number;
  /** Keys that no object may have, besides `__proto__`. */
  readonly forbiddenKeys?: ReadonlySet<string>;
  /** Makes the error to throw. */
  readonly refuse: (kind: 'invalid' | 'too-large', path: string, problem: string) => Error;
}

/**
 * Copies a value that JSON can carry and refuses any other, with its path. Members with the value `undefined` are left out. Stops
 * at the first limit that is exceeded, so that an enormous value costs no more than a permitted one.
 */
export const copyJson = (value: unknown, limits: JsonLimits): Json => {
  const { root, maxDepth, maxNodes, maxBytes, forbiddenKeys, refuse } = limits;
  const path: (string | number)[] = [];
  let nodes = 0;
  let bytes = 0;

  const fail = (kind: 'invalid' | 'too-large', problem: string): never => {
    throw refuse(kind, pathText(root, path), problem);
  };
  const grow = (count: number): void => {
    bytes += count;
    if (bytes > maxBytes) fail('too-large', `makes the whole exceed ${maxBytes} bytes`);
  };
  const growByText = (text: string): void => {
    // UTF-8 never has fewer bytes than the string has units, so a gigantic string is refused without being read.
    grow(text.length > maxBytes ? text.length : Buffer.byteLength(text) + 2);
  };

  const copyMembers = (object: Readonly<Record<string, unknown>>): Json => {
    const copied: { [key: string]: Json } = {};
    for (const key of Object.keys(object)) {
      path.push(key);
      if (key === '__proto__' || forbiddenKeys?.has(key))
        fail('invalid', 'is a key that is not allowed');
      const member = object[key];
      if (member !== undefined) {
        growByText(key);
        copied[key] = copy(member);
      }
      path.pop();
    }
    return copied;
  };

  const copyContainer = (container: object): Json => {
    if (path.length >= maxDepth) fail('too-large', `is nested deeper than ${maxDepth} levels`);
    if (Array.isArray(container)) {
      return Array.from(container as readonly unknown[], (item, index) => {
        path.push(index);
        const copied = copy(item);
        path.pop();
        return copied;
      });
    }
    const prototype: unknown = Object.getPrototypeOf(container);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
      fail('invalid', 'is not plain data');
    return copyMembers(container as Readonly<Record<string, unknown>>);
  };

  const copy = (item: unknown): Json => {
    nodes += 1;
    if (nodes > maxNodes) fail('too-large', `makes the whole exceed ${maxNodes} values`);
    grow(2);
    if (typeof item === 'string') {
      growByText(item);
      return item.isWellFormed()
        ? item
        : fail('invalid', 'has half of a surrogate pair; use toWellFormed()');
    }
    if (item === null || typeof item === 'boolean') return item;
    if (typeof item === 'number')
      return Number.isFinite(item) ? item : fail('invalid', `is ${item}, which JSON cannot carry`);
    if (typeof item !== 'object')
      return fail('invalid', `is of the type ${typeof item}, which JSON cannot carry`);
    return copyContainer(item);
  };

  return copy(value);
};
