/**
 * `npm create pantheon@latest my-app` from the registry, as a newcomer types it: two commands to actors that answer, within a
 * minute. With pnpm too, and with Yarn in a full run. Then an app with adapters of every port, whose types must hold.
 */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runCommand } from './command.ts';
import { makeConsumer } from './consumer.ts';
import type { LocalRegistry } from './local-registry.ts';

/** For the two commands together, the packages of an empty cache included. */
const LIMIT_S = 60;
/** One a port. */
const ADAPTERS = [
  'ai-sdk-llm',
  'bullmq-scheduler',
  'mcp-tools',
  'pino-log',
  'postgres-state',
  'redis-bus',
  'sqlite-context',
];

interface Way {
  readonly name: string;
  readonly create: string;
  /** Runs a script of package.json, and shows what it prints and nothing else. */
  readonly run: string;
  /** The package that has the command `yarn`, where it takes one. */
  readonly yarn?: string;
}

const WAYS: readonly Way[] = [
  { name: 'npm', create: 'npm create pantheon@latest my-app -- --yes', run: 'npm run --silent' },
  { name: 'pnpm', create: 'pnpm create pantheon@latest my-app --yes', run: 'pnpm run --silent' },
];
const YARNS: readonly Way[] = [
  {
    // Not by `yarn create`: the old Yarn installs what it runs for the whole machine.
    name: 'yarn',
    create: 'npm create pantheon@latest my-app -- --yes --package-manager yarn',
    run: 'yarn run --silent',
    yarn: 'yarn@1.22.22',
  },
  // It runs the command from an archive.
  {
    name: 'yarn',
    create: 'yarn create pantheon my-app --yes',
    run: 'yarn run',
    yarn: '@yarnpkg/cli-dist@4.18.1',
  },
];

/** What a piped line is answered with. */
const CONVERSATION: readonly (readonly [question: string, answer: RegExp])[] = [
  ['hello', /^Hello! Ask me about the notes/m],
  ['What is a tick?', /A tick is one turn.*\n\nSources:\n- actors\.md:\d+ /],
];

/** Makes an app, asks it, tests it and compiles it. Returns the seconds of the first two commands. */
const live = async (
  env: NodeJS.ProcessEnv,
  work: string,
  { name, create, run }: Way,
): Promise<number> => {
  const folder = mkdtempSync(join(work, `with ${name} `));
  const app = join(folder, 'my-app');
  const shell = (line: string, cwd = app): Promise<string> =>
    runCommand('sh', ['-ec', line], { cwd, env, timeoutMs: 180_000 });

  const start = performance.now();
  const created = await shell(create, folder);
  const questions = CONVERSATION.map(([question]) => `${question}\\n`).join('');
  const answers = await shell(`printf '${questions}' | ${run} start`);
  const seconds = (performance.now() - start) / 1_000;

  for (const [question, answer] of CONVERSATION) {
    if (!answer.test(answers))
      throw new Error(`With ${name}, "${question}" was not answered as it should be.\n${answers}`);
  }
  if (!created.includes(`\n  cd my-app\n  ${name} start\n`))
    throw new Error(`With ${name}, the next commands were not told.\n${created}`);
  const minutes = readFileSync(join(app, 'minutes.md'), 'utf8');
  if (!minutes.includes('**You**: What is a tick?'))
    throw new Error(`With ${name}, the question is not in the minutes.\n${minutes}`);
  if (!existsSync(join(app, '.git')))
    throw new Error(`With ${name}, there is no git repository in ${app}.`);
  await shell(`${run} test`);
  await shell(`${run} check`);
  return seconds;
};

/** The folder of the command `yarn`, from npm. */
const yarnIn = async (registry: LocalRegistry, work: string, yarn: string): Promise<string> => {
  const tools = makeConsumer(registry, work, yarn.replaceAll(/\W/g, '-'));
  await tools.run('npm', 'install', yarn);
  return join(tools.folder, 'node_modules/.bin');
};

const createApp = async (registry: LocalRegistry, work: string, full: boolean): Promise<void> => {
  const { env } = registry;
  for (const way of full ? [...WAYS, ...YARNS] : WAYS) {
    const yarn = way.yarn === undefined ? [] : [await yarnIn(registry, work, way.yarn)];
    const PATH = [...yarn, env['PATH']].join(delimiter);
    const seconds = await live({ ...env, PATH }, work, way);
    console.log(`    ${way.name}: two commands to answering actors in ${seconds.toFixed(1)} s`);
    if (seconds >= LIMIT_S)
      throw new Error(
        `With ${way.name} it took ${seconds.toFixed(1)} s; ${LIMIT_S} s is the limit.`,
      );
  }
  const create = ['create', 'pantheon@latest', 'all-ports', '--', '--adapter', ADAPTERS.join(',')];
  await runCommand('npm', create, { cwd: work, env, timeoutMs: 180_000 });
  await runCommand('npm', ['run', 'check'], { cwd: join(work, 'all-ports'), env });
  console.log(`    an app with ${ADAPTERS.join(', ')} compiles`);
};

export default createApp;
