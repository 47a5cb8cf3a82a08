/** A user of everything with strict settings, on each TypeScript and each Node that we support. */
import { join } from 'node:path';
import { satisfies } from 'semver';
import { timed } from './command.ts';
import { type Consumer, makeConsumer, requireOneCore } from './consumer.ts';
import type { LocalRegistry } from './local-registry.ts';
import { fetchNodes } from './node-binaries.ts';
import { type Readme, requireDice, writeDocuments } from './readme-examples.ts';

/** Where the package's `engines` allow, their first example runs: it needs no server, no key and no network, and ends. */
const RUNNABLE = [
  '',
  'pantheon',
  'pantheon-core',
  'adapter-cron-scheduler',
  'adapter-offline-llm',
  'adapter-pino-log',
  'adapter-sqlite-context',
  'adapter-sqlite-state',
];
/** Its first example is a test. */
const TESTKIT = 'pantheon-testkit';
/** The oldest that we support, exactly; and the newest. */
const NODES = { short: ['22.13.0', '26'], full: ['22.13.0', '22', '24', '26'] };
const TYPESCRIPTS = { short: ['5.4', '7.0'], full: ['5.4', '5.9', '6.0', '7.0'] };
/** Declarations of vendors that do not compile by themselves: they expect those of a browser, of Emscripten, of JSON schemas. */
const VENDORS = /^node_modules\/(ai|@ai-sdk\/[\w-]+|@electric-sql\/pglite)\//;

/** Every entry that our packages export, under its name for importers. */
const entriesOf = (consumer: Consumer, names: Iterable<string>): readonly string[] =>
  [...names].flatMap((name) => {
    const { exports } = JSON.parse(consumer.read(`node_modules/${name}/package.json`)) as {
      readonly exports: Readonly<Record<string, unknown>>;
    };
    return Object.keys(exports)
      .filter((path) => path !== './package.json')
      .map((path) => name + path.slice(1));
  });

const STRICT = {
  target: 'es2022',
  lib: ['es2023'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  skipLibCheck: false,
  rootDir: 'src',
};

/** The Nodes that a package of ours says it works on. */
const enginesOf = (consumer: Consumer, folder: string): string => {
  const file = `node_modules/@promethean/${folder || 'pantheon-core'}/package.json`;
  const { engines } = JSON.parse(consumer.read(file)) as {
    readonly engines: { readonly node: string };
  };
  return engines.node;
};

/** Compiles, and throws unless all errors are those of vendors. */
const compile = async (consumer: Consumer, typescript: string, settings: object): Promise<void> => {
  consumer.write(
    'tsconfig.json',
    JSON.stringify({ compilerOptions: { ...STRICT, ...settings }, include: ['src'] }),
  );
  const tsc = join('node_modules', `typescript-${typescript}`, 'bin/tsc');
  const output = await consumer.run(process.execPath, tsc, '--pretty', 'false').catch(String);
  const errors = output.split('\n').filter((line) => /^\S.*\(\d+,\d+\): error |^error /.test(line));
  const ours = errors.filter((line) => !VENDORS.test(line));
  // A compiler that could not start says no such line.
  const isWrong = ours.length > 0 || (output !== '' && errors.length === 0);
  if (isWrong)
    throw new Error(
      `TypeScript ${typescript} does not compile a consumer with ${JSON.stringify(settings)}.\n${ours.join('\n') || output}`,
    );
};

/** All packages and what their READMEs install beside them: compiles with each TypeScript, then runs on each Node. */
export const useEverything = async (
  registry: LocalRegistry,
  work: string,
  readmes: readonly Readme[],
  full: boolean,
): Promise<void> => {
  const typescripts = full ? TYPESCRIPTS.full : TYPESCRIPTS.short;
  const consumer = makeConsumer(registry, work, 'my strict consumer');
  const beside = readmes
    .flatMap(({ installs }) => installs.flat())
    .filter((word) => !word.startsWith('-'));
  const compilers = typescripts.map((version) => `typescript-${version}@npm:typescript@${version}`);
  const tools = ['vitest', '@types/node@22', ...compilers];
  const all = new Set([...registry.versions.keys(), ...beside, ...tools]);
  await timed('npm installed everything', () =>
    consumer.run('npm', 'install', '--ignore-scripts', ...all),
  );
  await requireOneCore(consumer);

  const entries = entriesOf(consumer, registry.versions.keys());
  // As names, too: the declarations of everything are looked into.
  consumer.write(
    'src/entries.ts',
    entries.map((entry, index) => `export * as m${index} from '${entry}';\n`).join(''),
  );
  for (const { folder, examples } of readmes) {
    examples.forEach((code, index) => {
      const ending = folder === TESTKIT && index === 0 ? 'test.ts' : 'ts';
      consumer.write(`src/${folder || 'readme'}-${index + 1}.${ending}`, `${code}\nexport {};\n`);
    });
  }
  for (const typescript of typescripts) {
    const settings = { module: 'nodenext', outDir: 'out' };
    await timed(`compiled strictly with TypeScript ${typescript}`, () =>
      compile(consumer, typescript, settings),
    );
  }
  const bundled = { module: 'esnext', moduleResolution: 'bundler', noEmit: true };
  await compile(consumer, typescripts.at(-1) ?? '', bundled);

  const plain = entries.filter((entry) => !entry.endsWith('/vitest'));
  const imports = plain.map((entry) => `await import('${entry}');\n`).join('');
  consumer.write('out/import.js', imports);
  const runOn = async (version: string, node: string): Promise<void> => {
    // A folder for each, since examples write files.
    const folder = makeConsumer(registry, work, `run on ${version}`);
    writeDocuments(folder);
    const run = (file: string, ...args: readonly string[]): Promise<string> =>
      folder
        .run(node, '--disable-warning=ExperimentalWarning', join(consumer.folder, file), ...args)
        .catch((error: unknown) => {
          throw new Error(`On Node ${version}: ${String(error)}`, { cause: error });
        });
    await run('out/import.js');
    const exact = (await folder.run(node, '--version')).trim();
    for (const name of RUNNABLE) {
      if (!satisfies(exact, enginesOf(consumer, name))) continue;
      const printed = await run(`out/${name || 'readme'}-1.js`);
      if (name === '') requireDice(printed);
    }
    const vitest = ['run', '--root', consumer.folder, `src/${TESTKIT}-1.test.ts`];
    await run('node_modules/vitest/vitest.mjs', ...vitest);
  };
  const nodes = await timed('fetched Nodes', () =>
    fetchNodes(registry.env, join(work, 'nodes'), full ? NODES.full : NODES.short),
  );
  for (const [version, node] of nodes)
    await timed(`ran on Node ${version}`, () => runOn(version, node));
};
