import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AdapterNames, type AdapterPort, adapterNames } from './adapter-names.ts';
import { copyTemplate } from './copy-template.ts';
import { filesFor } from './package-manager.ts';
import type { PackageManager } from './package-manager.ts';

/** What `createAdapter` needs to know. */
export interface CreateAdapterOptions {
  /** The folder to make; it must not exist or be empty. */
  readonly target: string;
  /** `file-bus`, `pantheon-adapter-file-bus` or `@acme/pantheon-adapter-file-bus`; without the port's name at its end, that is added. */
  readonly name: string;
  /** One of `adapterPorts`. */
  readonly port: string;
  /** The version ranges of `@promethean/pantheon-core` and `@promethean/pantheon-testkit`. */
  readonly versions: Readonly<Record<string, string>>;
  /** The package manager that will install; `yarn` gets a setting of its own. Default `npm`. */
  readonly packageManager?: PackageManager;
  /** Its abort ends the making, before the target exists. */
  readonly signal?: AbortSignal;
}

/** What was made. */
export interface CreatedAdapter {
  /** The name of the package. */
  readonly name: string;
  /** The files of the project, sorted. */
  readonly files: readonly string[];
}

const TEMPLATES = fileURLToPath(new URL('../templates/adapter', import.meta.url));
const CORE = '@promethean/pantheon-core';
const TESTKIT = '@promethean/pantheon-testkit';

const versionOf = (versions: CreateAdapterOptions['versions'], name: string): string => {
  const version = versions[name];
  if (version === undefined) throw new Error(`No version is given for ${name}`);
  return version;
};

const manifestOf = (
  { name, port, title }: AdapterNames,
  versions: CreateAdapterOptions['versions'],
): object => {
  const core = versionOf(versions, CORE);
  const hasSuite = port !== 'log';
  return {
    name,
    version: '0.1.0',
    description: `The ${port} port of Pantheon on ${title}.`,
    keywords: ['pantheon', 'pantheon-adapter', `pantheon-adapter-${port}`],
    license: 'UNLICENSED',
    // The report of the contract suite goes to the users with the code that it is about.
    files: ['dist', 'src', ...(hasSuite ? ['pantheon-report.json'] : [])],
    type: 'module',
    sideEffects: false,
    exports: {
      '.': { types: './dist/index.d.ts', default: './dist/index.js' },
      './package.json': './package.json',
    },
    pantheon: { port, contract: 1, ...(hasSuite && { harness: './dist/harness.js' }) },
    publishConfig: { access: 'public' },
    scripts: {
      build: 'tsc',
      test: hasSuite ? 'tsc && pantheon-testkit .' : 'tsc && node --test dist/rules.js',
      prepublishOnly: 'npm test',
    },
    peerDependencies: { [CORE]: peerRange(core) },
    devDependencies: {
      [CORE]: core,
      ...(hasSuite && { [TESTKIT]: versionOf(versions, TESTKIT) }),
      '@types/node': '^22.13.0',
      typescript: '^7.0.2',
    },
    engines: { node: '>=22.13' },
  };
};

/** An adapter takes every core of its major, 0 included: what breaks adapters is a major of the core, even at 0.x. */
const peerRange = (core: string): string => core.replace(/^\^0\..*/, '^0');

/** The files of one port, which compile as they stand, with the technology's name put in. */
const portFiles = async (names: AdapterNames): Promise<Record<string, string>> => {
  const folder = join(TEMPLATES, 'ports', names.port);
  const named = (text: string): string =>
    text.replaceAll('tech-', `${names.tech}-`).replaceAll('Tech', names.Tech);
  const files: Record<string, string> = {};
  for (const file of await readdir(folder))
    files[`src/${named(file)}`] = named(await readFile(join(folder, file), 'utf8'));
  return files;
};

const ARGUMENTS: Partial<Record<AdapterPort, string>> = {
  log: '{ write: console.error }',
  state: '{ scripts: [] }',
};

/**
 * Makes an adapter package whose contract suite fails, rule by rule, until the port is implemented.
 *
 * Rejects with a `Problem` when the name or the port is none, or when something is at the target.
 */
export const createAdapter = async (options: CreateAdapterOptions): Promise<CreatedAdapter> => {
  const names = adapterNames(options.name, options.port);
  const { name, port, file, Tech, title } = names;
  const Adapter = `${Tech}${port[0]?.toUpperCase()}${port.slice(1)}`;
  const values = {
    name,
    port,
    title,
    Adapter,
    arguments: ARGUMENTS[port] ?? '',
    proof:
      port === 'log'
        ? 'It returns at once and never throws; `npm test` proves it.'
        : `The rules of the ${port} port; \`npm test\` proves them, and the report of the published version is in the package, \`pantheon-report.json\`.`,
  };
  const files = {
    ...filesFor(options.packageManager),
    ...(await portFiles(names)),
    'src/index.ts': `export { make${Adapter}, type ${Adapter}Options } from './${file}.ts';\n`,
    'package.json': `${JSON.stringify(manifestOf(names, options.versions), undefined, 2)}\n`,
  };
  const made = await copyTemplate(join(TEMPLATES, 'package'), options.target, values, {
    files,
    ...(options.signal !== undefined && { signal: options.signal }),
  });
  return { name, files: made };
};
