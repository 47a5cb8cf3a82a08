import { builtinModules } from 'node:module';
import { basename, dirname, resolve } from 'node:path';
import { Problem } from './problem.ts';

const problemOf = (name: string): string | undefined => {
  const bare = name.replace(/^@[^/]*\//, '');
  if (bare === '') return 'is empty';
  if (name.length > 214) return 'is longer than 214 characters';
  if (name !== name.trim() || /\s/.test(name)) return 'has a space in it';
  if (name !== name.toLowerCase()) return 'has capital letters';
  if (/^[._]/.test(bare)) return `begins with "${bare[0]}"`;
  const strange = /[^a-z0-9._~-]/.exec(name.replace(/^@([^/]*)\//, '$1'));
  if (strange !== null) return `has "${strange[0]}" in it`;
  if (name === 'node_modules' || name === 'favicon.ico') return 'is reserved';
  if (builtinModules.includes(name)) return 'is the name of a module of Node';
  return undefined;
};

/** The name of the package in a folder: the folder's name, with a scope where the folder above is one. Throws a `Problem`. */
export const packageNameOf = (folder: string): string => {
  const place = resolve(folder);
  const scope = basename(dirname(place));
  const name = scope.startsWith('@') ? `${scope}/${basename(place)}` : basename(place);
  const problem = problemOf(name);
  if (problem === undefined) return name;
  throw new Problem(
    `"${name}" cannot be the name of a package: it ${problem}.`,
    'Choose a folder of small letters, digits and dashes, such as my-app.',
  );
};
