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

test('where nothing was run, nothing is proven', () => {
  expect(isProven([])).toBe(false);
  expect(isProven(judge([{ id: 'A10', what: 'poison', missing: 'nobody has' }], []))).toBe(false);
});

test('a test that passes with a safety figure that is not 0 has not looked at it', () => {
  for (const key of ['lost', 'lostUpdates', 'false successes', 'overlaps', 'leaks']) {
    const blind: FaultTest = { ...passed, figures: { [key]: 1 } };
    expect(verdictsOf([blind])).toContain('A1 violated');
    expect(isProven(judge(catalogue, [blind]))).toBe(false);
    expect(formatRows(judge(catalogue, [blind]))).toContain(`${key} must be 0`);
  }
  const foreign: FaultTest = { ...passed, name: 'another', noted: 'Z1', figures: { forged: 2 } };
  expect(isProven(judge(catalogue, [passed, foreign]))).toBe(false);
});

test('only what a promise leaves open may be lost, and a harness may see what it must', () => {
  const lossy: FaultTest = { ...passed, figures: { lost: 3 } };
  const may = [{ id: 'A1', what: 'a handler throws', allowed: ['lost'] }];
  expect(isProven(judge(may, [lossy]))).toBe(true);
  expect(isProven(judge(may, [{ ...passed, figures: { lost: 3, overlaps: 1 } }]))).toBe(false);
  const naive: FaultTest = { ...passed, noted: 'A1 naive, must fail', figures: { duplicated: 9 } };
  expect(isProven(judge(catalogue, [passed, naive]))).toBe(true);
});

test('the catalogue names each fault once', () => {
  const ids = CATALOGUE.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});
