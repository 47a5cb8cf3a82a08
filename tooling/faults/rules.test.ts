import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { RULES } from './rules.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const RECORD = 'docs/decisions/0014-where-the-rules-of-reliability-are-kept-differently.md';

/** Rules and how many of each there are: they are numbered from 1. */
const GROUPS = {
  ENV: 4,
  BUS: 10,
  MB: 5,
  TICK: 8,
  LOOP: 8,
  STATE: 7,
  LEASE: 5,
  LLM: 7,
  SUP: 3,
  SHUT: 3,
};

/** Whether a source has a test, or a case of a suite, of this name. */
const hasTest = (source: string, name: string): boolean => {
  const isOpened = (before: string): boolean => /(?:\(|title:)\s*$/.test(before);
  return ["'", '"', '`'].some((quote) => {
    const literal = `${quote}${name}${quote}`;
    for (let at = source.indexOf(literal); at !== -1; at = source.indexOf(literal, at + 1))
      if (isOpened(source.slice(Math.max(0, at - 40), at))) return true;
    return false;
  });
};

test('every rule is there, once', () => {
  const numbered = Object.entries(GROUPS).flatMap(([group, count]) =>
    Array.from({ length: count }, (_, n) => `R-${group}-${n + 1}`),
  );
  const all = [...numbered, 'R-STATE-4b', 'R-SPAWN', 'R-BUD'];
  expect(RULES.map(({ id }) => id).toSorted()).toEqual(all.toSorted());
});

test.each(RULES)('$id: the tests that show it are there', ({ proof }) => {
  const missing = Object.entries(proof).flatMap(([file, names]) => {
    if (!existsSync(join(root, file))) return [file];
    const source = read(file);
    return names.filter((name) => !hasTest(source, name)).map((name) => `${file}: ${name}`);
  });
  expect(missing).toEqual([]);
  expect(Object.values(proof).flat()).not.toEqual([]);
});

test('a name that no test has is found', () => {
  const source =
    "test('one', run); // see 'two'\ntest.each([\n  'three',\n])(\n  `four %s`,\n  run);";
  const found = ['one', 'two', 'three', 'four %s', 'on'].filter((name) => hasTest(source, name));
  expect(found).toEqual(['one', 'four %s']);
});

test('what is kept differently is told in the record, and nothing else', () => {
  const told = new Set(read(RECORD).match(/\bR-[A-Z]+(?:-\d+b?)?\b/g));
  const differing = RULES.filter(({ differs }) => differs).map(({ id }) => id);
  expect([...told].toSorted()).toEqual(differing.toSorted());
});
