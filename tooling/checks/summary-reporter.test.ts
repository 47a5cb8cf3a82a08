import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pantheon-summary-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Runs vitest on files of their own, as `npm test` does: output piped, in a process of its own. */
const run = async (
  name: string,
  files: Record<string, string>,
): Promise<{ code: number | null; lines: string[] }> => {
  for (const [file, text] of Object.entries(files))
    await writeFile(join(folder, `${name}-${file}.test.js`), text);
  const inherited = Object.entries(process.env).filter(([key]) => !key.startsWith('VITEST'));
  const reporters = [
    '--reporter=default',
    `--reporter=${join(root, 'tooling/checks/summary-reporter.ts')}`,
  ];
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const child = spawn(
    process.execPath,
    [vitest, 'run', '--root', folder, '--globals', ...reporters, `${name}-`],
    {
      env: Object.fromEntries(inherited),
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, lines: output.trimEnd().split('\n') };
};

test.concurrent('the last line counts what passed and what was skipped', async ({ expect }) => {
  const { code, lines } = await run('good', {
    a: `test('a', () => {}); test('b', () => {}); test.skip('c', () => {});`,
  });
  expect(lines.at(-1)).toBe('2 passed, 0 failed, 1 skipped');
  expect(code).toBe(0);
});

test.concurrent('names the servers that were not found, and the figures of faults', async ({
  expect,
}) => {
  const { code, lines } = await run('server', {
    a: `describe.skip('a bus (needs redis-server)', () => { test('a', () => {}); describe('b', () => test('c', () => {})); });
        test('restarts', ({ task }) => { task.meta.fault = { id: 'D10', figures: { lost: 0, resumeMs: 7 } }; });
        test('slow', ({ task }) => { task.meta.fault = { id: 'D9', figures: { lost: 0 } }; });`,
  });
  expect(lines.slice(-6)).toEqual([
    'Faults, and what was measured:',
    'D9   slow: lost 0',
    'D10  restarts: lost 0, resumeMs 7',
    '',
    'redis-server was not found: 2 tests were not run.',
    '2 passed, 0 failed, 2 skipped',
  ]);
  expect(code).toBe(0);
});

test.concurrent('the last line counts a failing test, and the run fails', async ({ expect }) => {
  const { code, lines } = await run('bad', {
    a: `test('a', () => {}); test('b', () => { throw new Error('no'); });`,
  });
  expect(lines.at(-2)).toBe('FAILED bad-a.test.js > b: no');
  expect(lines.at(-1)).toBe('1 passed, 1 failed');
  expect(code).toBe(1);
});

test.concurrent('what fails outside a test counts as failed: a file that does not load, a hook, a rejection that nobody handles', async ({
  expect,
}) => {
  const { code, lines } = await run('outside', {
    load: `throw new Error('does not load');`,
    hook: `describe('suite', () => { beforeAll(() => { throw new Error('hook'); }); test('a', () => {}); });`,
    rejection: `test('a', async () => { Promise.reject(new Error('unhandled')); await new Promise((done) => setImmediate(done)); });`,
  });
  expect(lines.at(-1)).toBe('1 passed, 3 failed, 1 skipped');
  expect(code).toBe(1);
});
