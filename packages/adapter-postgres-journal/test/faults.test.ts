import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { PantheonError, type TickRecord } from '@promethean/pantheon-core';
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { freshSchema, withClient } from '@promethean/services/schemas';
import { describeWithPostgres, describeWithPostgresServer } from '@promethean/services/vitest';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { makeJournal, tick } from './fixtures.ts';
import type { PostgresJournal } from '../src/index.ts';

const STEPS = 3;

/**
 * Actors that make one tick after the other until they are stopped, and go on with a tick whose calls fail by opening it again, as an
 * orchestrator does.
 */
const startLoad = (journal: PostgresJournal, actors: number) => {
  const failures: Record<string, number> = {};
  /** What was acknowledged: names and values by tick. */
  const acknowledged = new Map<string, Map<string, string>>();
  const completed = new Set<string>();
  let stopped = false;
  let [steps, runs] = [0, 0];

  const attempt = async (id: string, actor: string): Promise<void> => {
    const record: TickRecord = await journal.open(tick(id, `m ${id}`, actor));
    const values = acknowledged.get(id) ?? new Map<string, string>();
    acknowledged.set(id, values);
    for (let n = 0; n < STEPS; n += 1) {
      const name = `step ${n}`;
      const value = await record.step(name, () => `${id} ${(runs += 1)}`);
      // What was acknowledged once holds for ever.
      expect(values.get(name) ?? value).toBe(value);
      values.set(name, value);
      steps += 1;
    }
    await record.complete('ok');
    completed.add(id);
  };
  const work = async (actor: string): Promise<void> => {
    for (let n = 0; !stopped; n += 1) {
      const id = `${actor} ${n}`;
      while (!completed.has(id)) {
        try {
          await attempt(id, actor);
        } catch (error) {
          if (!PantheonError.is(error) || !error.retryable) throw error;
          failures[error.code] = (failures[error.code] ?? 0) + 1;
          await pause(10);
        }
      }
    }
  };
  const working = Promise.all(Array.from({ length: actors }, (_, n) => work(`actor ${n}`)));
  let isBroken = false;
  working.catch(() => (isBroken = true));
  /** Waits until so many more steps are acknowledged. */
  const more = async (count: number): Promise<void> => {
    const goal = steps + count;
    await expect.poll(() => isBroken || steps >= goal, { timeout: 60_000, interval: 5 }).toBe(true);
    if (isBroken) await working;
  };
  return {
    failures,
    more,
    /** Ends the load; resolves to what was acknowledged and is not there. */
    stop: async () => {
      stopped = true;
      await working;
      let lost = 0;
      for (const [id, values] of acknowledged) {
        const read = await journal.read(id);
        const found = new Map(read?.steps.map(({ name, value }) => [name, value]));
        for (const [name, value] of values) if (found.get(name) !== value) lost += 1;
        if (completed.has(id) && read?.status !== 'ok') lost += 1;
      }
      return { ticks: completed.size, steps: completed.size * STEPS, runs, lost };
    },
  };
};

describeWithPostgresServer('on a server that fails', (postgres) => {
  test('a server that crashes under load loses nothing that it acknowledged', async (context) => {
    const times = IS_FULL ? 10 : 5;
    const journal = makeJournal(postgres().url, { connectTimeoutMs: 2_000 });
    const load = startLoad(journal, 20);
    for (let crashes = 0; crashes < times; crashes += 1) {
      await load.more(300);
      await postgres().crash();
      await postgres().start();
    }
    await load.more(300);
    const figures = await load.stop();
    noteFigures(context, 'E1 postgres journal', { crashes: times, ...load.failures, ...figures });
    expect(figures.lost).toBe(0);
  }, 180_000);

  test('sessions that are terminated every 300 ms lose nothing, and no step is recorded twice', async (context) => {
    const { url } = postgres();
    const load = startLoad(makeJournal(url), 20);
    let terminated = 0;
    await withClient(url, async (client) => {
      for (let round = 0; round < 10; round += 1) {
        const { rowCount } = await client.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pantheon'",
        );
        terminated += rowCount ?? 0;
        await pause(300);
      }
    });
    await load.more(100);
    const figures = await load.stop();
    noteFigures(context, 'E2 postgres journal', { terminated, ...load.failures, ...figures });
    expect(figures.lost).toBe(0);
    expect(terminated).toBeGreaterThan(5);
  }, 180_000);

  test('100 actors at once, in ticks a second, beside inserts of one row', async (context) => {
    const { url } = postgres();
    const pool = new pg.Pool({ connectionString: url, max: 10 });
    onTestFinished(() => pool.end());
    await pool.query(
      'CREATE TABLE raw (tick bigint, name text, value json, recorded double precision, PRIMARY KEY (tick, name))',
    );
    const value = { value: { text: 'done '.repeat(20) } };
    const perSecond = async (count: number, work: () => Promise<unknown>): Promise<number> => {
      const startedAt = performance.now();
      await work();
      return Math.round((count * 1_000) / (performance.now() - startedAt));
    };
    const insert = (n: number) =>
      pool.query({
        name: 'raw',
        text: 'INSERT INTO raw VALUES ($1, $2, $3, $4)',
        values: [n, 'action 0/0/0 #1', JSON.stringify(value), Date.now()],
      });
    const journal = makeJournal(url);
    // An opening, a plan, three intents with their outcomes, and an end.
    const run = async (id: string): Promise<void> => {
      const record = await journal.open(tick(id, id));
      for (let n = 0; n < 7; n += 1) await record.step(`step ${n}`, () => value);
      await record.complete('ok');
    };
    const callers = Array.from({ length: 100 }, (_, n) => n);
    await Promise.all([journal.ready(), ...callers.map((n) => insert(-1 - n))]);
    const raw = await perSecond(2_000, () =>
      Promise.all(
        callers.map(async (n) => {
          for (let round = 0; round < 20; round += 1) await insert(n * 20 + round);
        }),
      ),
    );
    const ticks = await perSecond(500, () =>
      Promise.all(
        callers.map(async (n) => {
          for (let round = 0; round < 5; round += 1) await run(`${n} ${round}`);
        }),
      ),
    );
    noteFigures(context, 'P postgres journal, 100 actors', {
      ticksPerSecond: ticks,
      recordsPerSecond: ticks * 9,
      insertsPerSecond: raw,
      ratio: Math.round((ticks * 90) / raw) / 10,
    });
    expect(await journal.unfinished()).toEqual([]);
  }, 120_000);
});

describeWithPostgres('several processes', (postgres) => {
  test('that open the same 200 causes at once have one tick of each, and one value of each step', async (context) => {
    const { url } = postgres();
    const journal = makeJournal(url, { schema: freshSchema() });
    await journal.ready();
    const causes = 200;
    const start = (me: string, from: number): ChildProcess => {
      const child = fork(
        new URL('./opener.ts', import.meta.url),
        [url, journal.schema, me, `${from}`, `${causes}`],
        { execArgv: ['--conditions=@promethean/source'] },
      );
      onTestFinished(() => void child.kill('SIGKILL'));
      return child;
    };
    const processes = ['p', 'q', 'r'].map((me, n) => start(me, n * 5));
    await Promise.all(processes.map((child) => once(child, 'message')));
    const answers = processes.map((child) => once(child, 'message'));
    for (const child of processes) child.send('go');
    interface Opened {
      readonly n: number;
      readonly tickId: string;
      readonly attempt: number;
      readonly value: string;
    }
    const opened = (await Promise.all(answers)).map(([ticks]) => ticks as readonly Opened[]);
    let [several, mixed] = [0, 0];
    const winners: Record<string, number> = {};
    for (let n = 0; n < causes; n += 1) {
      const all = opened.map((ticks) => ticks.find((one) => one.n === n) as Opened);
      if (new Set(all.map(({ tickId }) => tickId)).size > 1) several += 1;
      if (new Set(all.map(({ value }) => value)).size > 1) mixed += 1;
      expect(new Set(all.map(({ attempt }) => attempt))).toEqual(new Set([1, 2, 3]));
      const winner = (all[0] as Opened).tickId.split(' ')[0] as string;
      winners[winner] = (winners[winner] ?? 0) + 1;
    }
    noteFigures(context, 'C9 postgres journal', { causes, ...winners, several, mixed });
    expect([several, mixed]).toEqual([0, 0]);
    expect(await journal.unfinished()).toHaveLength(causes);
  }, 60_000);
});
