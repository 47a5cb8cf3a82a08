import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { openSqliteFile, type SqliteFileKind } from './index.ts';

const STEPS = [
  'CREATE TABLE actor (id TEXT NOT NULL UNIQUE) STRICT',
  "ALTER TABLE actor ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'",
];
/** A folder that is gone after the test. */
const makeFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'pantheon-sqlite-file-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

const kindOf = (migrations: readonly string[]): SqliteFileKind => ({
  applicationId: 0x50746573,
  what: 'test',
  migrations,
});

const open = (path: string, migrations: readonly string[] = STEPS): DatabaseSync => {
  const settings = { path, busyTimeoutMs: 10_000, synchronous: 'full' } as const;
  const database = openSqliteFile(kindOf(migrations), settings, (opened) => opened);
  onTestFinished(() => {
    if (database.isOpen) database.close();
  });
  return database;
};

test('an older file is brought up to date, with its rows, while a process of the older release goes on', () => {
  const path = join(makeFolder(), 'actors.db');
  const older = open(path, STEPS.slice(0, 1));
  const insert = older.prepare('INSERT INTO actor (id) VALUES (?)');
  insert.run('ada');
  const newer = open(path, STEPS);
  insert.run('bob');
  expect(newer.prepare('SELECT id, mood FROM actor').all()).toEqual([
    { id: 'ada', mood: 'calm' },
    { id: 'bob', mood: 'calm' },
  ]);
  expect(newer.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2 });
});

test('a step that fails leaves the file in the version that it had', () => {
  const path = join(makeFolder(), 'actors.db');
  open(path, STEPS.slice(0, 1)).close();
  expect(() => open(path, [...STEPS, 'CREATE TABLE actor (id TEXT)'])).toThrow(
    expect.objectContaining({ code: 'file-unreadable' }),
  );
  const file = new DatabaseSync(path);
  expect(file.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1 });
  expect(
    file
      .prepare('SELECT * FROM actor')
      .columns()
      .map(({ name }) => name),
  ).toEqual(['id']);
  file.close();
});

test('the file is opened with a write-ahead log and the durability that was asked for', () => {
  const path = join(makeFolder(), 'actors.db');
  const full = open(path);
  expect(full.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
  expect(full.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
  const settings = { path, busyTimeoutMs: 0, synchronous: 'normal' } as const;
  const normal = openSqliteFile(kindOf(STEPS), settings, (opened) => opened);
  expect(normal.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 1 });
  normal.close();
});

test('a wait longer than SQLite knows is its longest, not none', () => {
  const settings = { path: ':memory:', busyTimeoutMs: 2 ** 40, synchronous: 'full' } as const;
  const database = openSqliteFile(kindOf(STEPS), settings, (opened) => opened);
  expect(database.prepare('PRAGMA busy_timeout').get()).toEqual({ timeout: 2_147_483_647 });
  database.close();
});

test('a file whose tables are gone is closed again, and said to be unreadable', () => {
  const path = join(makeFolder(), 'actors.db');
  open(path).exec('DROP TABLE actor');
  const settings = { path, busyTimeoutMs: 0, synchronous: 'full' } as const;
  let opened: DatabaseSync | undefined;
  expect(() =>
    openSqliteFile(kindOf(STEPS), settings, (database) => {
      opened = database;
      return database.prepare('SELECT id FROM actor');
    }),
  ).toThrow(expect.objectContaining({ code: 'file-unreadable' }));
  expect(opened?.isOpen).toBe(false);
});
