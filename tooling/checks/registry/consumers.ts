/**
 * Users who install from npm: an application of core and three adapters with npm, pnpm and yarn, and one of everything that is
 * compiled strictly and run on the oldest and the newest Node.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { timed } from './command.ts';
import { makeConsumer, requireOneCore } from './consumer.ts';
import type { LocalRegistry } from './local-registry.ts';
import { type Readme, readReadmes, requireDice, writeDocuments } from './readme-examples.ts';
import { useEverything } from './strict-consumer.ts';

/** The core and three adapters whose examples need no server, no key and no network. */
const APP = [
  'pantheon-core',
  'adapter-cron-scheduler',
  'adapter-offline-llm',
  'adapter-sqlite-context',
];
const YARN_CLASSIC = '1.22.22';
const YARN = '4.18.1';

interface PackageManager {
  readonly name: string;
  readonly add: readonly string[];
  /** What starts Node. Yarn's has to: there is no `node_modules`. */
  readonly node: readonly string[];
}

/** pnpm and both kinds of Yarn from npm, in the versions that we test with. */
const fetchManagers = async (
  registry: LocalRegistry,
  work: string,
): Promise<readonly PackageManager[]> => {
  const { packageManager } = JSON.parse(
    readFileSync(join(registry.clone.folder, 'package.json'), 'utf8'),
  ) as { readonly packageManager: string };
  const tools = makeConsumer(registry, work, 'tools');
  const wanted = [
    packageManager.replace(/\+.*/, ''),
    `@yarnpkg/cli-dist@${YARN}`,
    `yarn@${YARN_CLASSIC}`,
  ];
  await tools.run('npm', 'install', '--ignore-scripts', ...wanted);
  const bin = (path: string): readonly [string, string] => [
    process.execPath,
    join(tools.folder, 'node_modules', path),
  ];
  const yarn = bin('@yarnpkg/cli-dist/bin/yarn.js');
  return [
    { name: 'npm', add: ['npm', 'install'], node: [process.execPath] },
    { name: 'pnpm', add: [...bin('pnpm/bin/pnpm.cjs'), 'add'], node: [process.execPath] },
    { name: `yarn ${YARN}`, add: [...yarn, 'add'], node: [...yarn, 'node'] },
    {
      name: `yarn ${YARN_CLASSIC}`,
      add: [...bin('yarn/bin/yarn.js'), 'add'],
      node: [process.execPath],
    },
  ];
};

const of = (readmes: readonly Readme[], folder: string): Readme => {
  const readme = readmes.find((each) => each.folder === folder);
  if (readme === undefined) throw new Error(`packages/${folder} has no README.`);
  return readme;
};

/** Core and three adapters as their READMEs say, with one package manager; their examples run as they are. */
const useApp = async (
  registry: LocalRegistry,
  work: string,
  manager: PackageManager,
  readmes: readonly Readme[],
): Promise<void> => {
  const app = makeConsumer(registry, work, `my ${manager.name} app`);
  writeDocuments(app);
  const run = ([command = '', ...args]: readonly string[], ...more: readonly string[]) =>
    app.run(command, ...args, ...more);
  for (const folder of APP)
    for (const install of of(readmes, folder).installs) await run(manager.add, ...install);
  for (const folder of ['', ...APP]) {
    const file = `${folder || 'readme'}.ts`;
    app.write(file, of(readmes, folder).examples[0] ?? '');
    const printed = await run(manager.node, '--disable-warning=ExperimentalWarning', file);
    if (folder === '') requireDice(printed);
  }
  if (manager.name === 'npm') await requireOneCore(app);
};

/** The step. */
export default async (registry: LocalRegistry, work: string, full: boolean): Promise<void> => {
  const readmes = readReadmes(registry.clone.folder);
  const managers = await fetchManagers(registry, work);
  for (const manager of full ? managers : managers.slice(0, 3))
    await timed(`an application with ${manager.name}`, () =>
      useApp(registry, work, manager, readmes),
    );
  await useEverything(registry, work, readmes, full);
};
