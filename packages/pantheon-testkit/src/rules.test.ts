/** The contract is text and the suites are code; here the two are held together. */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import {
  busSuite,
  contextSuite,
  type Harness,
  importSuite,
  journalSuite,
  leaseSuite,
  llmSuite,
  planSuite,
  schedulerSuite,
  stateSuite,
  type Suite,
  toolsSuite,
} from './index.ts';

const SUITES = {
  bus: busSuite,
  context: contextSuite,
  import: importSuite,
  journal: journalSuite,
  lease: leaseSuite,
  llm: llmSuite,
  scheduler: schedulerSuite,
  state: stateSuite,
  tools: toolsSuite,
};

const CASES = Object.entries(SUITES).flatMap(([suite, { cases }]) =>
  cases.map(({ id, title }) => ({ suite, id, title })),
);

/** `bus:6b` proves `bus:6`. */
const ruleOf = (id: string): string => id.replace(/[a-z]$/, '');

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8');

const numbered = (text: string): readonly string[] =>
  Array.from(text.matchAll(/^ \* - ([a-z]+:\d+) /gm), ([, rule]) => rule as string);

const PORTS = await read('../../pantheon-core/src/core/ports.ts');
const RULES: readonly string[] = [
  ...numbered(PORTS),
  ...Array.from(PORTS.matchAll(/\((port:\d+)\)/g), ([, rule]) => rule as string),
];

/** The rules of harnesses are written where the harness is. */
const HARNESS_RULES = numbered(await read('./suite.ts'));

describe('the rules of ports.ts', () => {
  test('are found', () => {
    expect(RULES.length).toBeGreaterThan(50);
    expect(new Set(RULES).size).toBe(RULES.length);
  });

  test.each(RULES)('%s has a case', (rule) => {
    expect(CASES.filter(({ id }) => ruleOf(id) === rule)).not.toEqual([]);
  });
});

describe('the cases of the suites', () => {
  test('prove a rule each', () => {
    expect(CASES.filter(({ id }) => !RULES.includes(ruleOf(id)))).toEqual([]);
  });

  test('have an id of their own in their suite, the first of a rule without a letter', () => {
    for (const { cases } of Object.values(SUITES)) {
      const ids = cases.map(({ id }) => id);
      expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
      expect(ids.filter((id) => !ids.includes(ruleOf(id)))).toEqual([]);
    }
  });
});

describe('the rules of harnesses', () => {
  test('are found', () => {
    expect(HARNESS_RULES).toEqual(['harness:1', 'harness:2', 'harness:3']);
  });

  test.each(Object.entries(SUITES))('have a case each in a plan of the %s suite', (name, suite) => {
    // Nothing is to be seen of another import.
    const rules = HARNESS_RULES.filter((rule) => name !== 'import' || rule !== 'harness:1');
    const plan = planSuite(suite as Suite<Harness>, () => ({})).map(({ id }) => id);
    expect(plan.filter((id) => id.startsWith('harness:')).toSorted()).toEqual(rules);
    expect(plan.filter((id) => !id.startsWith('harness:'))).toEqual(
      suite.cases.map(({ id }) => id),
    );
    expect([plan[0], plan.at(-1)]).toEqual([
      name === 'import' ? 'harness:3' : 'harness:1',
      'harness:2',
    ]);
  });
});
