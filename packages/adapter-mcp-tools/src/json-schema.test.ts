import { type Schema, Validator } from '@cfworker/json-schema';
import { describe, expect, test } from 'vitest';
import { canonicalJson, checkJson } from './json-schema.ts';
import type { Json } from './plain-json.ts';

const issuesOf = (schema: Json, value: Json): string[] =>
  checkJson(schema, value, 'args').map(({ path, message }) => `${path}: ${message}`);

/** Schemas without the keywords that are left to the server. */
const SCHEMAS: readonly Json[] = [
  true,
  false,
  {},
  { type: 'object' },
  { type: ['string', 'null'] },
  { type: 'integer', minimum: 0, exclusiveMaximum: 10 },
  { type: 'number', multipleOf: 0.1, maximum: 1 },
  { enum: [1, 'a', null, { b: [1, { c: 2 }] }] },
  { const: { a: 1, b: 2 } },
  { type: 'string', minLength: 1, maxLength: 3 },
  {
    type: 'object',
    required: ['a'],
    properties: { a: { type: 'string' } },
    additionalProperties: false,
  },
  { properties: { a: { type: 'integer' } }, additionalProperties: { type: 'string' } },
  { minProperties: 1, maxProperties: 1, propertyNames: { maxLength: 1 } },
  { dependentRequired: { a: ['b'] } },
  { type: 'array', items: { type: 'integer' }, minItems: 1, maxItems: 3, uniqueItems: true },
  { prefixItems: [{ type: 'string' }, { type: 'integer' }], items: false },
  { contains: { type: 'integer' }, minContains: 1, maxContains: 2 },
  { anyOf: [{ type: 'string' }, { type: 'integer', minimum: 5 }] },
  { oneOf: [{ type: 'integer' }, { type: 'number', minimum: 1 }] },
  { allOf: [{ type: 'object' }, { required: ['b'] }] },
  { not: { type: 'object', required: ['a'] } },
  { if: { type: 'integer' }, then: { minimum: 2 }, else: { type: 'string' } },
  {
    $ref: '#/$defs/tree',
    $defs: { tree: { type: 'object', properties: { a: { $ref: '#/$defs/tree' } } } },
  },
  { properties: { 'a/b~c': { $ref: '#/properties/x' }, x: { type: 'integer' } } },
];

const VALUES: readonly Json[] = [
  null,
  true,
  0,
  1,
  0.3,
  7,
  -1,
  1.5,
  '',
  'a',
  'abcd',
  '💥💥💥',
  [],
  [1],
  [1, 1],
  [1, 2, 3, 4],
  ['a', 1],
  ['a', 1, null],
  [{ a: 1 }, { a: 1 }],
  {},
  { a: 'x' },
  { a: 1 },
  { b: 2 },
  { a: 1, b: 2 },
  { b: [1, { c: 2 }] },
  { b: 2, a: 1 },
  { c: 'x', a: 1 },
  { a: { a: 1 } },
  { a: { a: {} } },
  { 'a/b~c': 'x' },
  { 'a/b~c': 1 },
  { toString: 1 },
];

test('says the same as a complete validator about what is not left to the server', () => {
  let compared = 0;
  for (const schema of SCHEMAS) {
    for (const value of VALUES) {
      const reference = new Validator(structuredClone(schema) as Schema | boolean, '2020-12');
      const expected = reference.validate(structuredClone(value)).valid;
      const issues = issuesOf(schema, value);
      const text = `${JSON.stringify(value)} against ${JSON.stringify(schema)}: ${issues.join('; ')}`;
      expect({ text, valid: issues.length === 0 }).toEqual({ text, valid: expected });
      compared += 1;
    }
  }
  expect(compared).toBe(SCHEMAS.length * VALUES.length);
});

describe('what only the server can tell', () => {
  const pattern = { pattern: '^b' };

  test.each<[string, Json]>([
    ['a pattern', pattern],
    ['a negated pattern', { not: pattern }],
    ['one of several patterns', { oneOf: [pattern, { pattern: '^a' }] }],
    ['any of several patterns', { anyOf: [pattern, { pattern: '^c' }] }],
    ['a condition with a pattern', { if: pattern, then: false, else: false }],
    ['a reference to elsewhere', { $ref: '#somewhere' }],
  ])('is let through: %s', (_, schema) => {
    expect(issuesOf(schema, 'a')).toEqual([]);
  });

  test('does not hide what is certain', () => {
    expect(issuesOf({ type: 'number', ...pattern }, 'a')).toEqual([
      'args: must be of the type number, not string',
    ]);
    expect(issuesOf({ oneOf: [{ type: 'string' }, { minLength: 1 }, pattern] }, 'a')).toEqual([
      'args: matches more than one of the alternatives',
    ]);
    const closed = {
      patternProperties: { '^x-': {} },
      additionalProperties: false,
      required: ['a'],
    };
    expect(issuesOf(closed, { 'x-b': 1, b: 1 })).toEqual(['args.a: is missing']);
  });
});

test('names the path of each issue, at most five', () => {
  const schema = { properties: { list: { items: { properties: { 'a b': { type: 'string' } } } } } };
  const value = { list: Array.from({ length: 9 }, () => ({ 'a b': 1 })) };
  const issues = issuesOf(schema, value);
  expect(issues).toHaveLength(5);
  expect(issues[0]).toBe('args.list[0]["a b"]: must be of the type string, not number');
});

test('canonical text does not depend on the order of members', () => {
  expect(canonicalJson({ b: [1, { d: 1, c: 2 }], a: 'x' })).toBe('{"a":"x","b":[1,{"c":2,"d":1}]}');
});
