import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The folder of the repository. */
export const ROOT: string = join(import.meta.dirname, '../../..');

/** The repository itself. */
export const REPOSITORY = 'https://github.com/promethean/pantheon';

/** Where a file of the repository can be read; undefined where there is none. */
export const addressOf = (path: string): string | undefined => {
  const file = join(ROOT, path);
  if (!existsSync(file)) return undefined;
  return `${REPOSITORY}/${statSync(file).isDirectory() ? 'tree' : 'blob'}/main/${path}`;
};
