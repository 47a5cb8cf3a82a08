import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalText } from './canonical-text.ts';

/** The same data with the keys of every object the other way round. */
const reversed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([key, member]) => [key, reversed(member)]));
};

test('equal data have one text, whatever the order of their keys, and different data have two', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      expect(canonicalText(reversed(a))).toBe(canonicalText(a));
      const equal =
        JSON.stringify(JSON.parse(canonicalText(a) ?? '')) ===
        JSON.stringify(JSON.parse(canonicalText(b) ?? ''));
      expect(canonicalText(a) === canonicalText(b)).toBe(equal);
      expect(JSON.parse(canonicalText(a) ?? '')).toEqual(JSON.parse(JSON.stringify(a)));
    }),
  );
});

test('a member that is undefined counts as absent, a place in a list does not', () => {
  expect(canonicalText({ a: 1, b: undefined })).toBe(canonicalText({ a: 1 }));
  const lists = [[], [undefined], [null], [undefined, undefined]];
  expect(new Set(lists.map(canonicalText)).size).toBe(4);
});

test('what is no plain data has no text', () => {
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  const values = [
    new Date(),
    new Map(),
    () => 1,
    1n,
    Number.NaN,
    { deep: [new Set()] },
    { [Symbol('key')]: 1 },
    cyclic,
    undefined,
  ];
  expect(values.map(canonicalText)).toEqual(values.map(() => undefined));
});
