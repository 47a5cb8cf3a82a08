/** Our packages as a user gets them: packed, and unpacked again into a `node_modules` where nothing is but what users have. */
import { execFile } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageNames, root } from './package-folder.ts';
import { packageName } from './package-shape.ts';

const execute = promisify(execFile);

/** A package that was packed. */
export interface Packed {
  /** Of its folder in `packages/`. */
  readonly name: string;
  readonly tarball: string;
  readonly packedBytes: number;
  /** Where it lies unpacked. */
  readonly folder: string;
  /** The files of what can be imported from it, by the specifiers that a user writes. */
  readonly entries: ReadonlyMap<string, string>;
  /** The files of its commands. */
  readonly commands: readonly string[];
}

interface Manifest {
  readonly name: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

const manifestIn = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/** Packs every package and unpacks it in `work/node_modules`, with what it depends on beside it. */
export const packAll = async (work: string): Promise<readonly Packed[]> => {
  const pack = ['--recursive', '--filter', './packages/*', 'pack', '--pack-destination', work];
  await execute('pnpm', pack, { cwd: root, maxBuffer: 1e8 });
  const tarballs = readdirSync(work).filter((file) => file.endsWith('.tgz'));
  return Promise.all(
    packageNames().map(async (name) => {
      const inRegistry = packageName(name);
      const stem = inRegistry.replace('@', '').replace('/', '-');
      const file = tarballs.find((tarball) => tarball.replace(/-\d.*$/, '') === stem);
      if (file === undefined) throw new Error(`pnpm packed no tarball for packages/${name}`);
      const tarball = join(work, file);
      const folder = join(work, 'node_modules', inRegistry);
      mkdirSync(folder, { recursive: true });
      await execute('tar', ['xzf', tarball, '-C', folder, '--strip-components=1']);
      const manifest = manifestIn(folder);
      putBeside(manifest, work, name);
      const entries = Object.entries(manifest.exports).flatMap(([entry, target]) =>
        typeof target === 'string'
          ? []
          : [[manifest.name + entry.slice(1), join(folder, target.default)] as const],
      );
      return {
        name,
        tarball,
        packedBytes: statSync(tarball).size,
        folder,
        entries: new Map(entries),
        commands: Object.values(manifest.bin ?? {}).map((command) => join(folder, command)),
      };
    }),
  );
};

/** Links what npm would install with a package; what is ours lies there already. */
const putBeside = (manifest: Manifest, work: string, name: string): void => {
  for (const dependency of Object.keys({
    ...manifest.dependencies,
    ...manifest.peerDependencies,
  })) {
    const isOptional = manifest.peerDependenciesMeta?.[dependency]?.optional === true;
    if (isOptional || dependency.startsWith('@promethean/')) continue;
    const place = join(work, 'node_modules', dependency);
    mkdirSync(join(place, '..'), { recursive: true });
    rmSync(place, { force: true });
    symlinkSync(realpathSync(join(root, 'packages', name, 'node_modules', dependency)), place);
  }
};
