import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adapterPorts } from './adapter-names.ts';
import { createAdapter, type CreatedAdapter } from './create-adapter.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TESTKIT = join(ROOT, 'packages/pantheon-testkit/src/cli.ts');
const VERSIONS = {
  '@promethean/pantheon-core': '^0.2.3',
  '@promethean/pantheon-testkit': '^1.2.4',
};

/** A folder with a project for every port, which find the workspace's packages installed. */
let folder = '';
const created = new Map<string, CreatedAdapter>();

beforeAll(async () => {
  // A space, as folders of users have.
  folder = await mkdtemp(join(tmpdir(), 'create adapter-'));
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, '@promethean'), { recursive: true });
  await mkdir(join(modules, '@types'));
  for (const name of ['pantheon-core', 'pantheon-testkit'])
    await symlink(join(ROOT, 'packages', name), join(modules, '@promethean', name));
  await symlink(join(ROOT, 'node_modules/@types/node'), join(modules, '@types/node'));
  for (const port of adapterPorts) {
    const target = join(folder, port);
    created.set(port, await createAdapter({ target, name: 'dynamo-db', port, versions: VERSIONS }));
  }
});

afterAll(() => rm(folder, { recursive: true }));

interface Run {
  readonly code: number;
  readonly output: string;
}

const run = (command: string, args: readonly string[], cwd: string): Promise<Run> =>
  new Promise((resolve) => {
    // A test runner that is started by another one would report to it.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    execFile(command, args, { cwd, env, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    );
  });

const node = (args: readonly string[], cwd: string): Promise<Run> =>
  run(
    process.execPath,
    ['--conditions=@promethean/source', '--disable-warning=ExperimentalWarning', ...args],
    cwd,
  );

const readText = (...path: readonly string[]): Promise<string> =>
  readFile(join(folder, ...path), 'utf8');

test('the projects of all ports compile as they are generated', { timeout: 60_000 }, async () => {
  const config = {
    extends: './bus/tsconfig.json',
    compilerOptions: {
      // The workspace's sources are compiled as well, with what they need.
      customConditions: ['@promethean/source'],
      lib: ['ES2023', 'ES2024.String'],
      rootDir: '/',
      noEmit: true,
    },
    include: ['*/src'],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  expect(await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', '.'], folder)).toEqual({
    code: 0,
    output: '',
  });
});

test.each(adapterPorts.filter((port) => port !== 'log'))(
  'the contract suite fails on a fresh %s adapter, with the numbers of its rules',
  { timeout: 60_000 },
  async (port) => {
    const { code, output } = await node(
      [TESTKIT, './src/harness.ts', '--json'],
      join(folder, port),
    );
    expect(code).toBe(1);
    const { ports } = JSON.parse(output) as {
      readonly ports: readonly {
        readonly port: string;
        readonly cases: readonly {
          readonly id: string;
          readonly status: string;
          readonly error?: { readonly message: string };
        }[];
      }[];
    };
    expect(ports.map((one) => one.port)).toEqual([port]);
    const failed = ports[0]?.cases.filter(({ status }) => status === 'failed') ?? [];
    const rules = new Set(failed.map(({ id }) => id.split(':')[0]));
    expect([...rules]).toContain(port === 'scheduler' ? 'schedule' : port);
    for (const { id, error } of failed)
      expect(`${id} ${error?.message}`).toMatch(/is not implemented yet|harness: addSource has to/);
    // Nothing of the port itself can pass before there is one.
    expect(ports[0]?.cases.filter(({ status }) => status === 'passed').map(({ id }) => id)).toEqual(
      ['harness:3', 'harness:2'],
    );
  },
);

test('the rules of a fresh log fail', { timeout: 60_000 }, async () => {
  const { code, output } = await node(['--test', 'src/rules.ts'], join(folder, 'log'));
  expect(code).toBe(1);
  expect(output).toContain('makeDynamoDbLog: the log is not implemented yet.');
  expect(output).toMatch(/fail 3\b/);
});

test('a project has what the testkit and npm have to know', async () => {
  expect(created.get('bus')).toEqual({
    name: 'pantheon-adapter-dynamo-db-bus',
    files: [
      '.github/workflows/release.yml',
      '.gitignore',
      'README.md',
      'package.json',
      'src/dynamo-db-bus.ts',
      'src/harness.ts',
      'src/index.ts',
      'tsconfig.json',
    ],
  });
  expect(JSON.parse(await readText('bus', 'package.json'))).toMatchObject({
    name: 'pantheon-adapter-dynamo-db-bus',
    keywords: ['pantheon', 'pantheon-adapter', 'pantheon-adapter-bus'],
    pantheon: { port: 'bus', contract: 1, harness: './dist/harness.js' },
    // Every core of its major, 0 included.
    peerDependencies: { '@promethean/pantheon-core': '^0' },
    devDependencies: VERSIONS,
  });
});

test('the contract is that of the testkit', async () => {
  const suite = await readFile(join(ROOT, 'packages/pantheon-testkit/src/suite.ts'), 'utf8');
  const [, contract] = /contractVersion = (\d+);/.exec(suite) ?? [];
  for (const port of adapterPorts) {
    const { pantheon } = JSON.parse(await readText(port, 'package.json')) as {
      readonly pantheon: object;
    };
    expect(pantheon).toMatchObject({ port, contract: Number(contract) });
  }
});

test('nothing of the template is left in a project', async () => {
  for (const [port, { files }] of created) {
    for (const file of files) {
      const text = await readText(port, file);
      expect(`${port}/${file}: ${text}`).not.toMatch(/(?<!\$)\{\{|\bTech\b|[tT]ech[A-Z-]/);
    }
  }
});

test('the actions of the release workflow are those of this repository, pinned', async () => {
  const ours = await readFile(join(ROOT, '.github/workflows/ci.yml'), 'utf8');
  const uses = (await readText('bus', '.github/workflows/release.yml')).match(/uses: .*/g) ?? [];
  expect(uses.length).toBeGreaterThan(0);
  for (const line of uses) {
    expect(line).toMatch(/@[0-9a-f]{40} # v\d/);
    expect(ours).toContain(line);
  }
});

test('what is at the target stays as it is', async () => {
  const target = join(folder, 'bus');
  const before = await readText('bus', 'package.json');
  await expect(
    createAdapter({ target, name: 'other', port: 'bus', versions: VERSIONS }),
  ).rejects.toThrow('exists and is not an empty folder');
  expect(await readText('bus', 'package.json')).toBe(before);
});

test('a wrong name makes no folder', async () => {
  const target = join(folder, 'nothing');
  await expect(
    createAdapter({ target, name: 'bus', port: 'bus', versions: VERSIONS }),
  ).rejects.toThrow('does not name a technology');
  await expect(readText('nothing', 'package.json')).rejects.toMatchObject({ code: 'ENOENT' });
});
