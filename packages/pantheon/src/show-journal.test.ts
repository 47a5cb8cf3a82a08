import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makePostgresJournal } from '@promethean/adapter-postgres-journal';
import { makeRedisJournal } from '@promethean/adapter-redis-journal';
import { makeSqliteJournal } from '@promethean/adapter-sqlite-journal';
import type { IJournalPort } from '@promethean/pantheon-core';
import { describeWithPostgres, describeWithRedis } from '@promethean/services/vitest';
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

const runNode = (options: readonly string[], ...args: readonly string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const argv = ['--conditions=@promethean/source', ...options, CLI, ...args];
    execFile(process.execPath, argv, { cwd: folder, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
  });

const run = (...args: readonly string[]): Promise<Ended> => runNode([], ...args);

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
  expect((await run('--help')).stdout).toContain('pantheon-journal JOURNAL TICK-ID');
});

/** One tick that is finished, and one that is not. */
const recordAt = async (journal: Required<IJournalPort>): Promise<void> => {
  await (await journal.open({ tickId: 't1', actorId: 'ada' })).complete('ok');
  const left = await journal.open({ tickId: 't2', actorId: 'bob', cause: 'm1' });
  await left.step('plan 0/0 #1', () => ({ value: { actions: [] } }));
  await journal.close();
};

/** The command shows what `recordAt` has recorded. */
const expectShown = async (...args: readonly string[]): Promise<void> => {
  const { code, stdout, stderr } = await run(...args);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^1 not finished:\n  \S+Z  t2 of bob, because of m1\n$/);
  const tick = await run(...args, 't2', '--json');
  expect(JSON.parse(tick.stdout)).toMatchObject({ tickId: 't2', steps: [{ name: 'plan 0/0 #1' }] });
  expect((await run(...args, 't1')).stdout).toMatch(/ ms  ok\n$/);
};

const MINUTE = { timeout: 60_000 };

describeWithRedis('a journal on Redis', (redis) => {
  test('is shown by its address and namespace', MINUTE, async () => {
    const namespace = `shown ${process.pid} ${Date.now()}`;
    await recordAt(makeRedisJournal({ url: redis().url, namespace }));
    await expectShown(redis().url, '--namespace', namespace);
    const { stdout } = await run(redis().url, '--namespace', `${namespace} of others`);
    expect(stdout).toBe('Every tick is finished.\n');
  });
});

describeWithPostgres('a journal on PostgreSQL', (postgres) => {
  test('is shown by its address, schema and table', MINUTE, async () => {
    const place = { schema: `shown_${process.pid}_${Date.now()}`, table: 'ticks' };
    await recordAt(makePostgresJournal({ url: postgres().url, ...place }));
    await expectShown(postgres().url, '--schema', place.schema, '--table', place.table);
  });
});

test.each([
  'redis://ada:s3c%2Fret@127.0.0.1:1',
  'postgres://ada:s3c%2Fret@127.0.0.1:1/pantheon',
  'postgres://127.0.0.1:1/pantheon?user=ada&password=s3c/ret',
])('%s is out of reach, and its password is in no output', MINUTE, async (url) => {
  const { code, stdout, stderr } = await run(url);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^pantheon-journal: .*127\.0\.0\.1:1\b.*\n$/);
  expect(stderr).not.toMatch(/s3c/);
});

test.each([
  ['redis://127.0.0.1:1', '@promethean/adapter-redis-journal'],
  ['postgres://127.0.0.1:1/pantheon', '@promethean/adapter-postgres-journal'],
])('%s is told what to install where its adapter is not there', MINUTE, async (url, adapter) => {
  await writeFile(
    join(folder, 'without.mjs'),
    `import { registerHooks } from 'node:module';
// Looked for from here, where nothing is installed.
registerHooks({
  resolve: (name, context, next) =>
    next(name, name === '${adapter}' ? { ...context, parentURL: import.meta.url } : context),
});
`,
  );
  const { code, stdout, stderr } = await runNode(['--import', './without.mjs'], url);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toBe(
    `pantheon-journal: A journal at this address needs ${adapter}: npm install ${adapter}.\n`,
  );
});

test.each([
  [['mysql://127.0.0.1/pantheon'], /no journal at mysql:\/\/ addresses/],
  [['redis://ada:s3cret@:::'], /The address of the journal cannot be read/],
  [['journal.db', '--namespace', 'a'], /--namespace is for a journal on Redis/],
  [['redis://127.0.0.1', '--schema', 'a'], /--schema is for a journal on PostgreSQL/],
])('%j is a wrong argument', async (args, sentence) => {
  const { code, stdout, stderr } = await run(...args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(sentence);
  expect(stderr).not.toContain('s3cret');
});
