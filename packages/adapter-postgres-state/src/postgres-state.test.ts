import { type IActorStatePort, PantheonError } from '@promethean/pantheon-core';
import { startProxy } from '@promethean/services';
import { freshSchema, withClient } from '@promethean/services/schemas';
import { describeWithPostgres } from '@promethean/services/vitest';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { clerk, makeState } from '../test/fixtures.ts';
import { makePostgresState, type PostgresStateOptions } from './index.ts';

const failure = async (call: Promise<unknown>): Promise<PantheonError> => {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(PantheonError.is(error)).toBe(true);
  return error as PantheonError;
};

describeWithPostgres('makePostgresState on a server', (postgres) => {
  const sql = async (text: string): Promise<Record<string, unknown> | undefined> =>
    withClient(postgres().url, async (client) => {
      const result = await client.query<Record<string, unknown>>(text);
      return result.rows?.[0];
    });
  const sessionsOf = async (schema: string): Promise<unknown> =>
    (
      await sql(
        `SELECT count(*)::integer AS n FROM pg_stat_activity
         WHERE application_name = 'pantheon' AND query LIKE '%"${schema}"%' AND pid <> pg_backend_pid()`,
      )
    )?.['n'];
  /** The URL with another user and password, port or database. */
  const urlWith = (
    changes: Partial<Pick<URL, 'username' | 'password' | 'port' | 'pathname'>>,
  ): string => String(Object.assign(new URL(postgres().url), changes));

  describe('a record', () => {
    test('comes back in another process as it was, numbers included', async () => {
      const { url } = postgres();
      const first = makeState(url);
      const list = [1, 'zwei', null, 1e21, 5e-324, -1.5, 0.1, 9_007_199_254_740_991, 1e308];
      const metadata = { list, b: 1, a: { z: 1, y: 2 } };
      await first.spawn(clerk, 'wait', { id: 'ada', parentId: 'root', metadata });
      const before = await first.update('ada', { state: 'paused', goals: ['read', 'write'] });
      const { schema } = first;
      const after = await makeState(url, { schema }).get('ada');
      expect(after).toEqual(before);
      expect(after?.metadata).toMatchObject(metadata);
      expect(after?.script).toBe(clerk);
    });

    test('keeps the columns and the values that an update does not name, exactly as another program wrote them', async () => {
      const state = makeState(postgres().url);
      await state.spawn(clerk, 'wait', { id: 'ada' });
      const table = `${state.schema}.actor`;
      await sql(`ALTER TABLE ${table} ADD COLUMN mood text DEFAULT 'calm';
        UPDATE ${table} SET metadata = '{"big": 9007199254740993, "drop": 1}'`);
      await state.update('ada', { metadata: { a: 1, drop: undefined } });
      expect(await sql(`SELECT mood, metadata::text AS metadata FROM ${table}`)).toEqual({
        mood: 'calm',
        metadata: '{"a": 1, "big": 9007199254740993}',
      });
    });

    test('of a script that is not among the scripts is refused by name, and not changed', async () => {
      const { url } = postgres();
      const first = makeState(url);
      await first.spawn(clerk, 'wait', { id: 'ada' });
      const { schema } = first;
      const later = makeState(url, { schema, scripts: [{ ...clerk, version: '2' }] });
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
      expect(await first.list()).toMatchObject([{ id: 'ada', state: 'idle', version: 1 }]);
    });

    test('of a script without a version is revived', async () => {
      const script = { name: 'courier', contextSources: [], talents: [] };
      const state = makeState(postgres().url, { scripts: [script] });
      await state.spawn(script, 'wait', { id: 'ada' });
      expect((await state.update('ada', { state: 'paused' })).script).toBe(script);
    });

    test('is what was handed in at the moment of the call', async () => {
      const state = makeState(postgres().url);
      const metadata = { a: 1 };
      const spawned = state.spawn(clerk, 'wait', { id: 'ada', metadata });
      metadata.a = 2;
      expect((await spawned).metadata).toEqual({ a: 1 });
      const patch = { goals: ['read'], metadata: { b: 1 } };
      const updated = state.update('ada', patch);
      patch.goals.push('write');
      patch.metadata.b = 2;
      expect(await updated).toMatchObject({ goals: ['read'], metadata: { a: 1, b: 1 } });
    });

    test('that grows beyond maxRecordBytes is refused, and can still be paused', async () => {
      const { url } = postgres();
      const state = makeState(url, { maxRecordBytes: 100 });
      const [small, large] = ['ü'.repeat(20), 'ü'.repeat(50)];
      expect((await failure(state.spawn(clerk, large))).code).toBe('actor-invalid');
      await state.spawn(clerk, small, { id: 'ada' });
      for (const patch of [
        { goals: [large] },
        { metadata: { large } },
        { metadata: { a: small, b: small } },
      ]) {
        for (const options of [{}, { expectedVersion: 1 }]) {
          const error = await failure(state.update('ada', patch, options));
          expect(error.code).toBe('action-invalid');
          expect(error.message).toContain('maxRecordBytes allows (100)');
        }
      }
      expect(await state.list()).toMatchObject([{ goals: [small], version: 1 }]);
      const { schema } = state;
      const stricter = makeState(url, { schema, maxRecordBytes: 10 });
      expect((await stricter.update('ada', { state: 'paused' })).version).toBe(2);
    });

    test('gets an id that is free, also from a newId that repeats itself', async () => {
      let n = 0;
      const state = makeState(postgres().url, { newId: () => `a-${Math.floor(n++ / 3)}` });
      for (const id of ['a-0', 'a-1', 'a-2'])
        expect((await state.spawn(clerk, 'wait')).id).toBe(id);
    });
  });

  describe('the tables', () => {
    test('are made once by 20 first calls at the same moment, over 20 connections', async () => {
      const { url } = postgres();
      const schema = freshSchema();
      const states = Array.from({ length: 20 }, () =>
        makeState(url, { schema, maxConnections: 1 }),
      );
      await Promise.all(states.map((state, n) => state.spawn(clerk, 'wait', { id: `a${n}` })));
      expect(await (states[0] as IActorStatePort).list()).toHaveLength(20);
      expect(await sql(`SELECT version, oldest FROM ${schema}.actor_schema`)).toEqual({
        version: 1,
        oldest: 1,
      });
    });

    test('can be used by a user without the right to make them', async () => {
      const { url } = postgres();
      const owner = makeState(url);
      await owner.ready();
      const { schema } = owner;
      const user = `limited_${schema}`;
      await sql(`CREATE ROLE ${user} LOGIN; GRANT USAGE ON SCHEMA ${schema} TO ${user};
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${user}`);
      onTestFinished(async () => {
        await sql(`DROP OWNED BY ${user}; DROP ROLE ${user}`);
      });
      const limited = makeState(url, { url: urlWith({ username: user }), schema });
      await limited.spawn(clerk, 'wait', { id: 'ada' });
      expect((await limited.update('ada', { state: 'paused' })).version).toBe(2);
      expect(await limited.remove('ada')).toBe(true);
      const elsewhere = makeState(url, { url: urlWith({ username: user }) });
      const error = await failure(elsewhere.spawn(clerk, 'wait'));
      expect([error.code, error.retryable]).toEqual(['unavailable', false]);
      expect(error.message).toContain('permission denied');
      expect(error.message).toContain('let a user who has them make the tables once');
    });

    test('of a newer release are used when it says that this one may, and refused otherwise', async () => {
      const { url } = postgres();
      const first = makeState(url);
      await first.spawn(clerk, 'wait', { id: 'ada' });
      const { schema } = first;
      await sql(`UPDATE ${schema}.actor_schema SET version = 2`);
      expect(await makeState(url, { schema }).list()).toHaveLength(1);
      await sql(`UPDATE ${schema}.actor_schema SET version = 3, oldest = 2`);
      const error = await failure(makeState(url, { schema }).spawn(clerk, 'wait'));
      expect(error.code).toBe('option-invalid');
      expect(error.message).toContain('newer release of this package (version 3, known 1)');
      expect(await sql(`SELECT count(*)::integer AS n FROM ${schema}.actor`)).toEqual({ n: 1 });
    });

    test('can have other names, and two of them in one schema share nothing', async () => {
      const { url } = postgres();
      const schema = freshSchema();
      const [first, second] = [
        makeState(url, { schema }),
        makeState(url, { schema, table: 'other' }),
      ];
      await first.spawn(clerk, 'wait', { id: 'ada' });
      expect(await second.list()).toEqual([]);
    });
  });

  describe('the connection', () => {
    test('of a pool that was passed in is left open, and nothing listens on it afterwards', async () => {
      const { url } = postgres();
      const pool = new pg.Pool({ connectionString: url });
      onTestFinished(() => pool.end());
      const state = makeState(url, { pool });
      await state.spawn(clerk, 'wait');
      await state.close();
      expect(pool.listenerCount('error')).toBe(0);
      expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });

    test('of a pool that was passed in may break while it is idle', async () => {
      const { url } = postgres();
      const pool = new pg.Pool({ connectionString: url, application_name: 'passed in' });
      onTestFinished(() => pool.end());
      const state = makeState(url, { pool });
      await state.spawn(clerk, 'wait', { id: 'ada' });
      await sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'passed in'",
      );
      await expect.poll(() => pool.totalCount, { timeout: 10_000 }).toBe(0);
      expect((await state.get('ada'))?.version).toBe(1);
    });

    test('of its own is closed with it, after the calls that were accepted', async () => {
      const state = makeState(postgres().url);
      const calls = Array.from({ length: 20 }, (_, n) =>
        state.spawn(clerk, 'wait', { id: `a${n}` }),
      );
      await Promise.all([state.close(), state.close()]);
      expect(await Promise.all(calls)).toHaveLength(20);
      await expect.poll(() => sessionsOf(state.schema), { timeout: 10_000 }).toBe(0);
    });

    test('that cannot be made is unavailable, without a word about the password', async () => {
      const { url } = postgres();
      const refused = makeState(url, { url: urlWith({ port: '1', password: 'hunter2' }) });
      const error = await failure(refused.spawn(clerk, 'wait'));
      expect([error.code, error.retryable]).toEqual(['unavailable', true]);
      expect(error.message).toContain(`PostgreSQL at ${new URL(url).hostname}:1: `);
      expect(error.message).toContain('ECONNREFUSED');
      expect(JSON.stringify([error.message, error.details])).not.toContain('hunter2');
      const nowhere = makeState(url, { url: urlWith({ pathname: '/nowhere' }) });
      const other = await failure(nowhere.get('ada'));
      expect([other.code, other.retryable]).toEqual(['unavailable', false]);
      expect(other.message).toContain('database "nowhere" does not exist');
    });

    test('that goes silent during a write ends in outcome-unknown, and close does not wait for it', async () => {
      const { url } = postgres();
      const proxy = await startProxy(Number(new URL(url).port));
      onTestFinished(() => proxy.close());
      const state = makeState(url, {
        url: urlWith({ port: `${proxy.port}` }),
        statementTimeoutMs: 200,
        connectTimeoutMs: 1_000,
      });
      await state.spawn(clerk, 'wait', { id: 'ada' });
      proxy.set({ kind: 'blackhole' });
      const [once, compared] = await Promise.all([
        failure(state.update('ada', { state: 'paused' })),
        failure(state.update('ada', { state: 'paused' }, { expectedVersion: 1 })),
      ]);
      expect([once.code, once.retryable]).toEqual(['outcome-unknown', false]);
      // The second connection was never made, so that nothing can have happened over it.
      expect(['outcome-unknown', 'unavailable']).toContain(compared.code);
      expect(compared.retryable).toBe(true);
      await state.close();
      await expect.poll(proxy.connections, { timeout: 10_000 }).toBe(0);
    }, 60_000);

    test('that was cut while it was idle is replaced', async () => {
      const { url } = postgres();
      const proxy = await startProxy(Number(new URL(url).port));
      onTestFinished(() => proxy.close());
      const state = makeState(url, { url: urlWith({ port: `${proxy.port}` }) });
      await state.spawn(clerk, 'wait', { id: 'ada' });
      proxy.cut();
      await expect.poll(proxy.connections, { timeout: 10_000 }).toBe(0);
      expect((await state.get('ada'))?.version).toBe(1);
    });

    test('gives a statement up that waits too long for a lock, and nothing was done', async () => {
      const { url } = postgres();
      const state = makeState(url, { statementTimeoutMs: 100 });
      await state.spawn(clerk, 'wait', { id: 'ada' });
      await withClient(url, async (holder) => {
        await holder.query(`BEGIN; SELECT * FROM ${state.schema}.actor FOR UPDATE`);
        const error = await failure(state.update('ada', { state: 'paused' }));
        expect([error.code, error.retryable]).toEqual(['unavailable', true]);
        expect(error.message).toContain('statement timeout');
      });
      expect((await state.update('ada', { state: 'paused' })).version).toBe(2);
    });

    test('is made from settings as well', async () => {
      const { url } = postgres();
      const { hostname, port, username, password, pathname } = new URL(url);
      const settings = {
        host: hostname,
        port: Number(port),
        user: username,
        password: async () => password,
        database: pathname.slice(1),
      };
      const state = makeState(url, { settings });
      expect((await state.spawn(clerk, 'wait')).version).toBe(1);
    });
  });
});

describe('an option', () => {
  test.each<[string, Partial<PostgresStateOptions>]>([
    ['exactly one of url', {}],
    ['exactly one of url', { url: 'postgres://localhost', settings: {} }],
    ['url must be', { url: 'http://localhost' }],
    ['url must be', { url: 'nonsense' }],
    ['schema must be', { settings: {}, schema: 'a"; DROP TABLE x' }],
    ['table must be', { settings: {}, table: 'x'.repeat(49) }],
    ['maxConnections', { settings: {}, maxConnections: 0 }],
    ['statementTimeoutMs', { settings: {}, statementTimeoutMs: Number.NaN }],
    ['maxRecordBytes', { settings: {}, maxRecordBytes: 1.5 }],
    ['scripts', { settings: {}, scripts: [clerk, { ...clerk }] }],
  ])('that is wrong is refused at once: %s', (message, options) => {
    expect(() => makePostgresState({ scripts: [], ...options })).toThrow(
      expect.objectContaining({
        code: 'option-invalid',
        message: expect.stringContaining(message),
      }),
    );
  });
});
