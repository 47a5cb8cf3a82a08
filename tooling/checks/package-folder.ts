import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PackageFolder } from './package-shape.ts';

/** The folder of the repository. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url));

/** The names of the folders in `packages/`, sorted. */
export const packageNames = (): readonly string[] =>
  readdirSync(join(root, 'packages'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();

/** The text of every file under a folder by its path from there, without the folders that are left out. */
export const textFiles = (
  folder: string,
  without: readonly string[] = [],
  from = '',
): ReadonlyMap<string, string> => {
  const files = new Map<string, string>();
  for (const entry of readdirSync(join(folder, from), { withFileTypes: true })) {
    const path = from === '' ? entry.name : `${from}/${entry.name}`;
    if (entry.isFile()) files.set(path, readFileSync(join(folder, path), 'utf8'));
    else if (entry.isDirectory() && !without.includes(entry.name)) {
      for (const [name, text] of textFiles(folder, without, path)) files.set(name, text);
    }
  }
  return files;
};

/** A package of ours as its files are, without what git ignores. */
export const readPackage = (name: string): PackageFolder => ({
  folder: name,
  files: textFiles(join(root, 'packages', name), ['dist', 'node_modules', '.examples']),
});
