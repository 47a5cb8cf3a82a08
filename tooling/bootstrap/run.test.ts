import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';

/**
 * A repository of its own, in a folder with a space in its name, with the real bootstrap and made-up tools: an npm that puts
 * a made-up pnpm and a link to this Node where the real one would, and a pnpm that notes that it was called.
 */
const NPM = `
const { appendFileSync, cpSync, mkdirSync, symlinkSync, writeFileSync } = require('node:fs');
const { delimiter, join } = require('node:path');
const place = join(process.env.TEST_FOLDER, 'cache/node_modules');
const packages = process.argv.filter((arg) => arg.startsWith('--package=')).map((arg) => arg.slice(10));
appendFileSync(join(process.env.TEST_FOLDER, 'calls'), 'npm ' + packages.join(' ') + '\\n');
if (process.env.TEST_NPM === 'offline') {
  console.error('npm error code ENOTFOUND\\nnpm error network request to https://registry failed, reason: getaddrinfo ENOTFOUND registry');
  console.error('npm error     at ClientRequest (/usr/lib/x.js:1:1)');
  process.exit(1);
}
mkdirSync(join(place, 'pnpm/bin'), { recursive: true });
cpSync(join(process.env.TEST_FOLDER, 'pnpm.cjs'), join(place, 'pnpm/bin/pnpm.cjs'));
if (packages[1]) {
  const bin = join(place, packages[1].split('@')[0], 'bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(process.execPath, join(bin, 'node'));
}
console.log([join(place, '.bin'), process.env.PATH].join(delimiter));
`;
const PNPM = `
const { appendFileSync, cpSync, mkdirSync } = require('node:fs');
console.log('noise of an install\\n    at stack (trace.js:1:1)');
appendFileSync(process.env.TEST_FOLDER + '/calls', 'pnpm ' + process.argv.slice(2, 4).join(' ') + '\\n');
if (process.env.TEST_PNPM === 'broken') process.exit(3);
mkdirSync('node_modules/.pnpm', { recursive: true });
cpSync('pnpm-lock.yaml', 'node_modules/.pnpm/lock.yaml');
`;
const SCRIPT = `
const { argv, env } = process;
const [, , mode, ...args] = argv;
if (mode === 'wait') {
  process.on('SIGTERM', () => process.exit(0));
  console.log('ready');
  setInterval(() => {}, 1_000);
} else if (mode === 'fall') process.kill(process.pid, 'SIGTERM');
else if (mode === 'code') process.exitCode = 7;
else if (mode === 'echo') process.stdin.pipe(process.stdout);
else console.log(JSON.stringify({ args, cwd: process.cwd(), stood: env.INIT_CWD, node: process.execPath }));
`;

let folder = '';
const makeRepository = (): string => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'pantheon-bootstrap-')));
  const root = join(folder, 'my clone');
  mkdirSync(join(root, 'packages/a'), { recursive: true });
  for (const file of ['run.mjs', 'fetch-tools.mjs', 'install.mjs', 'start.mjs']) {
    cpSync(join(import.meta.dirname, file), join(root, 'tooling/bootstrap', file));
  }
  const scripts = {
    it: 'node script.cjs',
    shell: 'node script.cjs tell a && node script.cjs tell b',
  };
  writeFileSync(
    join(root, 'package.json'),
    JSON.stringify({ packageManager: 'pnpm@1.2.3+sha512.abc', scripts }),
  );
  writeFileSync(join(root, 'pnpm-workspace.yaml'), 'packages:\n  - packages/*\n');
  writeFileSync(join(root, 'pnpm-lock.yaml'), 'one');
  writeFileSync(join(root, 'packages/a/package.json'), '{}');
  writeFileSync(join(root, 'script.cjs'), SCRIPT);
  writeFileSync(join(folder, 'npm-cli.js'), NPM);
  writeFileSync(join(folder, 'pnpm.cjs'), PNPM);
  return root;
};
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const calls = (): string[] =>
  existsSync(join(folder, 'calls'))
    ? readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n')
    : [];

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}
interface Settings {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly stdin?: string;
  /** Options of the Node that runs the bootstrap. */
  readonly node?: readonly string[];
  /** A signal to send as soon as the script has printed something. */
  readonly signal?: NodeJS.Signals;
}
const run = (root: string, args: readonly string[], settings: Settings = {}): Promise<Ended> => {
  const { INIT_CWD: _, npm_execpath: __, ...inherited } = process.env;
  const env = {
    ...inherited,
    TEST_FOLDER: folder,
    npm_execpath: join(folder, 'npm-cli.js'),
    ...settings.env,
  };
  const line = [...(settings.node ?? []), join(root, 'tooling/bootstrap/run.mjs'), ...args];
  const child = spawn(process.execPath, line, { cwd: settings.cwd ?? folder, env, stdio: 'pipe' });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString();
    if (settings.signal) child.kill(settings.signal);
  });
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  child.stdin.end(settings.stdin ?? '');
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, ...output }));
  });
};
/** A Node that says to be another one. */
const disguise = (node: string, arch: string = process.arch): string[] => {
  const file = join(folder, 'disguise.cjs');
  const versions = `{ ...process.versions, node: '${node}' }`;
  writeFileSync(
    file,
    `Object.defineProperties(process, { versions: { value: ${versions} }, arch: { value: '${arch}' } });`,
  );
  return ['--require', file];
};

test('the script gets its arguments, its folder and its input as they came, and alone has standard output', async () => {
  const root = makeRepository();
  const args = [
    '--docs',
    './my notes',
    'How do I "x" $HOME `y` \'z\' *?',
    '',
    'a\\b',
    'two\nlines',
    '--',
  ];
  const first = await run(root, ['it', 'tell', ...args]);
  expect(JSON.parse(first.stdout)).toEqual({
    args,
    cwd: root,
    stood: folder,
    node: process.execPath,
  });
  expect(first.stderr).toBe(
    'pantheon: fetching pnpm@1.2.3\npantheon: installing the dependencies\n',
  );
  const echo = await run(root, ['it', '--', 'echo'], { stdin: 'a question\n' });
  expect(echo).toEqual({ code: 0, signal: null, stdout: 'a question\n', stderr: '' });
});

test('INIT_CWD of npm stays what it is', async () => {
  const root = makeRepository();
  const { stdout } = await run(root, ['it', 'tell'], {
    env: { INIT_CWD: '/where/the/user/stood' },
  });
  expect(JSON.parse(stdout)).toMatchObject({ stood: '/where/the/user/stood', args: [] });
});

test('a script that needs a shell gets one', async () => {
  const root = makeRepository();
  const { code, stdout } = await run(root, ['shell', 'last']);
  expect(stdout.split('\n').map((line) => line && JSON.parse(line).args)).toEqual([
    ['a'],
    ['b', 'last'],
    '',
  ]);
  expect(code).toBe(0);
});

test('the exit code and the end by a signal are those of the script', async () => {
  const root = makeRepository();
  expect(await run(root, ['it', 'code'])).toMatchObject({ code: 7, signal: null });
  expect(await run(root, ['it', 'fall'])).toMatchObject({ code: null, signal: 'SIGTERM' });
});

test('a signal is passed on, so that the script can end in good order', async () => {
  const root = makeRepository();
  expect(await run(root, ['it', 'wait'], { signal: 'SIGTERM' })).toMatchObject({
    code: 0,
    signal: null,
    stdout: 'ready\n',
  });
});

test('an install happens when something changed, and not otherwise', async () => {
  const root = makeRepository();
  const installs = async (): Promise<number> => {
    await run(root, ['it', 'tell']);
    return calls().filter((call) => call === 'pnpm install --frozen-lockfile').length;
  };
  expect(await installs()).toBe(1);
  expect(await installs()).toBe(1);
  writeFileSync(join(root, 'pnpm-lock.yaml'), 'two');
  expect(await installs()).toBe(2);
  writeFileSync(join(root, 'packages/a/package.json'), '{ "dependencies": {} }');
  expect(await installs()).toBe(3);
  mkdirSync(join(root, 'packages/b'));
  expect(await installs()).toBe(4);
  // Somebody installed another branch by hand.
  writeFileSync(join(root, 'node_modules/.pnpm/lock.yaml'), 'three');
  expect(await installs()).toBe(5);
  expect(await installs()).toBe(5);
  expect(calls().filter((call) => call.startsWith('npm'))).toEqual(['npm pnpm@1.2.3']);
  rmSync(join(root, 'node_modules'), { recursive: true });
  expect(await installs()).toBe(6);
});

test('a tool that npm no longer has is fetched again', async () => {
  const root = makeRepository();
  await run(root, ['it', 'tell']);
  rmSync(join(folder, 'cache'), { recursive: true });
  expect(await run(root, ['it', 'tell'])).toMatchObject({ code: 0 });
  expect(calls().filter((call) => call.startsWith('npm'))).toHaveLength(2);
});

test('a Node that is too old for the scripts is joined by one that is not', async () => {
  const root = makeRepository();
  const { code, stdout } = await run(root, ['it', 'tell'], { node: disguise('20.11.1', 'x64') });
  expect(calls()[0]).toMatch(/^npm pnpm@1\.2\.3 node-(linux|darwin|win)-x64@24\.\d+\.\d+$/);
  expect(JSON.parse(stdout).args).toEqual([]);
  expect(code).toBe(0);
  // What it starts runs under that Node, and may call the bootstrap itself.
  expect(await run(root, ['it', 'tell'])).toMatchObject({ code: 0, stderr: '' });
});

test.each([
  [
    'Node 16',
    () => ({ node: disguise('16.20.2') }),
    /^pantheon: Node 18 or newer is needed to start; this is Node 16\.20\.2\.\n$/,
  ],
  [
    'Node 20 on a machine for which there is none',
    () => ({ node: disguise('20.1.0', 'riscv64') }),
    /^pantheon: Node 22\.18 or newer is needed, .*-riscv64: install Node 24\.\n$/,
  ],
  [
    'no network',
    () => ({ env: { TEST_NPM: 'offline' } }),
    /^pantheon: fetching .*\npantheon: npm could not fetch pnpm@1\.2\.3 \(getaddrinfo ENOTFOUND registry\)\. Check the network .*\n$/,
  ],
  [
    'no npm',
    () => ({ env: { npm_execpath: undefined, PATH: folder } }),
    /^pantheon: fetching .*\npantheon: npm is needed, and it does not start: spawnSync npm ENOENT\.\n$/,
  ],
  [
    'a failing install',
    () => ({ env: { TEST_PNPM: 'broken' } }),
    /\nnoise of an install\n\npantheon: the dependencies could not be installed \(pnpm ended with 3\)\.\n$/,
  ],
])('%s ends with one sentence and a failure', async (_what, settings, sentence) => {
  const root = makeRepository();
  const { code, stdout, stderr } = await run(root, ['it', 'tell'], settings());
  expect(stderr).toMatch(sentence);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
});

test('a script that does not exist is named', async () => {
  const root = makeRepository();
  expect(await run(root, ['demos'])).toMatchObject({
    code: 1,
    stderr: 'pantheon: package.json has no script "demos".\n',
  });
});
