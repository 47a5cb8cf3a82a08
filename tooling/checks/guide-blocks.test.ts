import { expect, test } from 'vitest';
import { applyDiff, missingFrom, readGuide } from './registry/guide-blocks.ts';

test('a guide is the list of its blocks, with the files that they are for', () => {
  const guide = [
    '# Guide',
    '```sh fails',
    'npm test',
    '```',
    '```text',
    'no',
    '```',
    '```ts',
    '// src/a.ts',
    'export {};',
    '```',
    '```diff',
    '--- src/a.ts',
    '+new',
    '```',
    '````md',
    '<!-- README.md -->',
    '```sh',
    'ls',
    '```',
    '````',
  ].join('\n');
  expect(readGuide(guide)).toEqual([
    { kind: 'run', script: 'npm test\n', mayFail: true, line: 2 },
    { kind: 'expect', text: 'no\n', line: 5 },
    { kind: 'write', file: 'src/a.ts', text: '// src/a.ts\nexport {};\n', line: 8 },
    { kind: 'patch', file: 'src/a.ts', text: '+new\n', line: 12 },
    { kind: 'write', file: 'README.md', text: '<!-- README.md -->\n```sh\nls\n```\n', line: 16 },
  ]);
});

test.each([
  ['```ts\nexport {};\n```', 'The block "ts" in line 1 of the guide does not begin with'],
  ['\n```diff\n+new\n```', 'The block "diff" in line 2 of the guide does not begin with'],
  ['```sh later\nls\n```', 'says "later"'],
  ['```rust\nfn main() {}\n```', 'is of no kind that can be followed'],
])('a block that cannot be followed is refused: %j', (guide, problem) => {
  expect(() => readGuide(guide)).toThrow(problem);
});

test('the hunks of a diff are applied one after the other, each where its context stands', () => {
  const text = 'one\nsame\n\ntwo\nsame\nthree\n';
  expect(applyDiff(text, ' one\n-same\n+other\n@@\n\n two\n same\n+more\n')).toBe(
    'one\nother\n\ntwo\nsame\nmore\nthree\n',
  );
});

test('a diff whose context is not there, or stands before the hunk above, is refused', () => {
  expect(() => applyDiff('one\n', '-two\n')).toThrow('not there to be changed:\ntwo');
  expect(() => applyDiff('one\ntwo\n', '-two\n@@\n-one\n')).toThrow('not there');
});

test('an output has what is expected whatever it took', () => {
  const output =
    '> tsc\nbus:1   sends    failed   17\nbus:2   more    failed    1\n\nbus: 1 failed (12 ms)\n';
  const expected = 'bus:1  sends  failed  9\n…\nbus: 1 failed (7 ms)\n';
  expect(missingFrom(output, expected)).toBeUndefined();
});

test('an output that lacks a line, or has it elsewhere, is told from one that has it', () => {
  expect(missingFrom('a\nb\n', 'a\nc\n')).toBe('c');
  expect(missingFrom('a\nb\n', 'b\n…\na\n')).toBe('a');
  expect(missingFrom('a\nx\nb\n', 'a\nb\n')).toBe('a');
  expect(missingFrom('1 failed\n', '2 failed\n')).toBe('2 failed');
});
