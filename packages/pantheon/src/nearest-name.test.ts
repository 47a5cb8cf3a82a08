import { expect, test } from 'vitest';
import { nearestName } from './nearest-name.ts';

const NAMES = ['state', 'schedule', 'llm', 'tools', 'id'];

test.each([
  ['sate', 'state'],
  ['sttae', 'state'],
  ['State', 'state'],
  ['scheduler', 'schedule'],
  ['lm', 'llm'],
  ['tool', 'tools'],
  ['if', 'id'],
])('%s probably meant %s', (word, name) => {
  expect(nearestName(word, NAMES)).toBe(name);
});

test('a word that is like no name has none', () => {
  expect(nearestName('database', NAMES)).toBeUndefined();
  expect(nearestName('x'.repeat(1_000_000), NAMES)).toBeUndefined();
});
