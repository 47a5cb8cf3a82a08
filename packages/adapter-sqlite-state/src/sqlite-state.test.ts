import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PantheonError } from '@promethean/pantheon-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeFolder } from '../test/fixtures.ts';
import { clerk } from '../test/script.ts';
import { makeSqliteState, type SqliteState, type SqliteStateOptions } from './index.ts';

const open = (path: string, options: Partial<SqliteStateOptions> = {}): SqliteState => {
  const state = makeSqliteState({ path, scripts: [clerk], ...options });
  onTestFinished(() => state.close());
  return state;
};
const failure = async (call: Promise<unknown>): Promise<PantheonError> => {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(PantheonError.is(error)).toBe(true);
  return error as PantheonError;
};
/** Permissions do not bind root. */
const asNobody = async <Result>(work: () => Promise<Result>): Promise<Result> => {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
};
/** Runs SQL as another program would. */
const withFile = (path: string, sql: string): Record<string, unknown> | undefined => {
  const database = new DatabaseSync(path);
  database.exec(sql.split(';').slice(0, -1).join(';'));
  const row = database.prepare(sql.split(';').at(-1) || 'SELECT 1').get();
  database.close();
  return row;
};

describe('the file', () => {
  test('is made by the first call, and not before', async () => {
    const folder = makeFolder();
    const state = open(join(folder, 'actors.db'));
    expect(readdirSync(folder)).toEqual([]);
    await state.ready();
    expect(readdirSync(folder)).toContain('actors.db');
  });

  test('is all that remains after close', async () => {
    const folder = makeFolder();
    const state = open(join(folder, 'actors.db'));
    await state.spawn(clerk, 'wait');
    await state.close();
    expect(readdirSync(folder)).toEqual(['actors.db']);
  });

  test('gives every actor back to the next process', async () => {
    const path = join(makeFolder(), 'actors.db');
    const first = open(path);
    const metadata = { list: [1, 'zwei', null, 1e21, 5e-324, -1.5, 9_007_199_254_740_991] };
    await first.spawn(clerk, 'wait', { id: 'ada', parentId: 'root', metadata });
    const before = await first.update('ada', { state: 'paused', goals: ['read', 'write'] });
    await first.close();
    const after = await open(path).get('ada');
    expect(after).toEqual(before);
    expect(after?.script).toBe(clerk);
  });

  test('has all that was called for before close, without an await in between', async () => {
    const state = open(join(makeFolder(), 'actors.db'));
    const metadata = { a: 1 };
    const calls = [state.spawn(clerk, 'wait', { id: 'ada', metadata }), state.list()];
    metadata.a = 2;
    await state.close();
    expect(await Promise.all(calls)).toMatchObject([{ metadata: { a: 1 } }, [{ id: 'ada' }]]);
  });

  test('finds children by an index', async () => {
    const path = join(makeFolder(), 'actors.db');
    await open(path).ready();
    const plan = withFile(
      path,
      `;EXPLAIN QUERY PLAN SELECT * FROM actor WHERE parent = 'x' ORDER BY number`,
    );
    expect(plan?.['detail']).toContain('USING INDEX actorOfParent');
  });
});

describe('a file that cannot be used', () => {
  test('in a folder that is missing is said so, and the next call tries again', async () => {
    const folder = join(makeFolder(), 'data');
    const state = open(join(folder, 'actors.db'));
    const error = await failure(state.get('ada'));
    expect(error.code).toBe('file-unreadable');
    expect(error.message).toBe(
      `path: ${join(folder, 'actors.db')} cannot be opened: there is no folder ${folder}; create it first.`,
    );
    expect(existsSync(folder)).toBe(false);
    mkdirSync(folder);
    expect(await state.get('ada')).toBeUndefined();
  });

  test('because it is a folder', async () => {
    const folder = makeFolder();
    const error = await failure(open(folder).ready());
    expect(error.code).toBe('file-unreadable');
    expect(error.message).toContain('is a folder');
  });

  test.each([
    ['text', 'This is not a database, but a text that is long enough to be looked at. '.repeat(20)],
    ['a torn header', 'SQLite format 3\0torn'.padEnd(4_096, '\u0007')],
  ])('because it is %s is left as it is', async (_, content) => {
    const path = join(makeFolder(), 'actors.db');
    writeFileSync(path, content);
    const error = await failure(open(path).spawn(clerk, 'wait'));
    expect(error.code).toBe('file-unreadable');
    expect(error.message).toContain('is no SQLite database, or it is damaged');
    expect(readFileSync(path, 'utf8')).toBe(content);
  });

  test('because its pages are damaged is said so at the call', async () => {
    const path = join(makeFolder(), 'actors.db');
    const first = open(path);
    for (let n = 0; n < 200; n += 1) await first.spawn(clerk, 'x'.repeat(100), { id: `a${n}` });
    await first.close();
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(7, 4_096));
    const error = await failure(open(path).list());
    expect(error.code).toBe('file-unreadable');
    expect(error.message).toContain('damaged');
  });

  test.each([
    ['its file may only be read', 0o444, 0o777, 'is read-only, and must be written to'],
    ['its file and folder may only be read', 0o444, 0o755, 'is read-only'],
    ['its file may not be read', 0o000, 0o777, 'may read and write the file and its folder'],
  ])('because %s is found when it is opened', async (_, file, mode, message) => {
    const folder = makeFolder();
    const path = join(folder, 'actors.db');
    const first = open(path);
    await first.ready();
    await first.close();
    chmodSync(path, file);
    chmodSync(folder, mode);
    const error = await asNobody(() => failure(open(path).ready()));
    expect(error.code).toBe('file-unreadable');
    expect(error.message).toContain(message);
  });

  test('because it belongs to another program is left as it is', async () => {
    const path = join(makeFolder(), 'other.db');
    withFile(path, 'CREATE TABLE song (title TEXT); INSERT INTO song VALUES (1);');
    const before = readFileSync(path);
    const error = await failure(open(path).ready());
    expect(error.code).toBe('option-invalid');
    expect(error.message).toContain('a database of another program');
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('because a newer release wrote it is left as it is', async () => {
    const path = join(makeFolder(), 'actors.db');
    const first = open(path);
    await first.ready();
    await first.close();
    withFile(path, 'PRAGMA user_version = 99;');
    const before = readFileSync(path);
    const error = await failure(open(path).spawn(clerk, 'wait'));
    expect(error.code).toBe('option-invalid');
    expect(error.message).toContain('newer release of this package (schema 99, known 1)');
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('while another process holds its lock is unavailable, and usable afterwards', async () => {
    const path = join(makeFolder(), 'actors.db');
    const state = open(path, { busyTimeoutMs: 20 });
    await state.spawn(clerk, 'wait', { id: 'ada' });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const error = await failure(state.update('ada', { state: 'paused' }));
    expect([error.code, error.retryable]).toEqual(['unavailable', true]);
    expect((await state.get('ada'))?.state).toBe('idle');
    other.exec('ROLLBACK');
    other.close();
    expect((await state.update('ada', { state: 'paused' })).version).toBe(2);
  });
});

describe('a record', () => {
  test('keeps columns that a later release added', async () => {
    const path = join(makeFolder(), 'actors.db');
    const state = open(path);
    await state.spawn(clerk, 'wait', { id: 'ada' });
    withFile(path, "ALTER TABLE actor ADD COLUMN mood TEXT; UPDATE actor SET mood = 'calm';");
    await state.update('ada', { metadata: { a: 1 } });
    expect(withFile(path, ';SELECT mood, metadata FROM actor')).toEqual({
      mood: 'calm',
      metadata: '{"a":1}',
    });
  });

  test('of a script that is not among the scripts is refused by name, and not changed', async () => {
    const path = join(makeFolder(), 'actors.db');
    const first = open(path);
    await first.spawn(clerk, 'wait', { id: 'ada' });
    const later = open(path, { scripts: [{ ...clerk, version: '2' }] });
    for (const call of [
      () => later.get('ada'),
      () => later.list(),
      () => later.update('ada', { state: 'failed' }),
      () => later.spawn(clerk, 'wait'),
    ]) {
      const error = await failure(call());
      expect(error.code).toBe('script-unknown');
      expect(error.message).toContain('clerk@1');
    }
    expect(await first.get('ada')).toMatchObject({ state: 'idle', version: 1 });
    expect(await first.list()).toHaveLength(1);
  });

  test('larger than maxRecordBytes is refused, and nothing is written', async () => {
    const state = open(':memory:', { maxRecordBytes: 100 });
    const [small, large] = ['ü'.repeat(20), 'ü'.repeat(50)];
    expect((await failure(state.spawn(clerk, large))).code).toBe('actor-invalid');
    await state.spawn(clerk, small, { id: 'ada' });
    for (const patch of [{ goals: [large] }, { metadata: { large } }]) {
      const error = await failure(state.update('ada', patch));
      expect(error.code).toBe('action-invalid');
      expect(error.message).toContain('maxRecordBytes allows (100)');
    }
    expect(await state.list()).toMatchObject([{ goals: [small], version: 1 }]);
  });

  test('gets an id that is free, also from a newId that repeats itself', async () => {
    let n = 0;
    const state = open(':memory:', { newId: () => `a-${Math.floor(n++ / 3)}` });
    for (const id of ['a-0', 'a-1', 'a-2']) expect((await state.spawn(clerk, 'wait')).id).toBe(id);
    const bad = open(':memory:', { newId: () => '' });
    expect((await failure(bad.spawn(clerk, 'wait'))).code).toBe('actor-invalid');
  });

  test('is not found by a text that no actor can have as its id', async () => {
    const state = open(':memory:');
    await state.spawn(clerk, 'wait', { id: '\ufffd', parentId: '\ufffd' });
    expect(await state.get('\ud800')).toBeUndefined();
    expect(await state.list({ parentId: '\ud800' })).toEqual([]);
    expect(await state.remove('\ud800')).toBe(false);
    expect((await failure(state.update('\ud800', {}))).code).toBe('actor-unknown');
  });
});

describe('an option', () => {
  test.each<[string, Partial<SqliteStateOptions>]>([
    ['path', { path: '' }],
    ['synchronous', { synchronous: 'off' as 'full' }],
    ['busyTimeoutMs', { busyTimeoutMs: Number.NaN }],
    ['maxRecordBytes', { maxRecordBytes: -1 }],
    ['scripts', { scripts: [clerk, { ...clerk }] }],
  ])('that is wrong is refused at once: %s', (name, options) => {
    expect(() => makeSqliteState({ path: ':memory:', scripts: [], ...options })).toThrow(
      expect.objectContaining({ code: 'option-invalid', message: expect.stringContaining(name) }),
    );
  });
});
