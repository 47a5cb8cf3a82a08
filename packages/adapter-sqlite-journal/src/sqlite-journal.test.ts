import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { makeSqliteJournal, type SqliteJournal, type SqliteJournalOptions } from './index.ts';

const makeFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'pantheon-sqlite-journal-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};
const open = (path: string, options: Partial<SqliteJournalOptions> = {}): SqliteJournal => {
  const journal = makeSqliteJournal({ path, ...options });
  onTestFinished(() => journal.close());
  return journal;
};
const tick = (tickId: string, cause?: string) => ({
  tickId,
  actorId: 'ada',
  ...(cause !== undefined && { cause }),
});

test('the file is made by the first call, and is all that remains after close', async () => {
  const folder = makeFolder();
  const journal = open(join(folder, 'journal.db'));
  expect(readdirSync(folder)).toEqual([]);
  await journal.ready();
  expect(readdirSync(folder)).toContain('journal.db');
  await journal.close();
  expect(readdirSync(folder)).toEqual(['journal.db']);
});

test('what is asked for in one turn is committed together, and what is refused fails alone', async () => {
  const path = join(makeFolder(), 'journal.db');
  const journal = open(path);
  await journal.open(tick('t0', 'm0'));
  const opened = await Promise.allSettled([
    ...Array.from({ length: 50 }, (_, n) => journal.open(tick(`t${n + 1}`))),
    journal.open(tick('t0', 'another cause')),
  ]);
  expect(opened.filter(({ status }) => status === 'fulfilled')).toHaveLength(50);
  expect(opened.at(-1)).toMatchObject({ reason: { code: 'journal-conflict' } });
  expect(await journal.unfinished()).toHaveLength(51);
});

test('a commit that fails fails all that waited for it, and the next one works', async () => {
  const path = join(makeFolder(), 'journal.db');
  const journal = open(path, { busyTimeoutMs: 20 });
  const record = await journal.open(tick('t1'));
  const other = new DatabaseSync(path);
  onTestFinished(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  let runs = 0;
  const run = (): number => (runs += 1);
  const waiting = await Promise.allSettled([
    record.step('a', run),
    record.complete('ok'),
    journal.open(tick('t2')),
  ]);
  for (const one of waiting) expect(one).toMatchObject({ reason: { code: 'unavailable' } });
  other.exec('ROLLBACK');
  expect((await journal.unfinished()).map(({ tickId }) => tickId)).toEqual(['t1']);
  // The work was done and its record was not: that is what an unknown outcome is, and the caller has to know.
  expect(await record.step('a', run)).toBe(2);
});

test('finished ticks are forgotten in their time, unfinished ones never', async () => {
  let at = 0;
  const journal = open(join(makeFolder(), 'journal.db'), { keepFinishedMs: 1_000, now: () => at });
  const done = await journal.open(tick('t1', 'm1'));
  await done.step('a', () => 1);
  await done.complete('ok');
  await (await journal.open(tick('t2', 'm2'))).step('a', () => 2);
  at = 1_000;
  expect((await journal.open(tick('t3', 'm1'))).tickId).toBe('t1');
  at = 100_000;
  // The look at what is old comes with the opening of a tick, once a minute.
  await journal.open(tick('t4'));
  const again = await journal.open(tick('t5', 'm1'));
  expect([again.tickId, again.attempt]).toEqual(['t5', 1]);
  expect(await journal.read('t1')).toBeUndefined();
  expect((await journal.open(tick('t6', 'm2'))).tickId).toBe('t2');
});

test('the steps of a tick can be read, with their times', async () => {
  let at = 5;
  const journal = open(':memory:', { now: () => at });
  const record = await journal.open(tick('t1'));
  await record.step('plan 0/0 #1', () => ({ value: { actions: [] } }));
  at = 9;
  await record.step('action 0/0/0 #1', () => ({ value: null }));
  expect(await journal.read('t1')).toEqual({
    tickId: 't1',
    actorId: 'ada',
    attempt: 1,
    openedAt: 5,
    status: undefined,
    completedAt: undefined,
    steps: [
      { name: 'plan 0/0 #1', value: { value: { actions: [] } }, recordedAt: 5 },
      { name: 'action 0/0/0 #1', value: { value: null }, recordedAt: 9 },
    ],
  });
  await record.complete('partial');
  expect(await journal.read('t1')).toMatchObject({ status: 'partial', completedAt: 9 });
  expect(await journal.read('nobody')).toBeUndefined();
});

test('a file of another program, and one of a state, are refused and not touched', async () => {
  const path = join(makeFolder(), 'other.db');
  const other = new DatabaseSync(path);
  other.exec('CREATE TABLE song (title TEXT)');
  other.close();
  await expect(open(path).ready()).rejects.toMatchObject({
    code: 'option-invalid',
    message: `path: ${path} is a database of another program; give the journal a file of its own.`,
  });
});

test.each([
  [{ path: '' }, 'path must be the path of a file'],
  [{ path: 'j.db', synchronous: 'off' as never }, 'synchronous must be "full" or "normal"'],
  [{ path: 'j.db', busyTimeoutMs: -1 }, 'busyTimeoutMs must be a whole number from 0'],
  [{ path: 'j.db', keepFinishedMs: Number.NaN }, 'keepFinishedMs must be a whole number from 0'],
])('%j is refused at once', (options, message) => {
  expect(() => makeSqliteJournal(options)).toThrow(message);
});
