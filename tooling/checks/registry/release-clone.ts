/** A copy of the working tree in which packages are versioned and published; the tree itself is only read. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { root } from '../package-folder.ts';
import { runCommand } from './command.ts';
import type { PlannedPackage } from './release-plan.ts';

const GIT = [
  '-c',
  'user.name=check',
  '-c',
  'user.email=check@localhost',
  '-c',
  'commit.gpgsign=false',
];

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export interface ReleaseClone {
  readonly folder: string;
  /** The published packages as their manifests are in the copy, by name. */
  readonly manifests: () => ReadonlyMap<string, Manifest>;
  /** Adds a changeset: what the release does to each package, by name. */
  readonly addChangeset: (file: string, kinds: Readonly<Record<string, string>>) => void;
  /** Turns the changesets into versions and changelogs, commits, and tells what that did. */
  readonly version: () => Promise<readonly PlannedPackage[]>;
  /** Builds the packages from nothing. */
  readonly build: () => Promise<void>;
  /** Runs a command of the workspace, such as `pnpm` or `git`, in the copy. */
  readonly run: (command: string, args: readonly string[]) => Promise<string>;
}

const STATUS = 'changeset-status.json';
const CORE = '@promethean/pantheon-core';

/** The range of the core that users of the package must have; none where the peer is optional. */
const coreOf = (manifest: Manifest | undefined): string | undefined =>
  manifest?.peerDependenciesMeta?.[CORE]?.optional === true
    ? undefined
    : manifest?.peerDependencies?.[CORE];

/** The files that git has or would take: no builds, no dependencies. */
const copyTree = async (folder: string): Promise<void> => {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const files = await runCommand('git', list, { cwd: root, env: process.env });
  for (const file of files.split('\0')) {
    // Deleted, and not committed.
    if (file === '' || !existsSync(join(root, file))) continue;
    cpSync(join(root, file), join(folder, file), { verbatimSymlinks: true });
  }
};

/** The installed dependencies: links that lead to the copy for packages of ours, and to the tree for all others. */
const linkDependencies = (folder: string): void => {
  mkdirSync(join(folder, 'node_modules'));
  // Without pnpm's records, which would have it look after a tree that is not its own; and its commands come by PATH.
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name.startsWith('.') && name !== '.pnpm') continue;
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  }
  for (const parent of ['packages', 'apps', 'tooling']) {
    for (const name of readdirSync(join(folder, parent))) {
      const place = join(parent, name, 'node_modules');
      if (!existsSync(join(root, place))) continue;
      cpSync(join(root, place), join(folder, place), {
        recursive: true,
        verbatimSymlinks: true,
        filter: (source) => !source.includes('node_modules/.'),
      });
    }
  }
};

/** Makes the copy, with a git history of one commit. `env` is that of the commands in it. */
export const makeReleaseClone = async (
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<ReleaseClone> => {
  mkdirSync(folder, { recursive: true });
  await copyTree(folder);
  linkDependencies(folder);
  const environment = {
    ...env,
    PATH: `${join(root, 'node_modules/.bin')}${delimiter}${env['PATH']}`,
    npm_config_verify_deps_before_run: 'false',
  };
  const run = (command: string, args: readonly string[]): Promise<string> =>
    runCommand(command, args, { cwd: folder, env: environment, timeoutMs: 300_000 });
  const packageFiles = (): readonly string[] =>
    readdirSync(join(folder, 'packages')).map((name) =>
      join(folder, 'packages', name, 'package.json'),
    );
  const commit = async (message: string): Promise<void> => {
    await run('git', ['add', '--all']);
    await run('git', [...GIT, 'commit', '--quiet', '--allow-empty', '--message', message]);
  };
  for (const file of packageFiles()) {
    // A manifest outdoes the environment, and provenance is only there for a CI.
    const text = readFileSync(file, 'utf8').replace(/"provenance": true/, '"provenance": false');
    writeFileSync(file, text);
  }
  await run('git', ['init', '--quiet', '--initial-branch=main']);
  await commit('The working tree');
  const manifests = (): ReadonlyMap<string, Manifest> =>
    new Map(
      packageFiles()
        .map((file) => JSON.parse(readFileSync(file, 'utf8')) as Manifest)
        .filter((manifest) => manifest.private !== true)
        .map((manifest) => [manifest.name, manifest]),
    );
  const readJson = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), 'utf8'));
  /** The packages that a changeset names, and those whose version is fixed to that of one. */
  const named = async (): Promise<ReadonlySet<string>> => {
    await run('changeset', ['status', '--output', STATUS]);
    const { changesets } = readJson(STATUS) as {
      readonly changesets: readonly { readonly releases: readonly { readonly name: string }[] }[];
    };
    rmSync(join(folder, STATUS));
    const { fixed } = readJson('.changeset/config.json') as { readonly fixed: readonly string[][] };
    const names = changesets.flatMap(({ releases }) => releases.map(({ name }) => name));
    const together = fixed.filter((group) => group.some((name) => names.includes(name)));
    return new Set([...names, ...together.flat()]);
  };
  return {
    folder,
    manifests,
    addChangeset: (file, kinds) => {
      const lines = Object.entries(kinds).map(([name, kind]) => `'${name}': ${kind}\n`);
      writeFileSync(
        join(folder, '.changeset', `${file}.md`),
        `---\n${lines.join('')}---\n\nA change.\n`,
      );
    },
    version: async () => {
      const names = await named();
      const before = manifests();
      await run('changeset', ['version']);
      await commit('Versions');
      return [...manifests().values()].map((after) => ({
        name: after.name,
        from: before.get(after.name)?.version ?? '',
        to: after.version,
        peerFrom: coreOf(before.get(after.name)),
        peerTo: coreOf(after),
        isNamed: names.has(after.name),
      }));
    },
    build: async () => {
      const folders = readdirSync(join(folder, 'packages'));
      for (const name of folders)
        rmSync(join(folder, 'packages', name, 'dist'), { recursive: true, force: true });
      await run('tsc', ['-b', ...folders.map((name) => `packages/${name}`)]);
    },
    run,
  };
};
