import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import { type IActorStatePort, PantheonError } from '@promethean/pantheon-core';
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { freshSchema, withClient } from '@promethean/services/schemas';
import { describeWithPostgres, describeWithPostgresServer } from '@promethean/services/vitest';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { clerk, makeState } from './fixtures.ts';
import { makePostgresState } from '../src/index.ts';

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'accepted',
    (error: unknown) => (PantheonError.is(error) ? error.code : `foreign: ${String(error)}`),
  );
const countOf = async (state: IActorStatePort, id: string): Promise<number> =>
  Number((await state.get(id))?.metadata?.['count']);

/** Writers that count one actor each up until they are stopped, and that find out what became of a write that nobody knows of. */
const startLoad = async (state: IActorStatePort, writers: number) => {
  const codes: Record<string, number> = {};
  const applied = new Map<string, number>();
  let stopped = false;
  let acknowledged = 0;
  const ids = Array.from({ length: writers }, (_, n) => `writer-${n}`);
  for (const id of ids) await state.spawn(clerk, 'count', { id, metadata: { count: 0 } });
  const untilReached = async <Result>(call: () => Promise<Result>): Promise<Result> => {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!PantheonError.is(error, 'unavailable')) throw error;
        await pause(10);
      }
    }
  };
  const write = async (id: string): Promise<void> => {
    let count = 0;
    while (!stopped) {
      const wanted = count + 1;
      // Each update counts the version up, so a write that was applied twice, or not at all, shows for ever.
      const patch = { metadata: { count: wanted } };
      const code = await codeOf(state.update(id, patch, { expectedVersion: wanted }));
      codes[code] = (codes[code] ?? 0) + 1;
      if (code === 'accepted') acknowledged += 1;
      else if (code === 'unavailable') await pause(10);
      else expect(code).toBe('outcome-unknown');
      count = code === 'accepted' ? wanted : await untilReached(() => countOf(state, id));
      expect([wanted - 1, wanted]).toContain(count);
      applied.set(id, count);
    }
  };
  const writing = Promise.all(ids.map(write));
  writing.catch(() => undefined);
  return {
    codes,
    acknowledged: () => acknowledged,
    /** Ends the load; resolves to the updates that were lost and that happened twice. */
    stop: async () => {
      stopped = true;
      await writing;
      let [lost, duplicated] = [0, 0];
      for (const id of ids) {
        const { metadata, version = 0 } = (await state.get(id)) ?? {};
        const stored = Number(metadata?.['count']);
        lost += Math.max(0, (applied.get(id) ?? 0) - stored);
        duplicated +=
          Math.max(0, version - 1 - stored) + Math.max(0, stored - (applied.get(id) ?? 0));
      }
      return { lost, duplicated };
    },
  };
};

/** Waits until the load got that many more acknowledgements. */
const more = async (
  { acknowledged }: { readonly acknowledged: () => number },
  updates: number,
): Promise<void> => {
  const goal = acknowledged() + updates;
  await expect.poll(acknowledged, { timeout: 30_000, interval: 5 }).toBeGreaterThanOrEqual(goal);
};

/** What holds on every database that speaks this SQL. */
const faultsOn = (
  name: string,
  makeOne: () => IActorStatePort,
  size: { readonly writers: number; readonly increments: number },
): void => {
  test(`${size.writers} writers that count up ${size.increments} times each lose nothing`, async (context) => {
    const state = makeOne();
    await state.spawn(clerk, 'count', { id: 'ada', metadata: { count: 0 } });
    let conflicts = 0;
    const write = async (): Promise<void> => {
      let inARow = 0;
      for (let done = 0; done < size.increments;) {
        const ada = await state.get('ada');
        const count = Number(ada?.metadata?.['count']) + 1;
        const code = await codeOf(
          state.update('ada', { metadata: { count } }, { expectedVersion: ada?.version }),
        );
        if (code === 'accepted') {
          done += 1;
          inARow = 0;
          continue;
        }
        expect(code).toBe('state-conflict');
        conflicts += 1;
        inARow += 1;
        await pause(Math.random() * Math.min(8 * 2 ** inARow, 1_000));
      }
    };
    await Promise.all(Array.from({ length: size.writers }, write));
    const ada = await state.get('ada');
    const expected = size.writers * size.increments;
    noteFigures(context, `E5 ${name}`, {
      expected,
      sum: Number(ada?.metadata?.['count']),
      conflicts,
    });
    expect(ada).toMatchObject({ metadata: { count: expected }, version: expected + 1 });
  }, 180_000);

  test('what cannot be stored is refused by the port, and nothing is half written', async (context) => {
    const state = makeOne();
    await state.spawn(clerk, 'wait', { id: 'ada', metadata: { kept: 1 } });
    const before = await state.get('ada');
    const texts = ['\0', '\ud800', 'x'.repeat(10_000_000)];
    const codes: string[] = [];
    for (const value of [...texts, JSON.parse('1e400'), 2n ** 70n]) {
      const metadata = { value } as never;
      codes.push(await codeOf(state.update('ada', { state: 'paused', metadata })));
      codes.push(await codeOf(state.spawn(clerk, 'wait', { id: 'bob', metadata })));
    }
    for (const text of texts) {
      codes.push(await codeOf(state.update('ada', { goals: [text] })));
      codes.push(await codeOf(state.spawn(clerk, text, { id: 'bob' })));
      codes.push(await codeOf(state.spawn(clerk, 'wait', { id: text })));
      expect(await state.get(text)).toBeUndefined();
      expect(await state.list({ parentId: text, script: text })).toEqual([]);
    }
    noteFigures(context, `E6 ${name}`, {
      tried: codes.length,
      refused: codes.filter((code) => ['action-invalid', 'actor-invalid'].includes(code)).length,
      written: (await state.list()).length - 1,
    });
    expect(new Set(codes)).toEqual(new Set(['action-invalid', 'actor-invalid']));
    expect(await state.list()).toEqual([before]);
    const numbers = [1e21, 2 ** 53 + 2, -(2 ** 63), 5e-324, 1.7976931348623157e308, 0.1, 1e-7];
    const after = await state.update('ada', { metadata: { numbers } });
    expect(after.metadata).toMatchObject({ kept: 1, numbers });
    expect((await state.get('ada'))?.metadata).toEqual(after.metadata);
  });

  test('keys and ids that mean something to an object or to SQL are data', async (context) => {
    const state = makeOne();
    const names = [
      '__proto__',
      'hasOwnProperty',
      'constructor',
      '0',
      ' ',
      '%',
      "'; DROP TABLE actor; --",
      '$1',
    ];
    const metadata = JSON.parse(
      `{"__proto__":{"polluted":true},${JSON.stringify(
        Object.fromEntries(
          [...names, ''].flatMap((key) => (key === '__proto__' ? [] : [[key, 0]])),
        ),
      ).slice(1)}`,
    ) as Record<string, never>;
    const entries = (value: object | undefined): string =>
      JSON.stringify(Object.entries(value ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)));
    let differences = 0;
    for (const id of names) {
      await state.spawn(clerk, id, { id, parentId: id, metadata });
      const [record] = await state.list({ parentId: id });
      const isSame = entries(record?.metadata) === entries(metadata);
      if (record?.id !== id || record.goals[0] !== id || !isSame) differences += 1;
      await state.update(id, { metadata: { '': undefined, "'": id } });
      const updated = (await state.get(id))?.metadata ?? {};
      if (Object.hasOwn(updated, '') || updated["'"] !== id) differences += 1;
    }
    const polluted = Number('polluted' in {});
    noteFigures(context, `H3 ${name}`, { ids: names.length, differences, polluted });
    expect([differences, polluted]).toEqual([0, 0]);
    expect((await state.list()).map(({ id }) => id)).toEqual(names);
  });
};

describe('on PGlite', () => {
  let session: PGlite;
  beforeAll(async () => {
    session = await PGlite.create();
  }, 60_000);
  afterAll(() => session.close());
  faultsOn(
    'pglite',
    () => {
      const state = makePostgresState({ session, scripts: [clerk], schema: freshSchema() });
      onTestFinished(() => state.close());
      return state;
    },
    { writers: 10, increments: 20 },
  );
});

describeWithPostgres('on a server', (postgres) => {
  faultsOn('postgres', () => makeState(postgres().url), { writers: 50, increments: 100 });
});

describeWithPostgresServer(
  'on a server that fails',
  (postgres) => {
    test('a server that crashes under load loses nothing that it acknowledged', async (context) => {
      const times = IS_FULL ? 10 : 5;
      const state = makeState(postgres().url, { connectTimeoutMs: 2_000 });
      const load = await startLoad(state, 10);
      let resumeMs = 0;
      for (let crashes = 0; crashes < times; crashes += 1) {
        await more(load, 200);
        await postgres().crash();
        await postgres().start();
        const up = performance.now();
        await more(load, 1);
        resumeMs = Math.max(resumeMs, performance.now() - up);
      }
      const { lost, duplicated } = await load.stop();
      noteFigures(context, 'E1 postgres', {
        crashes: times,
        ...load.codes,
        lost,
        duplicated,
        resumeMs: Math.round(resumeMs),
      });
      expect([lost, duplicated]).toEqual([0, 0]);
    }, 120_000);

    test('sessions that are terminated every 300 ms lose nothing and crash nobody', async (context) => {
      const { url } = postgres();
      const state = makeState(url);
      const load = await startLoad(state, 10);
      let terminated = 0;
      await withClient(url, async (client) => {
        for (let round = 0; round < 12; round += 1) {
          const { rowCount } = await client.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pantheon'",
          );
          terminated += rowCount ?? 0;
          await pause(300);
        }
      });
      await more(load, 100);
      const { lost, duplicated } = await load.stop();
      noteFigures(context, 'E2 postgres', { terminated, ...load.codes, lost, duplicated });
      expect([lost, duplicated]).toEqual([0, 0]);
      expect(terminated).toBeGreaterThan(10);
    }, 120_000);

    test('a row that another transaction holds is a conflict after a bounded number of attempts', async (context) => {
      const { url } = postgres();
      const pool = new pg.Pool({ connectionString: url, options: '-c lock_timeout=50ms' });
      onTestFinished(() => pool.end());
      const state = makeState(url, { pool, maxAttempts: 4 });
      await state.spawn(clerk, 'wait', { id: 'ada' });
      let attempts = 0;
      pool.on('release', () => {
        attempts += 1;
      });
      const startedAt = performance.now();
      await withClient(url, async (holder) => {
        await holder.query(`BEGIN; SELECT * FROM ${state.schema}.actor FOR UPDATE`);
        await expect(state.update('ada', { state: 'paused' })).rejects.toMatchObject({
          code: 'state-conflict',
          retryable: true,
          details: { state: '55P03' },
        });
      });
      noteFigures(context, 'E3 postgres, lock_timeout', {
        attempts,
        ms: Math.round(performance.now() - startedAt),
      });
      expect(attempts).toBe(4);
      expect(await state.get('ada')).toMatchObject({ state: 'idle', version: 1 });
      expect((await state.update('ada', { state: 'paused' })).version).toBe(2);
    });

    test('serialization failures are tried again, and none is lost', async (context) => {
      const { url } = postgres();
      const pool = new pg.Pool({
        connectionString: url,
        options: '-c default_transaction_isolation=serializable',
        max: 5,
      });
      onTestFinished(() => pool.end());
      const state = makeState(url, { pool, maxAttempts: 30 });
      await state.spawn(clerk, 'count', { id: 'ada' });
      let attempts = 0;
      pool.on('release', () => {
        attempts += 1;
      });
      await Promise.all(
        Array.from({ length: 20 }, (_, n) => state.update('ada', { metadata: { [`k${n}`]: n } })),
      );
      noteFigures(context, 'E3 postgres, serializable', { updates: 20, attempts });
      const ada = await state.get('ada');
      expect(ada?.version).toBe(21);
      expect(Object.keys(ada?.metadata ?? {})).toHaveLength(20);
    });

    test('the victim of a deadlock tries again when the other is done', async (context) => {
      const { url } = postgres();
      const state = makeState(url);
      await state.spawn(clerk, 'wait', { id: 'ada' });
      const { schema } = state;
      await withClient(url, async (other) => {
        await other.query(`
          CREATE FUNCTION ${schema}.audit() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END';
          CREATE TRIGGER audit AFTER UPDATE ON ${schema}.actor FOR EACH ROW EXECUTE FUNCTION ${schema}.audit()`);
        await other.query('BEGIN; SELECT pg_advisory_xact_lock(7)');
        const update = state.update('ada', { state: 'paused' });
        // Ours holds the row and waits for the lock; now the other one, that holds the lock, wants the row.
        await expect
          .poll(
            () =>
              withClient(url, async (client) => {
                const { rowCount } = await client.query(
                  "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
                );
                return rowCount;
              }),
            { timeout: 10_000 },
          )
          .toBe(1);
        const others = await other
          .query(`UPDATE ${schema}.actor SET updated = 0; COMMIT`)
          .then(() => 'committed')
          .catch((error: { code?: string }) => error.code);
        if (others !== 'committed') await other.query('ROLLBACK');
        noteFigures(context, 'E3 postgres, deadlock', { other: `${others}` });
        expect(await update).toMatchObject({ state: 'paused', version: 2 });
      });
    });

    test('two connections serve 200 updates while a stopped worker holds the row', async (context) => {
      const { url } = postgres();
      const state = makeState(url, { maxConnections: 2, connectTimeoutMs: 30_000 });
      await state.spawn(clerk, 'count', { id: 'ada' });
      const worker = fork(new URL('./stalled-worker.ts', import.meta.url), [
        url,
        `${state.schema}.actor`,
      ]);
      const exit = once(worker, 'exit');
      onTestFinished(async () => {
        worker.kill('SIGKILL');
        await exit;
      });
      await once(worker, 'message');
      worker.kill('SIGSTOP');
      const startedAt = performance.now();
      const waits = await Promise.all(
        Array.from({ length: 200 }, async (_, n) => {
          await state.update('ada', { metadata: { [`k${n}`]: n } });
          return performance.now() - startedAt;
        }),
      );
      waits.sort((a, b) => a - b);
      noteFigures(context, 'E4 postgres', {
        updates: waits.length,
        firstMs: Math.round(waits[0] as number),
        p99Ms: Math.round(waits[197] as number),
      });
      expect((await state.get('ada'))?.version).toBe(201);
    }, 60_000);
  },
  { settings: { idle_in_transaction_session_timeout: '2s' } },
);
