import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeSqliteJournal } from '@promethean/adapter-sqlite-journal';
import { afterEach, beforeEach, expect, test } from 'vitest';

const CLI = fileURLToPath(new URL('./journal-cli.ts', import.meta.url));

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pantheon journal-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

interface Ended {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

const run = (...args: readonly string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const argv = ['--conditions=@promethean/source', CLI, ...args];
    execFile(process.execPath, argv, { cwd: folder, timeout: 30_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
  });

/** A journal with one tick that is finished, and one that is not. */
const record = async (): Promise<void> => {
  let at = Date.UTC(2026, 0, 1);
  const journal = makeSqliteJournal({ path: join(folder, 'journal.db'), now: () => at });
  const done = await journal.open({ tickId: 't1', actorId: 'ada' });
  at += 5;
  await done.complete('ok');
  const input = { userMessage: `pay the rent \u001b[2J ${'x'.repeat(200)}` };
  const left = await journal.open({ tickId: 't2', actorId: 'bob', cause: 'm1', input });
  at += 12;
  await left.step('plan 0/0 #1', () => ({ value: { actions: [] } }));
  await journal.open({ tickId: 't2', actorId: 'bob', cause: 'm1' });
  await journal.close();
};

test('lists the ticks that are not finished', async () => {
  await record();
  const { code, stdout, stderr } = await run('journal.db');
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toBe(
    '1 not finished:\n  2026-01-01T00:00:00.005Z  t2 of bob, because of m1, opened 2 times\n',
  );
  const { stdout: json } = await run('journal.db', '--json');
  expect(JSON.parse(json)).toMatchObject([{ tickId: 't2', actorId: 'bob', attempt: 2 }]);
});

test('shows the steps of a tick with their times, and no control characters', async () => {
  await record();
  const { stdout } = await run('journal.db', 't2');
  const lines = stdout.trimEnd().split('\n');
  expect(lines).toEqual([
    't2 of bob, because of m1, opened 2 times',
    expect.stringMatching(
      /^ +\+0 ms  opened 2026-01-01T00:00:00\.005Z  {"userMessage":"pay the rent .*…$/,
    ),
    '     +12 ms  plan 0/0 #1  {"value":{"actions":[]}}',
    '          …  not finished',
  ]);
  expect(stdout).not.toContain('\u001b');
  expect((await run('journal.db', 't2', '--full')).stdout).toContain('x'.repeat(200));
  expect((await run('journal.db', 't1')).stdout).toContain('     +5 ms  ok\n');
  expect(JSON.parse((await run('journal.db', 't2', '--json')).stdout)).toMatchObject({
    tickId: 't2',
    steps: [{ name: 'plan 0/0 #1' }],
  });
});

test('says what is wrong in one sentence, and makes no file', async () => {
  const missing = await run('nothing.db');
  expect(missing).toMatchObject({ code: 1, stdout: '' });
  expect(missing.stderr).toMatch(/^pantheon-journal: There is no .*nothing\.db\.\n$/);
  expect(existsSync(join(folder, 'nothing.db'))).toBe(false);
  await writeFile(join(folder, 'text.db'), 'This is not a database. '.repeat(100));
  expect((await run('text.db')).stderr).toMatch(/is no SQLite database, or it is damaged/);
  await record();
  expect(await run('journal.db', 't9')).toMatchObject({
    code: 1,
    stderr: 'pantheon-journal: The journal has no tick t9; finished ones are forgotten in time.\n',
  });
  expect(await run()).toMatchObject({ code: 2 });
  expect(await run('a', 'b', 'c')).toMatchObject({ code: 2 });
  expect(await run('a', '--ful')).toMatchObject({ code: 2 });
  expect((await run('--help')).stdout).toContain('pantheon-journal FILE TICK-ID');
});
