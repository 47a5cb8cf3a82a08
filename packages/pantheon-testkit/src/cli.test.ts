import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Report } from './report.ts';

const FIXTURES = fileURLToPath(new URL('../test/fixtures', import.meta.url));
const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url));
const PACKAGES = ['adapter', 'other-port'];
/** Packages that are nothing but what they declare: by the last word of their name, what stands under `pantheon`. */
const DECLARED: Readonly<Record<string, unknown>> = {
  undeclared: undefined,
  'declared-as-text': 'bus',
  'without-contract': { port: 'bus' },
  'without-port': { contract: 1 },
  'newer-contract': { port: 'journal', contract: 2, harness: './harness.js' },
  'odd-contract': { port: 'bus', contract: 'one' },
  'odd-port': { port: 'buss', contract: 1 },
  'log-port': { port: 'log', contract: 1 },
  'without-harness': { port: 'scheduler', contract: 1 },
};

/** A folder in which the fixtures that are packages are installed. */
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'testkit-cli-'));
  await mkdir(join(folder, 'node_modules'));
  for (const name of PACKAGES) {
    const installed = name === 'adapter' ? 'example' : name;
    await symlink(
      join(FIXTURES, name),
      join(folder, 'node_modules', `pantheon-adapter-${installed}`),
    );
  }
  for (const [name, pantheon] of Object.entries(DECLARED)) {
    const place = join(folder, 'node_modules', `pantheon-adapter-${name}`);
    await mkdir(place);
    const manifest = { name: `pantheon-adapter-${name}`, type: 'module', pantheon };
    await writeFile(join(place, 'package.json'), JSON.stringify(manifest));
    await writeFile(join(place, 'index.js'), 'export const makeMadeScheduler = () => ({});\n');
  }
  const empty = join(folder, 'node_modules', 'pantheon-adapter-empty');
  await mkdir(empty);
  await writeFile(join(empty, 'package.json'), 'null');
});

afterAll(() => rm(folder, { recursive: true }));

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command as a process, as a user does. */
const run = (args: readonly string[], cwd = folder): Promise<Run> =>
  new Promise((resolve) => {
    const command = [
      '--conditions=@promethean/source',
      '--disable-warning=ExperimentalWarning',
      CLI,
      ...args,
    ];
    execFile(process.execPath, command, { cwd, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });

const fixture = (name: string): string => join(FIXTURES, name);

const reportOf = async (path = 'pantheon-report.json'): Promise<Report> =>
  JSON.parse(await readFile(join(folder, path), 'utf8')) as Report;

const failedIds = ({ ports }: Report): readonly string[] =>
  ports.flatMap(({ cases }) =>
    cases.filter(({ status }) => status === 'failed').map(({ id }) => id),
  );

describe('an adapter that keeps its contract', { timeout: 60_000 }, () => {
  test('gives a table, a sum for each port, a report and the exit code 0', async () => {
    const { code, stdout, stderr } = await run([fixture('right.ts')]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^rule +title +result +ms$/m);
    expect(stdout).toMatch(/^tools:5 +a call that takes longer .* passed +\d+$/m);
    expect(stdout).toMatch(/^schedule:9b .* skipped +\d+$/m);
    expect(stdout).toMatch(/^tools: \d+ passed, 0 failed, 0 skipped \(\d+ ms\)$/m);
    expect(stdout).toMatch(/^scheduler: \d+ passed, 0 failed, 17 skipped \(\d+ ms\)$/m);
    const report = await reportOf();
    expect(report).toMatchObject({
      format: 1,
      package: { name: '@promethean/pantheon-testkit' },
      contract: 1,
      node: process.version,
      failed: 0,
      skipped: 17,
    });
    expect(report.ports.map(({ port }) => port)).toEqual(['tools', 'scheduler']);
    expect(Date.parse(report.date)).not.toBeNaN();
    const ids = report.ports[0]?.cases.map(({ id }) => id);
    expect([ids?.at(0), ids?.at(-1)]).toEqual(['harness:1', 'harness:2']);
    expect((await readdir(folder)).toSorted()).toEqual(['node_modules', 'pantheon-report.json']);
  });

  test('is found by the name of its package, and its report says so', async () => {
    const { code, stderr } = await run(['pantheon-adapter-example', '--report', 'out/named.json']);
    expect([code, stderr]).toEqual([0, '']);
    expect((await reportOf('out/named.json')).package).toEqual({
      name: 'pantheon-adapter-example',
      version: '1.2.3',
    });
  });

  test.each(['.', 'pantheon-adapter-example', 'pantheon-adapter-example/contract', './harness.js'])(
    'is found in its own folder as %s',
    async (target) => {
      const report = join(folder, 'own.json');
      const { code, stderr } = await run([target, '--report', report], fixture('adapter'));
      expect([code, stderr]).toEqual([0, '']);
    },
  );

  test('can be asked for one port, and for JSON', async () => {
    const { code, stdout } = await run([fixture('right.ts'), '--port', 'scheduler', '--json']);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect(report.ports.map(({ port }) => port)).toEqual(['scheduler']);
    expect(report).toEqual(await reportOf());
  });
});

describe('an adapter that breaks a rule', { timeout: 60_000 }, () => {
  test('fails those rules, with their errors, and the exit code is 1', async () => {
    const { code, stdout } = await run([fixture('broken.ts')]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^tools:4 .* failed +\d+$/m);
    expect(stdout).toMatch(/^tools: \d+ passed, 2 failed, 0 skipped/m);
    const report = await reportOf();
    expect(failedIds(report)).toEqual(['tools:4', 'tools:4b']);
    expect(stdout).toContain(`\ntools:4 arguments that the schema forbids`);
    const messages = report.ports[0]?.cases.flatMap(({ error }) => error?.message ?? []);
    expect(messages?.[0]).toContain('must reject with action-invalid');
  });

  test('is left at the first failure with --bail', async () => {
    const { code, stdout } = await run([fixture('broken.ts'), '--bail']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/, 1 failed, 0 skipped, \d+ not run/);
    const { ports } = await reportOf();
    expect(ports[0]?.cases.at(-1)).toMatchObject({ id: 'tools:4', status: 'failed' });
    expect(ports[0]?.notRun).toBeGreaterThan(5);
  });

  test('by hanging fails after --timeout, and the command ends', async () => {
    const { code } = await run([fixture('hanging.ts'), '--timeout', '200']);
    expect(code).toBe(1);
    const report = await reportOf();
    const [first] = report.ports[0]?.cases.filter(({ id }) => id === 'tools:1') ?? [];
    expect(first?.error?.message).toBe('tools:1 did not end within 200 ms.');
    expect(failedIds(report)).not.toContain('tools:8');
  });

  test.each([
    ['ending.ts', 'tools:1 of the tools suite'],
    ['ending-import.ts', `the import of ${fixture('ending-import.ts')}`],
  ])('by ending the process (%s) has not passed', async (name, during) => {
    const { code, stderr } = await run([fixture(name)]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `The process was ended with the code 0 during ${during}; there is no report.\n`,
    );
  });

  test('by an error that nobody catches fails the case that ran', async () => {
    const { code } = await run([fixture('stray.ts')]);
    expect(code).toBe(1);
    const report = await reportOf();
    expect(failedIds(report)).toEqual(['tools:8', 'port:1b', 'port:2']);
    const errors = report.ports[0]?.cases.flatMap(({ error }) => error?.message ?? []);
    expect(errors).toEqual(Array.from({ length: 3 }, () => 'nobody awaits this'));
  });
});

describe('what cannot be run', { timeout: 60_000 }, () => {
  test.each<[what: string, args: readonly string[], sentence: RegExp]>([
    ['nothing', [], /^Give one package or file\./],
    ['two files', [fixture('right.ts'), fixture('empty.ts')], /^Give one package or file\./],
    ['an unknown option', [fixture('right.ts'), '--fast'], /--fast/],
    [
      'a time limit that is none',
      [fixture('right.ts'), '--timeout', 'soon'],
      /^--timeout must be a whole number .* not "soon"/,
    ],
    [
      'a port that there is not',
      [fixture('right.ts'), '--port', 'buss'],
      /^There is no port "buss"; ports are bus, context,/,
    ],
    [
      'a port without a harness',
      [fixture('right.ts'), '--port', 'bus'],
      /has no harness for "bus", only for tools, scheduler/,
    ],
    ['a missing file', ['./missing.js'], /^There is no file \.\/missing\.js/],
    ['a missing package', ['pantheon-adapter-missing'], /^There is no package "pantheon-adapter-m/],
    [
      'a module that a package does not export',
      ['pantheon-adapter-example/other'],
      /exports no module "\.\/other" that can be imported/,
    ],
    [
      'a module without a harness',
      [fixture('empty.ts')],
      /exports no harness; give a file that exports pantheonHarnesses/,
    ],
    [
      'a harness of an unknown port',
      [fixture('odd-port.ts')],
      /has "buss", which is no port; ports are bus,/,
    ],
    [
      'a harness that is no function',
      [fixture('no-function.ts')],
      /pantheonHarnesses\.bus of .* must be a function .* not object/,
    ],
    [
      'a module that throws',
      [fixture('throwing.ts')],
      /throwing\.ts cannot be imported: no server is configured/,
    ],
    [
      'a module that hangs',
      [fixture('hanging-import.ts'), '--timeout', '300'],
      /cannot be imported: The import did not end within 300 ms/,
    ],
    [
      'a package that is no adapter',
      ['pantheon-adapter-undeclared'],
      /^package\.json of "pantheon-adapter-undeclared": pantheon is missing; .* "pantheon": \{ "port": "bus", "contract": 1 \}\.$/m,
    ],
    [
      'a package.json that is none',
      ['pantheon-adapter-empty'],
      /package\.json must be an object\.$/m,
    ],
    [
      'a declaration that is none',
      ['pantheon-adapter-declared-as-text'],
      /pantheon must be an object such as \{ "port": "bus", "contract": 1 \}, not "bus"/,
    ],
    [
      'a declaration without a contract',
      ['pantheon-adapter-without-contract'],
      /pantheon\.contract is missing; .* "contract": 1\.$/m,
    ],
    [
      'a declaration without a port',
      ['pantheon-adapter-without-port'],
      /pantheon\.port is missing; ports with a suite are bus, context, journal, lease, llm, scheduler, state, tools\.$/m,
    ],
    [
      'a newer contract',
      ['pantheon-adapter-newer-contract'],
      /pantheon\.contract is 2, .* proves contract 1; install a newer testkit: npm install .*@latest\.$/m,
    ],
    [
      'a contract that is none',
      ['pantheon-adapter-odd-contract'],
      /pantheon\.contract must be 1, not "one"/,
    ],
    [
      'a port that is declared and that there is not',
      ['pantheon-adapter-odd-port'],
      /pantheon\.port is "buss", which is no port; ports with a suite are bus,/,
    ],
    [
      'a port that is a function',
      ['pantheon-adapter-log-port'],
      /pantheon\.port is "log", a plain function that no suite proves\.$/m,
    ],
    [
      'a package that keeps its harness to itself',
      ['pantheon-adapter-without-harness'],
      /exports no harness; give a file that exports pantheonHarnesses, .*\{ scheduler: \(\) => harness \}, .*pantheon\.harness\.$/m,
    ],
    [
      'a port that is declared and not exported',
      ['pantheon-adapter-other-port'],
      /pantheon\.port is "bus", and pantheonHarnesses has tools/,
    ],
  ])('%s is answered with one sentence and the exit code 2', async (_, args, sentence) => {
    const { code, stdout, stderr } = await run(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test('a report that cannot be written is no success', async () => {
    const { code, stderr } = await run([
      fixture('right.ts'),
      '--port',
      'tools',
      '--report',
      'node_modules',
    ]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^The report cannot be written to node_modules: /);
  });
});

test('--help and --version are answered', { timeout: 60_000 }, async () => {
  expect((await run(['--help'])).stdout).toMatch(/^Usage: pantheon-testkit <package-or-file>/);
  expect((await run(['--version'])).stdout.trim()).toMatch(/^\d+\.\d+\.\d+/);
});

test('the command of package.json is built from this file, which says what runs it', async () => {
  const manifest = JSON.parse(
    await readFile(new URL('../package.json', import.meta.url), 'utf8'),
  ) as { readonly bin: unknown };
  expect(manifest.bin).toEqual({ 'pantheon-testkit': './dist/cli.js' });
  expect(await readFile(CLI, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
});
