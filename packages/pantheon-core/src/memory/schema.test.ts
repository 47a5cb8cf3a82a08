import { describe, expect, test } from 'vitest';
import { findViolation } from './schema.ts';

const pathOf = (schema: unknown, value: unknown): string | undefined =>
  findViolation(schema, value, 'args')?.path;

describe('types', () => {
  test.each<readonly [type: string, good: readonly unknown[], bad: readonly unknown[]]>([
    ['string', ['', 'a'], [1, null, ['a']]],
    ['number', [0, -1.5], ['1', Number.NaN, Infinity, true]],
    ['integer', [0, -3, 2 ** 60], [1.5, '1', Number.NaN]],
    ['boolean', [true, false], [0, 'true', null]],
    ['null', [null], [undefined, 0, '']],
    ['array', [[], [1]], [{}, 'a', null]],
    ['object', [{}, Object.create(null)], [[], null, 'a']],
  ])('%s', (type, good, bad) => {
    for (const value of good) expect(findViolation({ type }, value, 'args')).toBeUndefined();
    for (const value of bad)
      expect(findViolation({ type }, value, 'args')?.problem).toBe(`must be of type ${type}`);
  });

  test('several permit each', () => {
    expect(pathOf({ type: ['string', 'null'] }, null)).toBeUndefined();
    expect(findViolation({ type: ['string', 'null'] }, 1, 'args')?.problem).toBe(
      'must be of type string or null',
    );
  });
});

test('enum compares by value', () => {
  const schema = { enum: ['a', 1, null, { b: [2] }] };
  for (const value of ['a', 1, null, { b: [2] }]) expect(pathOf(schema, value)).toBeUndefined();
  for (const value of ['A', '1', undefined, { b: [3] }]) expect(pathOf(schema, value)).toBe('args');
});

describe('paths', () => {
  const schema = {
    type: 'object',
    required: ['name'],
    additionalProperties: false,
    properties: {
      name: { type: 'string' },
      list: { type: 'array', items: { type: 'object', properties: { n: { type: 'integer' } } } },
      off: false,
    },
  };
  test.each<readonly [value: unknown, path: string | undefined]>([
    [{ name: 'a', list: [{ n: 1 }, {}] }, undefined],
    [{ name: 'a', list: undefined }, undefined],
    [{}, 'args.name'],
    [{ name: undefined }, 'args.name'],
    [{ name: 'a', list: [{ n: 1 }, { n: 'x' }] }, 'args.list[1].n'],
    [{ name: 'a', other: 1 }, 'args.other'],
    [{ name: 'a', off: 1 }, 'args.off'],
    [JSON.parse('{"name":"a","__proto__":1}'), 'args.__proto__'],
    [{ name: 'a', toString: 1 }, 'args.toString'],
  ])('of %j is %s', (value, path) => {
    expect(pathOf(schema, value)).toBe(path);
  });

  test('a required name of Object.prototype is not there by inheritance', () => {
    expect(pathOf({ required: ['toString'] }, {})).toBe('args.toString');
  });
});

test('what is no schema, and keywords that are not checked, forbid nothing', () => {
  for (const schema of [
    undefined,
    true,
    null,
    {},
    { minLength: 5 },
    { type: 'unheard-of' },
    { properties: 7, required: 'x' },
  ]) {
    expect(pathOf(schema, { a: 'b' })).toBeUndefined();
  }
});
