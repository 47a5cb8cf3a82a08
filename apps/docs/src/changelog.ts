import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Package } from './packages.ts';
import { ROOT } from './repository.ts';

/** What changed in each package, as changesets wrote it down at its releases. */
export const makeChangelog = (packages: readonly Package[]): string => {
  const parts = packages.flatMap(({ folder }) => {
    const file = join(ROOT, 'packages', folder, 'CHANGELOG.md');
    // One level deeper: the page has the heading of the first level.
    return existsSync(file) ? [readFileSync(file, 'utf8').replaceAll(/^(?=#+ )/gm, '#')] : [];
  });
  const none = 'No version has been published yet.\n';
  return ['# Changelog\n', ...(parts.length === 0 ? [none] : parts)].join('\n');
};
