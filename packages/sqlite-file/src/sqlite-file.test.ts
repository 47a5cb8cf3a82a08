import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { openSqliteFile } from './index.ts';

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

const open = (path: string, migrations: readonly string[] = STEPS): DatabaseSync => {
  const kind = { applicationId: 0x50746573, what: 'test', migrations };
  const database = openSqliteFile(kind, { path, busyTimeoutMs: 10_000, synchronous: 'full' });
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
  const kind = { applicationId: 0x50746573, what: 'test', migrations: STEPS };
  const normal = openSqliteFile(kind, { path, busyTimeoutMs: 0, synchronous: 'normal' });
  expect(normal.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 1 });
  normal.close();
});
