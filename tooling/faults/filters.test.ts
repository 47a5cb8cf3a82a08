/** H3 and K8: ids and filters that mean something to an object, a query or a pattern, in every store. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePostgresJournal } from '@promethean/adapter-postgres-journal';
import { makePostgresState } from '@promethean/adapter-postgres-state';
import { makeRedisBus } from '@promethean/adapter-redis-bus';
import { makeRedisJournal } from '@promethean/adapter-redis-journal';
import { makeRedisState } from '@promethean/adapter-redis-state';
import { makeSqliteJournal } from '@promethean/adapter-sqlite-journal';
import { makeSqliteState } from '@promethean/adapter-sqlite-state';
import {
  type IActorStatePort,
  type IJournalPort,
  type IMessageBus,
  PantheonError,
} from '@promethean/pantheon-core';
import {
  makeMemoryBus,
  makeMemoryJournal,
  makeMemoryState,
} from '@promethean/pantheon-core/memory';
import { noteFigures } from '@promethean/services/figures';
import { freshSchema } from '@promethean/services/schemas';
import { describeWithPostgres, describeWithRedis } from '@promethean/services/vitest';
import { expect, test } from 'vitest';
import { actorOf } from './desk.ts';

const { script } = actorOf([]);

/** What means something to SQL, to a pattern of Redis, to a full-text search, to a path, or to an object. */
const HOSTILE = [
  "x'; DROP TABLE actor; --",
  "' OR '1'='1",
  '" OR ""="',
  '%',
  '_',
  '*',
  '?',
  '[a-z]*',
  '})|(@',
  '{x}',
  '$1',
  '\\',
  '../..',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  '0',
  'undefined',
  'null',
  'a:b',
] as const;

/** What arrives where a text was expected, from a body of JSON that nobody has checked. */
const NO_TEXTS: readonly unknown[] = [
  null,
  0,
  true,
  {},
  { $gt: '' },
  { not: 'x' },
  [],
  ['a'],
  ['*'],
];

interface Stores {
  readonly state: IActorStatePort;
  readonly journal: IJournalPort;
  readonly bus?: IMessageBus;
}

/** How many rows a filter finds; a refusal with a code finds none. */
const rowsOf = async (find: () => Promise<readonly unknown[]>): Promise<number> => {
  try {
    return (await find()).length;
  } catch (error) {
    if (PantheonError.is(error)) return 0;
    throw error;
  }
};

const testStores = (name: string, open: (id: string) => Promise<Stores> | Stores): void => {
  const inStores = async (id: string, run: (stores: Stores) => Promise<void>): Promise<void> => {
    const stores = await open(id);
    try {
      await run(stores);
    } finally {
      for (const port of [stores.bus, stores.journal, stores.state]) await port?.close?.();
    }
  };

  test(`H3 ids and keys that mean something, on ${name}`, (context) =>
    inStores('ids', async ({ state }) => {
      const keys = [...HOSTILE, ''].filter((key) => key !== '__proto__' && key !== 'constructor');
      const metadata = Object.fromEntries(keys.map((key) => [key, key]));
      let differences = 0;
      for (const id of HOSTILE) await state.spawn(script, id, { id, metadata });
      for (const id of HOSTILE) {
        const found = await state.get(id);
        const entries = keys.map((key) => found?.metadata?.[key]);
        if (found?.goals[0] !== id || JSON.stringify(entries) !== JSON.stringify(keys))
          differences += 1;
        await state.update(id, { metadata: { [id === '__proto__' ? 'own' : `own ${id}`]: id } });
      }
      const listed = (await state.list()).map(({ id }) => id);
      const pollution = [Object.prototype, Array.prototype].filter((one) =>
        keys.some((key) => key !== 'hasOwnProperty' && key !== '0' && Object.hasOwn(one, key)),
      ).length;
      noteFigures(context, `H3 ${name}`, { ids: listed.length, differences, pollution });
      expect(listed).toEqual(HOSTILE);
      expect([differences, pollution]).toEqual([0, 0]);
    }));

  test(`K8 filters and ids from outside, on ${name}`, (context) =>
    inStores('filters', async ({ state, journal, bus }) => {
      const plain = ['a', 'b', 'c'];
      for (const id of plain) await state.spawn(script, 'wait', { id, parentId: 'root' });
      for (const id of plain) await journal.open({ tickId: id, actorId: id, cause: id });
      const before = JSON.stringify(await state.list());
      let [tried, rows] = [0, 0];
      for (const text of [...HOSTILE, ...NO_TEXTS]) {
        for (const key of ['parentId', 'script', 'state']) {
          tried += 1;
          rows += await rowsOf(() => state.list({ [key]: text }));
        }
        tried += 2;
        rows += await rowsOf(async () => [await state.get(text as string)].filter(Boolean));
        rows += await rowsOf(async () =>
          [await journal.read?.(text as string)].filter((tick) => tick !== undefined),
        );
      }
      // What a hostile text does find is its own.
      let missed = 0;
      for (const id of HOSTILE) {
        await state.spawn(script, 'wait', { id, parentId: id });
        await journal.open({ tickId: id, actorId: id, cause: id });
        const found = (await state.list({ parentId: id })).map((record) => record.id);
        const tick = await journal.read?.(id);
        if (found.join() !== id || tick?.cause !== id) missed += 1;
      }
      const after = JSON.stringify((await state.list()).slice(0, plain.length));
      if (bus !== undefined) {
        await bus.send({ from: 'ada', to: 'nobody', content: 'x', id: 'letter' });
        await expect
          .poll(async () => (await bus.deadLetters?.list())?.length, { timeout: 20_000 })
          .toBe(1);
        for (const id of [...HOSTILE, ...NO_TEXTS]) {
          tried += 1;
          rows += await rowsOf(async () =>
            (await bus.deadLetters?.redrive(id as string)) === true ? [id] : [],
          );
        }
        expect(await bus.deadLetters?.list()).toHaveLength(1);
      }
      noteFigures(context, `K8 ${name}`, { tried, rows, missed });
      expect([rows, missed]).toEqual([0, 0]);
      expect(after).toBe(before);
      const open = await journal.unfinished();
      expect(open).toHaveLength(plain.length + HOSTILE.length);
    }));
};

testStores('memory', () => ({
  state: makeMemoryState(),
  journal: makeMemoryJournal(),
  bus: makeMemoryBus(),
}));

testStores('sqlite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pantheon-filters-'));
  const state = makeSqliteState({ path: join(folder, 'actors.db'), scripts: [script] });
  const journal = makeSqliteJournal({ path: join(folder, 'journal.db') });
  const close = async (): Promise<void> => {
    await state.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { state: { ...state, close }, journal };
});

describeWithRedis('on a Redis', (redis) =>
  testStores('redis', async (id) => {
    const place = { url: redis().url, namespace: `filters-${process.pid}-${id}` };
    const bus = makeRedisBus(place);
    await bus.ready();
    return {
      state: makeRedisState({ ...place, scripts: [script] }),
      journal: makeRedisJournal(place),
      bus,
    };
  }),
);

describeWithPostgres('on a PostgreSQL', (postgres) =>
  testStores('postgres', () => {
    const place = { url: postgres().url, schema: freshSchema() };
    return {
      state: makePostgresState({ ...place, scripts: [script] }),
      journal: makePostgresJournal(place),
    };
  }),
);
