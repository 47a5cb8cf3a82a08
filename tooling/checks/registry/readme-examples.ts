/** What the READMEs tell a reader to do: the install lines, and the examples, word for word. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Consumer } from './consumer.ts';

export interface Readme {
  /** The folder in `packages`; empty for the root README. */
  readonly folder: string;
  /** What it has npm install, line by line; the root README leaves that to its packages. */
  readonly installs: readonly (readonly string[])[];
  /** The TypeScript blocks. */
  readonly examples: readonly string[];
}

/** `npm install --save-dev a b # or c`: a and b. In a sentence, too. */
const INSTALL = /(?:^|`)npm (?:install|i) ([^#`\n]+)/gm;
const EXAMPLE = /^```ts\n(.*?)^```/gms;

/** Reads the README of the repository in `root`, and those of its packages. */
export const readReadmes = (root: string): readonly Readme[] =>
  ['', ...readdirSync(join(root, 'packages'))].flatMap((folder) => {
    const file = join(root, folder && `packages/${folder}`, 'README.md');
    if (!existsSync(file)) return [];
    const text = readFileSync(file, 'utf8');
    const installs = [...text.matchAll(INSTALL)].map(([, words = '']) => words.trim().split(/\s+/));
    const examples = [...text.matchAll(EXAMPLE)].map(([, code = '']) => code);
    return [{ folder, installs, examples }];
  });

/** What the examples that read files find. */
export const writeDocuments = ({ write }: Consumer): void => {
  write('docs/ports.md', '# Ports\n\nThe server listens on port 7411. Change it with `--port`.\n');
};

/** The root README says what its example prints. */
export const requireDice = (printed: string): void => {
  if (!/^ok .*roll_dice.*\nok .*A four!/.test(printed))
    throw new Error(`The example of the root README must roll a four. It printed:\n${printed}`);
};
