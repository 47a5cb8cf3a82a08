import { expect, test } from 'vitest';
import { readDemoLine } from './demo-line.ts';

const right = {
  answer: 'Three minutes.',
  sources: [{ file: 'kettle.md', line: 3, heading: 'Kettle' }],
  ticks: 4,
  ms: 12.5,
};

test('a right line is read', () => {
  expect(readDemoLine(JSON.stringify(right))).toEqual(right);
  expect(readDemoLine(JSON.stringify({ ...right, sources: [] })).sources).toEqual([]);
});

test.each([
  ['no JSON', 'Three minutes.', /not valid JSON/],
  ['a list', '[]', /no object/],
  ['another member', JSON.stringify({ ...right, model: 'x' }), /members are .*model/],
  ['a missing member', JSON.stringify({ ...right, ms: undefined }), /members are/],
  ['an empty answer', JSON.stringify({ ...right, answer: ' ' }), /answer/],
  ['no ticks', JSON.stringify({ ...right, ticks: 0 }), /ticks/],
  ['a time before the start', JSON.stringify({ ...right, ms: -1 }), /ms/],
  ['sources that are names', JSON.stringify({ ...right, sources: ['a.md'] }), /sources\[0\]/],
  [
    'a source without a line',
    JSON.stringify({ ...right, sources: [...right.sources, { file: 'a', heading: 'b' }] }),
    /sources\[1\]/,
  ],
  [
    'a source before line 1',
    JSON.stringify({ ...right, sources: [{ file: 'a', line: 0, heading: '' }] }),
    /sources\[0\]/,
  ],
])('%s is refused', (_what, line, problem) => {
  expect(() => readDemoLine(line)).toThrow(problem);
});
