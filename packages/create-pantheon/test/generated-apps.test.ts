/** The apps that we make, against the packages of this checkout: they are formatted, they compile, and the plain one lives. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { adapters } from '../src/adapters.ts';
import { createApp } from '../src/create-app.ts';
import { readOwnPackage } from '../src/own-package.ts';

const run = promisify(execFile);
const PACKAGE = join(import.meta.dirname, '..');
const ROOT = join(PACKAGE, '../..');
/** Inside the package, so that ours resolve as its peers; git ignores it. */
const WORK = join(PACKAGE, '.pantheon/apps');
/** What apps install from others. */
const FOREIGN = {
  zod: 'pantheon',
  ai: 'adapter-ai-sdk-llm',
  '@ai-sdk/openai-compatible': 'adapter-ai-sdk-llm',
};
const NODE = ['--conditions=@promethean/source', '--disable-warning=ExperimentalWarning'];

const combinations: Readonly<Record<string, readonly string[]>> = {
  plain: [],
  ...Object.fromEntries(Object.keys(adapters).map((name) => [name, [name]])),
  'all-ports-1': [
    'redis-bus',
    'redis-state',
    'redis-journal',
    'redis-lease',
    'bullmq-scheduler',
    'ai-sdk-llm',
    'mcp-tools',
    'sqlite-context',
    'pino-log',
  ],
  'all-ports-2': [
    'postgres-state',
    'postgres-journal',
    'postgres-lease',
    'redis-bus',
    'openai-llm',
    'cron-scheduler',
    'function-tools',
  ],
};
const folderOf = (name: string): string => join(WORK, name);

beforeAll(async () => {
  await rm(WORK, { recursive: true, force: true });
  for (const [name, home] of Object.entries(FOREIGN)) {
    const place = join(WORK, 'node_modules', name);
    await mkdir(join(place, '..'), { recursive: true });
    await symlink(join(ROOT, 'packages', home, 'node_modules', name), place, 'junction');
  }
  const versions = new Proxy<Record<string, string>>({}, { get: () => '^1.0.0' });
  for (const [name, chosen] of Object.entries(combinations))
    await createApp({ target: folderOf(name), adapters: chosen, versions });
});
afterAll(() => rm(WORK, { recursive: true }));

/** What a failed command printed. */
const complaints = (command: string, args: readonly string[]): Promise<string> =>
  run(command, [...args], { cwd: ROOT, timeout: 60_000 }).then(
    () => '',
    ({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }) => stdout + stderr,
  );

test('every app compiles, as strictly as its own settings say', async () => {
  const { compilerOptions } = JSON.parse(
    await readFile(join(folderOf('plain'), 'tsconfig.json'), 'utf8'),
  ) as { readonly compilerOptions: object };
  const project = join(WORK, 'tsconfig.json');
  // The sources of our packages are compiled along with it, and expect what they are compiled with at home.
  const home = { customConditions: ['@promethean/source'], lib: ['ES2023', 'ES2024.String'] };
  const config = {
    compilerOptions: { ...compilerOptions, ...home },
    include: Object.keys(combinations).flatMap((name) =>
      ['pantheon.config.ts', 'src', 'test'].map((part) => `${name}/${part}`),
    ),
  };
  await writeFile(project, JSON.stringify(config));
  expect(await complaints(join(ROOT, 'node_modules/.bin/tsc'), ['-p', project])).toBe('');
}, 90_000);

test('every app is formatted as our own code is', async () => {
  // Git ignores the folder, and so would the formatter.
  const ignored = join(WORK, '.ignored');
  await writeFile(ignored, '');
  const files = Object.keys(combinations).flatMap((name) =>
    ['pantheon.config.ts', 'package.json', 'tsconfig.json', 'README.md', 'src/main.ts'].map(
      (file) => join(folderOf(name), file),
    ),
  );
  const settings = ['--config', join(ROOT, '.oxfmtrc.json'), '--ignore-path', ignored];
  const { stdout } = await run(
    join(ROOT, 'node_modules/.bin/oxfmt'),
    [...settings, '--check', ...files],
    { cwd: ROOT },
  ).catch((error: unknown) => error as { readonly stdout: string });
  expect(stdout).toContain('All matched files use the correct format.');
  expect(stdout).toContain(`on ${files.length} files`);
});

test('versions of others in an app are those that we are tested with', async () => {
  const catalog = await readFile(join(ROOT, 'pnpm-workspace.yaml'), 'utf8');
  const wanted = Object.keys(combinations).map(async (name) => {
    const manifest = JSON.parse(await readFile(join(folderOf(name), 'package.json'), 'utf8')) as {
      readonly dependencies: Readonly<Record<string, string>>;
      readonly devDependencies: Readonly<Record<string, string>>;
    };
    return Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  });
  const versions = (await Promise.all(wanted)).flat();
  for (const [name, version] of versions.filter(([each]) => !each.startsWith('@promethean/'))) {
    const [, ours] = new RegExp(`^  '?${name}'?: \\^?(.*)$`, 'm').exec(catalog) ?? [];
    expect({ name, version }).toEqual({ name, version: `^${ours}` });
  }
});

const ask = async (
  input: string,
  env: Readonly<Record<string, string>> = {},
  app = 'plain',
): Promise<{ readonly code: number | null; readonly answers: string; readonly rest: string }> => {
  const child = spawn(process.execPath, [...NODE, 'src/main.ts'], {
    cwd: folderOf(app),
    env: { PATH: process.env['PATH'], ...env },
    timeout: 60_000,
  });
  child.stdin.end(input);
  const [[code], answers, rest] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, answers, rest };
};

test('a greeting and questions that are piped in are answered, and the app ends', async () => {
  const { code, answers, rest } = await ask('hello\n\nWhat is a tick?\nHow do I add a note?');
  expect(answers).toMatch(/^Hello! Ask me about the notes.*\n[\s\S]*A tick is one turn.*\n/);
  expect(answers).toMatch(/put another Markdown file into the folder notes/);
  const route = ['host -> scribe', 'host -> researcher', 'researcher -> scribe', 'scribe -> user'];
  expect(rest.trim().split(/\n\s*/)).toEqual(['host -> user', ...route, ...route]);
  expect(code).toBe(0);
  const minutes = await readFile(join(folderOf('plain'), 'minutes.md'), 'utf8');
  expect(minutes.match(/^- \*\*(You|Team)\*\*: /gm)).toHaveLength(4);
});

describe('an app whose host answers twice', () => {
  beforeAll(async () => {
    const { versions } = await readOwnPackage();
    const target = folderOf('two-answers');
    await createApp({ target, versions });
    const file = join(target, 'src/actors/host.ts');
    const host = await readFile(file, 'utf8');
    await writeFile(file, host.replace('? [\n', "? [{ type: 'message', content: 'Moment.' },\n"));
  });

  test('shows every message to the user, not only the first', async () => {
    const { answers } = await ask('hello\n', {}, 'two-answers');
    expect(answers).toMatch(/^Moment\.\nHello! .*\n$/);
  });

  test('has a prompt below the last of them, in a terminal', async () => {
    const terminal = '--import=data:text/javascript,process.stdin.isTTY=process.stdout.isTTY=true';
    const child = spawn(process.execPath, [...NODE, terminal, 'src/main.ts'], {
      cwd: folderOf('two-answers'),
      env: { PATH: process.env['PATH'] },
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: 60_000,
    });
    const ended = once(child, 'close');
    let shown = '';
    child.stdout.on('data', (data: Buffer) => (shown += data.toString()));
    child.stdin.write('hello\n');
    const PROMPT = '> \u001b[3G';
    await vi.waitFor(() => {
      expect(shown).toContain('Hello!');
      expect(shown.slice(-PROMPT.length)).toBe(PROMPT);
    }, 30_000);
    expect(shown).toMatch(/\r\u001b\[2KMoment\.\n/);
    child.stdin.end();
    expect(await ended).toEqual([0, null]);
  }, 90_000);
});

test('without a line to answer the app ends at once, in good order', async () => {
  expect(await ask('')).toEqual({ code: 0, answers: '', rest: '' });
});

test('a model that cannot be reached is said for each question, and in the exit code', async () => {
  const { code, answers } = await ask('What is a tick?\nhello\n', {
    OPENAI_BASE_URL: 'http://127.0.0.1:1/v1',
  });
  expect(answers).toMatch(/^researcher could not go on: The request to the model failed.*\nHello!/);
  expect(code).toBe(1);
});

test('settings that cannot be are one sentence', async () => {
  const { code, answers, rest } = await ask('hello\n', { PANTHEON_LLM: 'openai' });
  expect({ code, answers }).toEqual({ code: 1, answers: '' });
  expect(rest).toMatch(/^llm: an OpenAI model needs OPENAI_API_KEY.*\n$/);
});

test('the file .env holds settings', async () => {
  const file = join(folderOf('plain'), '.env');
  await writeFile(file, 'PANTHEON_LLM=elsewhere\n');
  const { code, rest } = await ask('hello\n');
  await rm(file);
  expect(code).toBe(1);
  expect(rest).toMatch(/^PANTHEON_LLM must be one of /);
});

test("the app's own test passes", async () => {
  const { stdout } = await run(process.execPath, [...NODE, '--test'], { cwd: folderOf('plain') });
  expect(stdout).toMatch(/pass 1\n/);
});
