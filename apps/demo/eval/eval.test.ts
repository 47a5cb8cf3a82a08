import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { measure, type Question } from './measure.ts';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

test('of 20 questions, 17 find the right file among the first three sources and 14 get the fact', async () => {
  const { corpus } = JSON.parse(await readFile(pathOf('questions.json'), 'utf8')) as {
    readonly corpus: readonly Question[];
  };
  const { verdicts } = await measure(pathOf('corpus'), corpus);
  expect(verdicts).toHaveLength(corpus.length);
  const share = (key: 'found' | 'answered'): number =>
    verdicts.filter((verdict) => verdict[key]).length / verdicts.length;
  expect(share('found')).toBeGreaterThanOrEqual(17 / 20);
  expect(share('answered')).toBeGreaterThanOrEqual(14 / 20);
});
