/** The contract is text and the suites are code; here the two are held together. */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import {
  busSuite,
  contextSuite,
  importSuite,
  llmSuite,
  schedulerSuite,
  stateSuite,
  toolsSuite,
} from './index.ts';

const SUITES = {
  bus: busSuite,
  context: contextSuite,
  import: importSuite,
  llm: llmSuite,
  scheduler: schedulerSuite,
  state: stateSuite,
  tools: toolsSuite,
};

const CASES = Object.entries(SUITES).flatMap(([suite, cases]) =>
  cases.map(({ id, title }) => ({ suite, id, title })),
);

/** `bus:6b` proves `bus:6`. */
const ruleOf = (id: string): string => id.replace(/[a-z]$/, '');

const RULES: readonly string[] = await readFile(
  new URL('../../pantheon-core/src/core/ports.ts', import.meta.url),
  'utf8',
).then((text) => [
  ...Array.from(text.matchAll(/^ \* - ([a-z]+:\d+) /gm), ([, rule]) => rule as string),
  ...Array.from(text.matchAll(/\((port:\d+)\)/g), ([, rule]) => rule as string),
]);

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
    for (const cases of Object.values(SUITES)) {
      const ids = cases.map(({ id }) => id);
      expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
      expect(ids.filter((id) => !ids.includes(ruleOf(id)))).toEqual([]);
    }
  });
});
