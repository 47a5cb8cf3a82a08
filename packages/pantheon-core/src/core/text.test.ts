import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contentProblem, isLongerThan, nameProblem } from './text.ts';

describe('the length in bytes', () => {
  test('is that of UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.nat(120), (text, limit) => {
        expect(isLongerThan(text, limit)).toBe(Buffer.byteLength(text) > limit);
      }),
    );
  });
});

describe('a name', () => {
  test.each([
    'a',
    'a b',
    '~',
    '天気',
    '🙂',
    'x'.repeat(256),
    'ü'.repeat(128),
    '🙂'.repeat(64),
    '__proto__',
    '*',
  ])('%s is one', (name) => expect(nameProblem(name)).toBeUndefined());

  test.each([
    '',
    '\n',
    'a\u0000',
    '\u001f',
    '\u007f',
    '\u0080',
    '\u009f',
    '\ud800',
    'a\udc00b',
    'x'.repeat(257),
    'ü'.repeat(129),
    7,
    null,
    undefined,
    {},
  ])('%j is none', (name) => expect(nameProblem(name)).toBeTypeOf('string'));
});

describe('a content', () => {
  test.each(['', 'a\nb\tc\r', '\u0001\u007f', '🙂', '\ufffe', 'x'.repeat(1_000)])(
    '%j is one',
    (content) => expect(contentProblem(content)).toBeUndefined(),
  );

  test.each([
    '\u0000',
    `${'x'.repeat(500)}\u0000`,
    '\ud83d',
    '\ude42\ud83d',
    `${'x'.repeat(500)}\ud83d`,
    7,
    undefined,
  ])('%j is none', (content) => expect(contentProblem(content)).toBeTypeOf('string'));
});
