import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { copyJson, copyMetadata } from './plain-data.ts';

const refuse = (path: string, problem: string): never => {
  throw new Error(`${path} ${problem}`);
};

describe('a copy of JSON', () => {
  test('is equal and shares nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const copy = copyJson(value, 'value', refuse);
        expect(JSON.stringify(copy)).toBe(JSON.stringify(value));
        if (typeof value === 'object' && value !== null) expect(copy).not.toBe(value);
      }),
    );
  });

  test('keeps __proto__ as a key like any other', () => {
    const copy = copyJson(
      JSON.parse('{"__proto__":{"a":1},"constructor":2}'),
      'value',
      refuse,
    ) as object;
    expect(Object.keys(copy)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect((copy as { a?: number }).a).toBeUndefined();
    const metadata = copyMetadata(JSON.parse('{"__proto__":{"a":1}}'), 'value', refuse);
    expect(Object.getPrototypeOf(metadata)).toBeNull();
    expect(Object.keys(metadata)).toEqual(['__proto__']);
  });

  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  class Point {
    readonly x = 1;
  }
  test.each<readonly [what: string, value: unknown, path: string]>([
    ['undefined', { a: undefined }, 'value.a is of type undefined'],
    ['a function', { a: [() => 1] }, 'value.a[0] is of type function'],
    ['a bigint', 1n, 'value is of type bigint'],
    ['NaN', { a: Number.NaN }, 'value.a is NaN'],
    ['a date', { at: new Date(0) }, 'value.at is an object of a class'],
    ['an object of a class', new Point(), 'value is an object of a class'],
    ['a hole', [1, , 2], 'value[1] is of type undefined'], // oxlint-disable-line no-sparse-arrays
    ['a cycle', cyclic, 'is nested deeper than 64 levels'],
  ])('refuses %s', (_, value, message) => {
    expect(() => copyJson(value, 'value', refuse)).toThrow(message);
  });
});
