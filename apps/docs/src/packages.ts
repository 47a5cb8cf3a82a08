import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './repository.ts';

/** A package that is published, as far as the site speaks of it. */
export interface Package {
  /** Its folder in packages/. */
  readonly folder: string;
  /** Its name on npm. */
  readonly name: string;
  readonly description: string;
  /** The port that it implements; undefined for what is no adapter. */
  readonly port: string | undefined;
  /** What is imported from it, and the source of that: `@promethean/pantheon-core/memory` and its index.ts. A program has none. */
  readonly entries: ReadonlyMap<string, string>;
}

interface Manifest {
  readonly name: string;
  readonly description?: string;
  readonly exports?: Readonly<Record<string, string | { readonly '@promethean/source'?: string }>>;
}

const readPackage = (folder: string): Package => {
  const home = join(ROOT, 'packages', folder);
  const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as Manifest;
  // `npm create pantheon` runs create-pantheon; nobody imports it.
  const exports = folder === 'create-pantheon' ? {} : (manifest.exports ?? {});
  const entries = Object.entries(exports).flatMap(([key, target]) => {
    const source = typeof target === 'string' ? undefined : target['@promethean/source'];
    return source === undefined
      ? []
      : [[manifest.name + key.slice(1), join(home, source)] as const];
  });
  return {
    folder,
    name: manifest.name,
    description: manifest.description ?? '',
    // adapter-<tech>-<port>
    port: /^adapter-.+-(.+)$/.exec(folder)?.[1],
    entries: new Map(entries),
  };
};

/** All published packages, in the order of their folders. */
export const readPackages = (): readonly Package[] =>
  readdirSync(join(ROOT, 'packages'))
    .filter((folder) => existsSync(join(ROOT, 'packages', folder, 'package.json')))
    .toSorted()
    .map(readPackage);
