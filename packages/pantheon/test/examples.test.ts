/** Every file in examples/ runs as its reader would run it, ends by itself, and checks what it shows. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWithRedis } from '@promethean/services/vitest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const EXAMPLES = join(import.meta.dirname, '../examples');
const REDIS = 'redis-two-processes.ts';
const DEADLINE_MS = 60_000;
/** Node 22 calls its SQLite and its TypeScript experimental. */
const NODE = ['--conditions=@promethean/source', '--disable-warning=ExperimentalWarning'];

const files = readdirSync(EXAMPLES).filter((name) => name.endsWith('.ts'));
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pantheon-examples-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Run {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** In an environment of its own, so that no key or address of the host changes what an example does. */
const runExample = (
  file: string,
  env: NodeJS.ProcessEnv,
  options: readonly string[] = [],
): Promise<Run> =>
  new Promise((resolve) => {
    const { PATH, HOME, TMPDIR } = process.env;
    execFile(
      process.execPath,
      [...NODE, ...options, join(EXAMPLES, file)],
      { env: { PATH, HOME, TMPDIR, ...env }, timeout: DEADLINE_MS },
      (error, stdout, stderr) =>
        resolve({ code: error?.code ?? error?.signal ?? 0, stdout, stderr }),
    );
  });

/** The lines that assert something. */
const assertionsIn = (file: string): readonly number[] =>
  readFileSync(join(EXAMPLES, file), 'utf8')
    .split('\n')
    .flatMap((line, index) => (/\bassert\.\w+\(/.test(line) ? [index + 1] : []));

const testExample = (file: string, env: () => NodeJS.ProcessEnv): void => {
  test('runs, prints what happens, and ends without a warning', async () => {
    const { code, stdout, stderr } = await runExample(file, env());
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout.trim().split('\n').length).toBeGreaterThanOrEqual(3);
  });

  test('reaches each of its assertions, and fails when one does not hold', async () => {
    const assertions = assertionsIn(file);
    expect(assertions.length).toBeGreaterThanOrEqual(3);
    const reachedFile = join(folder, `${file}.json`);
    const { code, stderr } = await runExample(
      file,
      { ...env(), REACHED_FILE: reachedFile, BROKEN_LINE: `${assertions.at(-1)}` },
      [`--import=${join(import.meta.dirname, 'reached-assertions.ts')}`],
    );
    expect(stderr).toContain('an assertion that does not hold');
    expect(code).toBe(1);
    const reached = JSON.parse(readFileSync(reachedFile, 'utf8')) as number[];
    expect(reached.toSorted((a, b) => a - b)).toEqual(assertions);
  });
};

describe.each(files.filter((file) => file !== REDIS))(
  '%s',
  { timeout: DEADLINE_MS + 5_000 },
  (file) => {
    testExample(file, () => ({}));
  },
);

describeWithRedis(REDIS, (redis) => {
  testExample(REDIS, () => ({ REDIS_URL: redis().url }));
});

test('without REDIS_URL the Redis example says what to set and exits with 2', async () => {
  const { code, stdout, stderr } = await runExample(REDIS, {});
  expect(stdout).toBe('');
  expect(stderr).toBe('Set REDIS_URL to the address of a Redis, such as redis://127.0.0.1:6379.\n');
  expect(code).toBe(2);
});

test('examples/README.md tells of every example, and of no other', () => {
  const readme = readFileSync(join(EXAMPLES, 'README.md'), 'utf8');
  const told = Array.from(readme.matchAll(/^\| \[([\w-]+\.ts)\]\(\1\)/gm), ([, file]) => file);
  expect(new Set(told)).toEqual(new Set(files));
  expect(told.length).toBe(files.length);
});
