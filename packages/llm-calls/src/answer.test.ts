import { PantheonError } from '@promethean/pantheon-core';
import { describe, expect, test } from 'vitest';
import { compileAnswerSchema } from './answer-schema.ts';
import { toMessage } from './answer.ts';
import type { CallParts, Expected } from './answer.ts';

const EXPECTED: Expected = {
  names: new Map([['add', 'math.add']]),
  isJson: false,
  check: undefined,
};
const call = (args: unknown, id: unknown = 'a', name: unknown = 'add'): CallParts => ({
  id: { value: id, path: 'id' },
  name: { value: name, path: 'name' },
  args: { value: args, path: 'args' },
});
const read = (text: string, calls: readonly CallParts[] = [], expected: Partial<Expected> = {}) =>
  toMessage({ value: text, path: 'text' }, calls, 'calls', { ...EXPECTED, ...expected });
const problemOf = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return PantheonError.is(error, 'llm-malformed') && error.details['path'];
  }
};

describe('a message', () => {
  test.each([
    ['', {}],
    ['{"n":1}', { n: 1 }],
    [{ n: [1] }, { n: [1] }],
  ])('has the arguments %j', (args, expected) => {
    expect(read('', [call(args)])).toEqual({
      role: 'assistant',
      content: '',
      toolCalls: [{ id: 'a', name: 'math.add', args: expected }],
    });
  });

  test.each([
    [[call('{"n":')], 'args'],
    [[call('[]')], 'args'],
    [[call(null)], 'args'],
    [[call(undefined)], 'args'],
    [[call(`{"n":"${'x'.repeat(262_144)}"}`)], 'args'],
    [[call({ n: 'x'.repeat(262_144) })], 'args'],
    [[call(`{"n":${'['.repeat(64)}${']'.repeat(64)}}`)], 'args'],
    [[call('{"n":{"__proto__":1}}')], 'args'],
    [[call({ n: [{ constructor: 1 }] })], 'args'],
    [[call('{}', '')], 'id'],
    [[call('{}', 7)], 'id'],
    [[call('{}', 'a', 'drop')], 'name'],
    [[call('{}', 'a', 'constructor')], 'name'],
    [[call('{}', 'a', 7)], 'name'],
    [[call('{}'), call('{}')], 'calls'],
    [[], 'text'],
  ])('has no broken part (%#)', (calls, path) => {
    expect(problemOf(() => read('', calls))).toBe(path);
  });

  test('is JSON where that was asked for, unless a tool comes first', () => {
    expect(problemOf(() => read('Sure!', [], { isJson: true }))).toBe('text');
    expect(read('Sure!', [call('{}')], { isJson: true })).toMatchObject({ content: 'Sure!' });
    const check = compileAnswerSchema({ required: ['n'] });
    expect(problemOf(() => read('{}', [], { isJson: true, check }))).toBe('text');
    expect(read('{"n":1}', [], { isJson: true, check })).toMatchObject({ content: '{"n":1}' });
  });
});

describe('a schema', () => {
  const schema = {
    properties: { items: { items: { properties: { 'a/b': { type: 'string' } } } }, no: false },
  };
  test.each([
    [{ items: [{}, { 'a/b': 1 }] }, 'root.items[1].a/b'],
    [{ no: 1 }, 'root.no'],
  ])('tells where %j does not fit', (value, path) => {
    expect(problemOf(() => compileAnswerSchema(schema)('root', value))).toBe(path);
  });

  test('that follows a value deeper than the stack blames the value', () => {
    const nested = { $defs: { n: { items: { $ref: '#/$defs/n' } } }, $ref: '#/$defs/n' };
    const deep: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    expect(problemOf(() => compileAnswerSchema(nested)('root', deep))).toBe('root');
  });

  test('is not written into', () => {
    const frozen = Object.freeze({ properties: Object.freeze({ a: Object.freeze({}) }) });
    compileAnswerSchema(frozen)('root', { a: 1 });
  });

  test.each([
    { $ref: '#/$defs/none' },
    { properties: { a: { $ref: 'https://example.com/schema' } } },
    { $ref: 3 },
    { properties: { a: { pattern: '(' } } },
    { patternProperties: { '(': {} } },
    { type: 'strnig' },
    { properties: { a: { type: ['string', 'nil'] } } },
    { type: 3 },
  ])('that cannot be checked is refused: %j', (unusable) => {
    expect(() => compileAnswerSchema(unusable)).toThrowError(
      expect.objectContaining({ code: 'option-invalid', details: { path: 'format' } }) as Error,
    );
  });
});
