import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PantheonError, errorInfo, errorMessage } from '@promethean/pantheon-core';
import { expect, test } from 'vitest';

const read = (path: string): string =>
  readFileSync(join(import.meta.dirname, '../../..', path), 'utf8');

test('docs/reference/errors.md documents exactly the codes of ErrorCode, in the same order', () => {
  const union =
    read('packages/pantheon-core/src/core/errors.ts')
      .split('export type ErrorCode =')[1]
      ?.split(';')[0] ?? '';
  const codes = [...union.matchAll(/'([a-z-]+)'/g)].map(([, code]) => code);
  const documented = [...read('docs/reference/errors.md').matchAll(/^\| `([a-z-]+)` +\|/gm)].map(
    ([, code]) => code,
  );
  expect(codes.length).toBeGreaterThan(40);
  expect(documented).toEqual(codes);
});

test('every code says what it means, whether to try again, and what to do', () => {
  const rows = read('docs/reference/errors.md').match(/^\| `[a-z-]+` .*$/gm) ?? [];
  for (const row of rows)
    expect(row).toMatch(/^\| `[a-z-]+` +\| \S.*\. +\| (?:yes|no|varies) +\| \S.*\. +\|$/);
});

test('the package carries that page along: packages/pantheon-core/docs/errors.md is a copy', () => {
  expect(read('packages/pantheon-core/docs/errors.md')).toBe(read('docs/reference/errors.md'));
});

test('an error tells its code, whether to try again, its cause and its details', () => {
  const cause = new Error('socket');
  const error = new PantheonError('llm-failed', 'no answer', {
    retryable: true,
    cause,
    details: { status: 503 },
  });
  expect(error).toMatchObject({
    name: 'PantheonError',
    code: 'llm-failed',
    retryable: true,
    cause,
    details: { status: 503 },
  });
  expect(errorInfo(error)).toEqual({ code: 'llm-failed', message: 'no answer', retryable: true });
  expect(errorInfo('text')).toEqual({ code: 'unexpected', message: 'text', retryable: false });
});

test.each([
  ['undefined', undefined, 'undefined'],
  ['null', null, 'null'],
  ['a symbol', Symbol('x'), 'Symbol(x)'],
  ['an object without a prototype', Object.create(null), 'an error that cannot be read'],
  ['a long string', 'x'.repeat(3_000), `${'x'.repeat(2_000)}…`],
])('the text of %s', (_, thrown, text) => {
  expect(errorMessage(thrown)).toBe(text);
});

test('the text of an error whose message throws', () => {
  const error = new Error('x');
  Object.defineProperty(error, 'message', {
    get: () => {
      throw new Error('trap');
    },
  });
  expect(errorMessage(error)).toBe('an error that cannot be read');
});
