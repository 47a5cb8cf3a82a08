import { expect, test } from 'vitest';
import { makeLineSplitter } from './line-splitter.ts';

test('gives whole lines, whatever the chunks', () => {
  const bytes = Buffer.from('first\n\nüber 💥\nrest');
  for (let size = 1; size <= bytes.length; size += 1) {
    const lines: string[] = [];
    const splitter = makeLineSplitter(100, (line) => lines.push(line));
    for (let at = 0; at < bytes.length; at += size)
      expect(splitter.add(bytes.subarray(at, at + size))).toBe(true);
    expect(lines).toEqual(['first', '', 'über 💥']);
  }
});

test('ends at the first line above the limit', () => {
  const lines: string[] = [];
  const splitter = makeLineSplitter(4, (line) => lines.push(line));
  expect(splitter.add(Buffer.from('1234\n123'))).toBe(true);
  expect(splitter.add(Buffer.from('45\nafter\n'))).toBe(false);
  expect(splitter.add(Buffer.from('after\n'))).toBe(false);
  expect(lines).toEqual(['1234']);
});
