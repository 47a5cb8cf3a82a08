/** That the table of `npm run faults` hides nothing. */
import { expect, test } from 'vitest';
import { CATALOGUE } from './catalogue.ts';
import { type FaultTest, formatRows, isProven, judge } from './verdicts.ts';

const catalogue = [
  { id: 'A1', what: 'a handler throws' },
  { id: 'A2', what: 'a handler rejects' },
  { id: 'A10', what: 'poison', missing: 'nobody has written it' },
];
const passed: FaultTest = {
  file: 'bus.test.ts',
  name: 'A1, A2: three handlers',
  state: 'passed',
  noted: 'A1',
  figures: { lost: 0 },
};
const verdictsOf = (tests: readonly FaultTest[]) =>
  judge(catalogue, tests).map(({ id, verdict }) => `${id} ${verdict}`);

test('a test stands for every fault in its name', () => {
  const rows = judge(catalogue, [passed]);
  expect(verdictsOf([passed])).toEqual(['A1 held', 'A2 held', 'A10 not covered']);
  expect(isProven(rows)).toBe(true);
  expect(formatRows(rows)).toContain('lost 0');
  expect(formatRows(rows)).toContain('2 held, 0 violated, 0 not proven, 1 not covered');
});

test('a test that fails is a violation, figures or not', () => {
  const failed: FaultTest = { file: 'bus.test.ts', name: 'A2 again', state: 'failed' };
  expect(verdictsOf([passed, failed])).toContain('A2 violated');
  expect(isProven(judge(catalogue, [passed, failed]))).toBe(false);
  const foreign: FaultTest = { file: 'bus.test.ts', name: 'something else', state: 'failed' };
  expect(isProven(judge(catalogue, [passed, foreign]))).toBe(false);
});

test('a fault without its server, without a test or without figures is not proven', () => {
  const skipped: FaultTest = {
    file: 'bus.test.ts',
    name: 'A1 on a server',
    state: 'skipped',
    missingServer: 'redis-server',
  };
  const rows = judge(catalogue, [passed, skipped]);
  expect(isProven(rows)).toBe(false);
  expect(formatRows(rows)).toContain('needs redis-server');
  expect(verdictsOf([])).toEqual(['A1 not proven', 'A2 not proven', 'A10 not covered']);
  const { noted: _, figures: __, ...silent } = passed;
  expect(verdictsOf([silent])).toContain('A1 not proven');
});

test('the catalogue names each fault once', () => {
  const ids = CATALOGUE.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});
