import type { JsonValue, TickRecord } from '@promethean/pantheon-core';
import { freshSchema, withClient } from '@promethean/services/schemas';
import { openUnreliableSession } from '@promethean/services/unreliable-session';
import { describeWithPostgres } from '@promethean/services/vitest';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeJournal, tick } from '../test/fixtures.ts';
import { makePostgresJournal, type PostgresJournalOptions } from './index.ts';

const never = (): never => expect.unreachable('a step that was recorded must not run again');

describeWithPostgres('makePostgresJournal on a server', (postgres) => {
  const sql = async (text: string): Promise<Record<string, unknown>[]> =>
    withClient(postgres().url, async (client) => {
      const result = await client.query<Record<string, unknown>>(text);
      return result.rows;
    });

  const unreliable = async () => {
    const opened = await openUnreliableSession(postgres().url);
    onTestFinished(opened.close);
    return opened;
  };

  test('values and inputs come back exactly, in another process', async () => {
    const { url } = postgres();
    const journal = makeJournal(url);
    const value: JsonValue = {
      z: 1,
      a: { '10': 1, b: [1e21, 5e-324, 0.1, 9_007_199_254_740_991, -1.5, null, true] },
      __text: 'ä 漢 😀 \u0001 \\u0000 "\' \n',
    };
    const record = await journal.open({ ...tick('t1'), input: value });
    await record.step('large', () => 'x'.repeat(2_000_000));
    await record.step('a', () => value);
    const other = makeJournal(url, { schema: journal.schema });
    const read = await other.read('t1');
    expect(JSON.stringify(read?.input)).toBe(JSON.stringify(value));
    expect(JSON.stringify(read?.steps[1]?.value)).toBe(JSON.stringify(value));
    expect(read?.steps[0]?.value).toHaveLength(2_000_000);
    const again = await other.open(tick('t1'));
    expect(JSON.stringify(await again.step<JsonValue>('a', never))).toBe(JSON.stringify(value));
  });

  test('the database tells the time, for all processes', async () => {
    const journal = makeJournal(postgres().url);
    const [before] = await sql('SELECT extract(epoch FROM now()) * 1000 AS at');
    const record = await journal.open(tick('t1'));
    await record.step('a', () => 1);
    await record.complete('partial');
    const [after] = await sql('SELECT extract(epoch FROM now()) * 1000 AS at');
    const read = await journal.read('t1');
    expect(read).toMatchObject({ attempt: 1, status: 'partial', steps: [{ name: 'a', value: 1 }] });
    const times = [read?.openedAt, read?.steps[0]?.recordedAt, read?.completedAt];
    const all = [Math.floor(Number(before?.['at'])), ...times, Number(after?.['at'])];
    expect(all).toEqual(all.toSorted((a, b) => Number(a) - Number(b)));
  });

  test('ticks and steps that are asked for at once are kept in the order of asking', async () => {
    const journal = makeJournal(postgres().url);
    const ids = Array.from({ length: 40 }, (_, n) => `t${(n * 7) % 40}`);
    const records = await Promise.all(ids.map((id) => journal.open(tick(id, `m ${id}`))));
    expect((await journal.unfinished()).map(({ tickId }) => tickId)).toEqual(ids);
    const names = ids.map((id) => `step ${id}`);
    const record = records[0] as TickRecord;
    await Promise.all(names.map((name) => record.step(name, () => name)));
    const read = await journal.read(record.tickId);
    expect(read?.steps.map(({ name }) => name)).toEqual(names);
  });

  test('openings of one tick at once are all counted, and a conflict fails alone', async () => {
    const journal = makeJournal(postgres().url);
    await journal.open(tick('t0', 'm0'));
    const opened = await Promise.allSettled([
      ...Array.from({ length: 20 }, (_, n) => journal.open(tick(`t${n + 1}`, 'm0'))),
      journal.open(tick('t0', 'another cause')),
      journal.open(tick('t0')),
      journal.open(tick('new', 'm1')),
    ]);
    const records = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(records.map(({ tickId, attempt }) => `${tickId} ${attempt}`)).toEqual([
      ...Array.from({ length: 20 }, (_, n) => `t0 ${n + 2}`),
      'new 1',
    ]);
    for (const one of opened.slice(20, 22))
      expect(one).toMatchObject({ reason: { code: 'journal-conflict' } });
  });

  test('an opening whose answer is lost is counted once, and so is the next one', async () => {
    const { session, loseAnswer } = await unreliable();
    const journal = makeJournal(postgres().url, { session });
    await journal.ready();
    loseAnswer(/INSERT/);
    const first = await journal.open(tick('t1', 'm1'));
    loseAnswer(/INSERT/);
    const second = await journal.open(tick('t2', 'm1'));
    expect([first.attempt, second.tickId, second.attempt]).toEqual([1, 't1', 2]);
  });

  test('a step and an end whose answer is lost are recorded once', async () => {
    const { session, loseAnswer } = await unreliable();
    const journal = makeJournal(postgres().url, { session });
    const record = await journal.open(tick('t1'));
    let runs = 0;
    loseAnswer(/INSERT/);
    expect(await record.step('a', () => (runs += 1))).toBe(1);
    loseAnswer(/UPDATE/);
    await record.complete('ok');
    const read = await journal.read('t1');
    expect([runs, read?.status, read?.steps.length]).toEqual([1, 'ok', 1]);
  });

  test('what the database does not take fails alone, and is named', async () => {
    const { url } = postgres();
    const database = freshSchema();
    await sql(
      `CREATE DATABASE ${database} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
    );
    const latin = String(Object.assign(new URL(url), { pathname: `/${database}` }));
    const journal = makePostgresJournal({ url: latin });
    onTestFinished(async () => {
      await journal.close();
      await sql(`DROP DATABASE ${database} WITH (FORCE)`);
    });
    const record = await journal.open(tick('t1'));
    const steps = await Promise.allSettled([
      record.step('a', () => 'ä'),
      record.step('b', () => '漢'),
      record.step('c', () => 'c'),
    ]);
    expect(steps.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(steps[1]).toMatchObject({ reason: { code: 'unavailable', retryable: false } });
    expect((await journal.read('t1'))?.steps.map(({ name }) => name)).toEqual(['a', 'c']);
  });

  test('a step whose name cannot be stored is refused before it runs', async () => {
    const record = await makeJournal(postgres().url).open(tick('t1'));
    for (const name of ['a\u0000b', 'a\ud800', 'ä'.repeat(1_001)])
      await expect(record.step(name, never)).rejects.toMatchObject({ code: 'journal-invalid' });
    expect(await record.step('ä'.repeat(1_000), () => 1)).toBe(1);
  });

  test('finished ticks are forgotten in their time, unfinished ones never', async () => {
    const { url } = postgres();
    const first = makeJournal(url, { keepFinishedMs: 3_600_000 });
    const { schema } = first;
    const ticks = Array.from({ length: 450 }, (_, n) => tick(`t${n}`, `m${n}`));
    const records = await Promise.all(ticks.map((one) => first.open(one)));
    await Promise.all(records.map((record) => record.step('a', () => 1)));
    await Promise.all(records.slice(0, 430).map((record) => record.complete('ok')));
    const age = (which: string, ms: number) =>
      sql(
        `UPDATE ${schema}.journal SET opened = opened - ${ms}, completed = completed - ${ms} ${which}`,
      );
    await age('', 3_000_000);
    const later = makeJournal(url, { schema, keepFinishedMs: 3_600_000 });
    expect((await later.open(tick('again', 'm7'))).attempt).toBe(2);
    await later.close();
    const counts = async () => {
      const [row] = await sql(`SELECT (SELECT count(*)::integer FROM ${schema}.journal) AS ticks,
        (SELECT count(*)::integer FROM ${schema}.journal_step) AS steps`);
      return row;
    };
    expect(await counts()).toEqual({ ticks: 450, steps: 450 });
    await age('', 3_000_000);
    // Each look comes with an opening and removes 200.
    const last = makeJournal(url, { schema, keepFinishedMs: 3_600_000 });
    await expect
      .poll(
        async () => {
          await last.open(tick('looks'));
          return counts();
        },
        { timeout: 10_000 },
      )
      .toEqual({ ticks: 21, steps: 20 });
    expect((await last.open(tick('new', 'm1'))).tickId).toBe('new');
    expect((await last.open(tick('other', 'm440'))).tickId).toBe('t440');
    expect(await last.read('t1')).toBeUndefined();
  });

  test('a user without the right to make tables can use them', async () => {
    const { url } = postgres();
    const owner = makeJournal(url);
    await owner.ready();
    const { schema } = owner;
    const user = `limited_${schema}`;
    await sql(`CREATE ROLE ${user} LOGIN; GRANT USAGE ON SCHEMA ${schema} TO ${user};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${user};
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${schema} TO ${user}`);
    onTestFinished(async () => void (await sql(`DROP OWNED BY ${user}; DROP ROLE ${user}`)));
    const limited = String(Object.assign(new URL(url), { username: user }));
    const journal = makeJournal(url, { url: limited, schema });
    const record = await journal.open(tick('t1'));
    await record.step('a', () => 1);
    await record.complete('ok');
    expect((await owner.read('t1'))?.steps).toHaveLength(1);
  });

  test('several journals in one schema share nothing where their tables have other names', async () => {
    const { url } = postgres();
    const first = makeJournal(url);
    const second = makeJournal(url, { schema: first.schema, table: 'other' });
    await Promise.all([first.open(tick('t1')), second.ready()]);
    expect(await second.unfinished()).toEqual([]);
  });

  test('a pool of two serves 200 ticks at once', async () => {
    const { url } = postgres();
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    onTestFinished(() => pool.end());
    const journal = makeJournal(url, { pool });
    await Promise.all(
      Array.from({ length: 200 }, async (_, n) => {
        const record = await journal.open(tick(`t${n}`, `m${n}`, `actor ${n % 10}`));
        await Promise.all([record.step('a', () => n), record.step('b', () => n)]);
        await record.complete('ok');
      }),
    );
    expect(await journal.unfinished()).toEqual([]);
    await journal.close();
    expect(pool.listenerCount('error')).toBe(0);
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('what is asked for in one turn is one statement', async () => {
    const { url } = postgres();
    const pool = new pg.Pool({ connectionString: url });
    onTestFinished(() => pool.end());
    const journal = makeJournal(url, { pool });
    // The first opening is followed by the look at what is old.
    await (await journal.open(tick('first'))).complete('ok');
    let statements = 0;
    pool.on('acquire', () => {
      statements += 1;
    });
    await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const record = await journal.open(tick(`t${n}`));
        for (let step = 0; step < 7; step += 1) await record.step(`${step}`, () => n);
        await record.complete('ok');
      }),
    );
    expect(await journal.unfinished()).toEqual([]);
    // Of 900 records; some more than nine, because answers come when they come.
    expect(statements).toBeLessThan(100);
  });

  test('close waits for what was accepted', async () => {
    const journal = makeJournal(postgres().url);
    const record = await journal.open(tick('t1'));
    const calls = [record.step('a', () => 1), journal.open(tick('t2'))] as const;
    await Promise.resolve();
    const settled = Promise.allSettled(calls);
    await journal.close();
    for (const one of await settled)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'closed' });
    await expect(journal.read('t1')).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('an option', () => {
  test.each<[string, PostgresJournalOptions]>([
    ['exactly one of url', {}],
    ['table must be', { settings: {}, table: 'Journal' }],
    ['keepFinishedMs must be a whole number from 0', { settings: {}, keepFinishedMs: -1 }],
  ])('that is wrong is refused at once: %s', (message, options) => {
    expect(() => makePostgresJournal(options)).toThrow(
      expect.objectContaining({
        code: 'option-invalid',
        message: expect.stringContaining(message),
      }),
    );
  });
});
