/** The command as it is started by package managers, in folders with spaces in their names. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

const PACKAGE = join(import.meta.dirname, '..');

let work = '';
let folder = '';
let count = 0;

/** The package as it is published, apart from being compiled: its manifest names versions. */
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'create pantheon '));
  await chmod(work, 0o755);
  for (const part of ['src', 'templates'])
    await cp(join(PACKAGE, part), join(work, 'package', part), { recursive: true });
  const manifest = await readFile(join(PACKAGE, 'package.json'), 'utf8');
  const published = manifest.replaceAll('workspace:^', '^1.2.3').replace('"0.0.0"', '"1.2.3"');
  await writeFile(join(work, 'package/package.json'), published);
  await symlink(join(PACKAGE, 'node_modules'), join(work, 'package/node_modules'), 'junction');
});
afterAll(() => rm(work, { recursive: true, maxRetries: 5 }));
beforeEach(async () => {
  folder = join(work, `folder ${(count += 1)}`);
  await mkdir(folder);
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Started {
  /** Signals this process alone, or it and everything that it started. */
  readonly kill: (signal: NodeJS.Signals, group?: 'group') => void;
  readonly ended: Promise<Ended>;
}

const start = (
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly under?: readonly string[] } = {},
): Started => {
  const { env, under = [] } = options;
  const node = [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    join(work, 'package/src/cli.ts'),
  ];
  const [command, ...rest] = [...under, ...node, ...args] as [string, ...string[]];
  const child = spawn(command, rest, {
    cwd: folder,
    // No settings of the one who runs the tests; npm keeps its things in here.
    env: {
      PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
      HOME: work,
      npm_config_cache: join(work, 'cache'),
      GIT_CEILING_DIRECTORIES: work,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    timeout: 60_000,
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return {
    kill: (signal, group) => void process.kill((group === 'group' ? -1 : 1) * child.pid!, signal),
    ended: once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr })),
  };
};
const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
  start(args, { env }).ended;

const offline = ['--no-install', '--no-git'];

test('an app is made, and the next commands are told', async () => {
  const { code, stdout, stderr } = await run(['my-app', ...offline]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^Made the app my-app: \d+ files in .*my-app\n/);
  expect(stdout).toContain('\nNext:\n  cd my-app\n  npm install\n  npm start\n');
  const manifest = JSON.parse(
    await readFile(join(folder, 'my-app/package.json'), 'utf8'),
  ) as object;
  expect(manifest).toMatchObject({
    name: 'my-app',
    dependencies: { '@promethean/pantheon': '^1.2.3' },
  });
  expect((await readdir(join(folder, 'my-app'))).toSorted()).toEqual([
    '.env.example',
    '.gitignore',
    'README.md',
    'notes',
    'package.json',
    'pantheon.config.ts',
    'src',
    'test',
    'tsconfig.json',
  ]);
});

test('an adapter is made, and the next commands are told', async () => {
  const { code, stdout } = await run([
    'file-bus',
    '--kind',
    'adapter',
    '--port',
    'bus',
    ...offline,
  ]);
  expect(code).toBe(0);
  expect(stdout).toContain('Made the package pantheon-adapter-file-bus: ');
  expect(stdout).toContain('\nNext:\n  cd file-bus\n  npm install\n  npm test\n');
});

test('what an adapter needs is told, in the README too', async () => {
  const { stdout } = await run(['my-app', '--adapter', 'redis-bus,sqlite-state', ...offline]);
  const need = 'redis-bus needs a Redis of version 6.2 or later at REDIS_URL.';
  expect(stdout).toContain(`\n${need}\n`);
  expect(await readFile(join(folder, 'my-app/README.md'), 'utf8')).toContain(`\n- ${need}\n`);
});

test('the folder that one is in can be filled', async () => {
  folder = join(folder, 'here');
  await mkdir(folder);
  const { code, stdout } = await run(['.', ...offline]);
  expect(code).toBe(0);
  expect(stdout).toContain('Made the app here: ');
  expect(stdout).toContain('\nNext:\n  npm install\n');
});

test.each(['npm', 'pnpm', 'yarn', 'bun'])(
  'started by %s, it names the commands of that',
  async (name) => {
    const env = { npm_config_user_agent: `${name}/10.0.0 npm/? node/v22.18.0 linux x64` };
    const { stdout } = await run(['my-app', ...offline], env);
    const command = name === 'bun' ? 'bun run' : name;
    expect(stdout).toContain(`  ${name} install\n  ${command} start\n`);
    // In the archives of Yarn, TypeScript finds no packages.
    const settings = await readFile(join(folder, 'my-app/.yarnrc.yml'), 'utf8').catch(() => '');
    expect(settings).toBe(name === 'yarn' ? 'nodeLinker: node-modules\n' : '');
  },
);

test('with --yes and nothing else it makes my-app', async () => {
  expect((await run(['--yes', ...offline])).code).toBe(0);
  expect(await readdir(folder)).toEqual(['my-app']);
});

test('--help and --version print what they are asked for and make nothing', async () => {
  const help = await run(['--help']);
  expect(help).toMatchObject({ code: 0, stderr: '' });
  expect(help.stdout).toContain('--package-manager NAME');
  expect(await run(['--version'])).toEqual({ code: 0, stdout: '1.2.3\n', stderr: '' });
  expect(await readdir(folder)).toEqual([]);
});

test.each([
  [[], /^There is no folder to make it in\. Give one before the flags/],
  [['My-App'], /^"My-App" cannot be the name of a package: it has capital letters\. Choose/],
  [['my app'], /it has a space in it/],
  [['a', 'b'], /^"b" is one word too many\. Give one folder/],
  [['a', '--kinds', 'app'], /^Unknown option '--kinds'\. --help shows what there is\.$/m],
  [['a', '--kind'], /^Option '--kind <value>' argument missing\. --help/],
  [['a', '--kind', 'actor'], /^--kind cannot be "actor"\. Give one of app, adapter\./],
  [
    ['a', '--adapter', 'redis-buss'],
    /^There is no adapter "redis-buss"\. Did you mean "redis-bus"\?/,
  ],
  [['a', '--adapter', 'redis-state,sqlite-state'], /are both for the state\. Choose one of them\./],
  [['a', '--package-manager', 'npx'], /^--package-manager cannot be "npx"\. Give one of npm, /],
  [['a', '--port', 'bus'], /^--port is for an adapter\. Give --kind adapter as well\./],
  [['a-bus', '--kind', 'adapter'], /none is given\. Give --port with one of bus, context/],
  [['a', '--kind', 'adapter', '--port', 'now'], /^--port cannot be "now"\. Give one of bus,/],
  [['a', '--kind', 'adapter', '--adapter', 'redis-bus'], /^--adapter is for an app\./],
])('%j is refused with what to do, and nothing is written', async (args, message) => {
  const { code, stdout, stderr } = await run(args);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(message);
  expect(stderr.trim()).not.toContain('\n');
  expect(await readdir(folder)).toEqual([]);
});

test.each([
  ['a folder with something in it', 'my-app/mine.txt'],
  ['a file', 'my-app'],
])('%s in the way is refused, and stays', async (_, file) => {
  await mkdir(dirname(join(folder, file)), { recursive: true });
  await writeFile(join(folder, file), 'mine');
  const { code, stderr } = await run(['my-app']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/my-app exists and is not an empty folder; nothing was written\. Choose/);
  expect(await readFile(join(folder, file), 'utf8')).toBe('mine');
  expect((await readdir(folder, { recursive: true })).length).toBe(file.split('/').length);
});

test('a folder above that may not be written to is one sentence', async () => {
  await chmod(folder, 0o555);
  // Root may write anywhere, unless it gives that up. Another user might not get at this node and this checkout.
  const privileges = '-dac_override,-dac_read_search';
  const under =
    process.getuid?.() === 0
      ? ['setpriv', `--inh-caps=${privileges}`, `--bounding-set=${privileges}`]
      : [];
  const { code, stderr } = await start(['my-app', ...offline], { under }).ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^.* cannot be written to \(EACCES\); nothing was made\. Choose a folder/);
  expect(await readdir(folder)).toEqual([]);
});

test('a folder above that takes no folders is one sentence, and not tried for ever', async () => {
  const { code, stderr } = await run(['/proc/pantheon/kept/my-app', ...offline]);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^\/proc\/pantheon\/kept cannot be written to \(\w+\); nothing was made\./,
  );
});

/** A registry that takes every call and answers none; or with `closed` one that is not there. */
const startSilence = async (closed?: 'closed') => {
  const server = createServer();
  const called = once(server, 'connection');
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => void server.close();
  if (closed) await close();
  const env = {
    npm_config_registry: `http://127.0.0.1:${port}/`,
    npm_config_fetch_retries: '0',
    npm_config_update_notifier: 'false',
  };
  return { env, called, close };
};

const isWhole = async (): Promise<void> => {
  expect(await readdir(folder)).toEqual(['my-app']);
  expect(await readdir(join(folder, 'my-app'))).toContain('tsconfig.json');
};

test('where installing fails, the files stay and are named', async () => {
  const { env } = await startSilence('closed');
  const { code, stderr } = await run(['my-app', '--no-git'], env);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /npm install failed \(exit code \d+\)\. The files in .*my-app are complete, its packages are not\. Run "npm install" there/,
  );
  await isWhole();
}, 60_000);

test('where the package manager is missing, that is said', async () => {
  const PATH = join(work, 'nothing');
  const { code, stderr } = await run(['my-app', '--package-manager', 'bun'], { PATH });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^bun install was not found\..* Install bun, or choose another/);
  await isWhole();
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s while it installs ends the install and says what is there',
  async (signal) => {
    const { env, called, close } = await startSilence();
    const { kill, ended } = start(['my-app'], { env });
    await called;
    kill(signal);
    const { code, stdout, stderr } = await ended;
    await close();
    expect(code).toBe(130);
    expect(stderr).toContain('npm install was interrupted. The files in ');
    expect(stdout).not.toContain('Next:');
    await isWhole();
  },
  60_000,
);

test('killed while it installs, it leaves a whole folder and nothing beside it', async () => {
  const { env, called, close } = await startSilence();
  const { kill, ended } = start(['my-app'], { env });
  await called;
  kill('SIGKILL', 'group');
  await ended;
  await close();
  await isWhole();
}, 60_000);

test('interrupted at once, it leaves nothing or the whole', async () => {
  const { kill, ended } = start(['my-app', ...offline]);
  kill('SIGINT');
  await ended;
  const left = await readdir(folder);
  if (left.length > 0) await isWhole();
});

test('the app becomes a git repository, except inside one', async () => {
  await run(['my-app', '--no-install']);
  expect(await readdir(join(folder, 'my-app'))).toContain('.git');
  await run(['my-app/packages/other', '--no-install']);
  const inner = await readdir(join(folder, 'my-app/packages/other'));
  expect(inner).toContain('.gitignore');
  expect(inner).not.toContain('.git');
  const status = spawnSync('git', ['status', '--short'], { cwd: join(folder, 'my-app') });
  expect(status.stdout.toString()).toContain('?? package.json');
});
