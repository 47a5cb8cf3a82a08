import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { PantheonError } from '@promethean/pantheon-core';
import { noteFigures } from '@promethean/services/figures';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeSqliteState, type SqliteState } from '../src/index.ts';
import { makeFolder, startWriter, type Writer } from './fixtures.ts';
import { clerk } from './script.ts';

const open = (path: string): SqliteState => {
  const state = makeSqliteState({ path, scripts: [clerk] });
  onTestFinished(() => state.close());
  return state;
};
const startWriters = (path: string, count: number, increments: number): Promise<Writer[]> =>
  Promise.all(Array.from({ length: count }, () => startWriter(path, increments)));
const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'accepted',
    (error: unknown) => (PantheonError.is(error) ? error.code : 'foreign'),
  );

describe('several processes on one file', () => {
  test('two that make the file at the same moment and count up 500 times each lose nothing', async (context) => {
    const path = join(makeFolder(), 'actors.db');
    const writers = await startWriters(path, 2, 500);
    for (const { go } of writers) go();
    const reports = await Promise.all(writers.map(({ report }) => report));
    const ada = await open(path).get('ada');
    const conflicts = reports.reduce((sum, report) => sum + report.conflicts, 0);
    noteFigures(context, 'E5 sqlite, 2 processes', {
      acknowledged: 1_000,
      lost: 1_000 - Number(ada?.metadata?.['count']),
      conflicts,
    });
    expect(ada).toMatchObject({ metadata: { count: 1_000 }, version: 1_001 });
  }, 60_000);

  test('six that open a new file at the same moment all find one table', async () => {
    const path = join(makeFolder(), 'actors.db');
    const writers = await startWriters(path, 6, 1);
    for (const { go } of writers) go();
    await Promise.all(writers.map(({ report }) => report));
    expect(await open(path).get('ada')).toMatchObject({ metadata: { count: 6 }, version: 7 });
  }, 60_000);

  test('one that is killed leaves everything that it had acknowledged', async (context) => {
    const path = join(makeFolder(), 'actors.db');
    const writer = await startWriter(path, 1_000_000);
    writer.go();
    await expect.poll(writer.acknowledged, { timeout: 15_000 }).toBeGreaterThan(100);
    await writer.kill();
    const ada = await open(path).get('ada');
    const [acknowledged, stored] = [writer.acknowledged(), Number(ada?.metadata?.['count'])];
    noteFigures(context, 'E1 sqlite, kill -9', {
      acknowledged,
      lost: Math.max(0, acknowledged - stored),
    });
    expect(stored).toBeGreaterThanOrEqual(acknowledged);
    expect(ada?.version).toBe(stored + 1);
  }, 60_000);
});

test('50 writers that count up 100 times each, on the version that they read, lose nothing', async (context) => {
  const state = makeSqliteState({
    path: join(makeFolder(), 'actors.db'),
    scripts: [clerk],
    synchronous: 'normal',
  });
  onTestFinished(() => state.close());
  await state.spawn(clerk, 'count', { id: 'ada', metadata: { count: 0 } });
  let conflicts = 0;
  const writer = async (): Promise<void> => {
    for (let done = 0; done < 100;) {
      const ada = await state.get('ada');
      const count = Number(ada?.metadata?.['count']) + 1;
      // Between reading and writing, the others get their turn.
      await new Promise(setImmediate);
      const code = await codeOf(
        state.update('ada', { metadata: { count } }, { expectedVersion: ada?.version }),
      );
      if (code === 'accepted') {
        done += 1;
        continue;
      }
      expect(code).toBe('state-conflict');
      conflicts += 1;
      await pause(Math.random() * 4);
    }
  };
  await Promise.all(Array.from({ length: 50 }, writer));
  const ada = await state.get('ada');
  noteFigures(context, 'E5 sqlite', { sum: Number(ada?.metadata?.['count']), conflicts });
  expect(ada).toMatchObject({ metadata: { count: 5_000 }, version: 5_001 });
}, 60_000);

test('what cannot be stored is refused by the port, and nothing is half written', async (context) => {
  const state = open(join(makeFolder(), 'actors.db'));
  await state.spawn(clerk, 'wait', { id: 'ada', metadata: { kept: 1 } });
  const before = await state.get('ada');
  const huge = 'x'.repeat(10_000_000);
  const values: readonly unknown[] = [
    '\0',
    '\ud800',
    huge,
    JSON.parse('1e400'),
    2n ** 70n,
    undefined,
  ];
  const codes: string[] = [];
  for (const value of values.slice(0, 5)) {
    const metadata = { value } as never;
    codes.push(await codeOf(state.update('ada', { state: 'paused', metadata })));
    codes.push(await codeOf(state.spawn(clerk, 'wait', { id: 'bob', metadata })));
  }
  for (const text of values.slice(0, 3) as string[]) {
    codes.push(await codeOf(state.update('ada', { goals: [text] })));
    codes.push(await codeOf(state.spawn(clerk, text, { id: 'bob' })));
    codes.push(await codeOf(state.spawn(clerk, 'wait', { id: text })));
  }
  const written = (await state.list()).length - 1;
  noteFigures(context, 'E6 sqlite', {
    tried: codes.length,
    refused: codes.filter((code) => ['action-invalid', 'actor-invalid'].includes(code)).length,
    written,
  });
  expect(new Set(codes)).toEqual(new Set(['action-invalid', 'actor-invalid']));
  expect(await state.list()).toEqual([before]);
  const numbers = { list: [1e21, 2 ** 53 + 2, -(2 ** 63), 5e-324, 1.7976931348623157e308] };
  expect((await state.update('ada', { metadata: numbers })).metadata).toMatchObject(numbers);
});

test('keys and ids that mean something to an object are data', async (context) => {
  const state = open(join(makeFolder(), 'actors.db'));
  const names = [
    '__proto__',
    'hasOwnProperty',
    'constructor',
    '0',
    ' ',
    '%',
    "'; DROP TABLE actor",
  ];
  const metadata = JSON.parse(
    JSON.stringify(Object.fromEntries([...names, ''].map((name) => [name, 0]))).replace(
      '{',
      '{"__proto__":{"polluted":true},',
    ),
  ) as Record<string, never>;
  let differences = 0;
  for (const id of names) {
    await state.spawn(clerk, id, { id, parentId: id, metadata });
    const [record] = await state.list({ parentId: id });
    const stored = JSON.stringify(record?.metadata) === JSON.stringify(metadata);
    if (record?.id !== id || record.goals[0] !== id || !stored) differences += 1;
  }
  noteFigures(context, 'H3 sqlite', {
    ids: names.length,
    differences,
    polluted: Number('polluted' in {}),
  });
  expect(differences).toBe(0);
  expect((await state.list()).map(({ id }) => id)).toEqual(names);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});
