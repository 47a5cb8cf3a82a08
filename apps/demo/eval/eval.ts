/** Prints how well questions are answered: from the corpus of this folder, and from the Markdown of the installed packages. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { measure, type Measurement, type Question } from './measure.ts';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

const show = (name: string, { files, verdicts }: Measurement): void => {
  const count = (key: 'found' | 'answered'): string =>
    `${verdicts.filter((verdict) => verdict[key]).length} of ${verdicts.length}`;
  console.log(`\n${name}: ${files} files\n`);
  console.log('file  fact  question');
  for (const { question, found, answered } of verdicts) {
    console.log(`${found ? 'yes ' : 'NO  '}  ${answered ? 'yes ' : 'NO  '}  ${question}`);
  }
  console.log(`\nright file among the first three sources: ${count('found')}`);
  console.log(`answer holds the fact: ${count('answered')}`);
};

const questions = JSON.parse(await readFile(pathOf('questions.json'), 'utf8')) as {
  readonly corpus: readonly Question[];
  readonly installed: readonly Question[];
};
show('An invented product', await measure(pathOf('corpus'), questions.corpus));
show(
  'Installed packages',
  await measure(pathOf('../../../node_modules/.pnpm'), questions.installed, ['!node_modules/']),
);
