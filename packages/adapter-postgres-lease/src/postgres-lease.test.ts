import { freshSchema, withClient } from '@promethean/services/schemas';
import { openUnreliableSession } from '@promethean/services/unreliable-session';
import { describeWithPostgres } from '@promethean/services/vitest';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeLeases, STALLED, taken } from '../test/fixtures.ts';
import { makePostgresLease, type PostgresLeaseOptions } from './index.ts';

describeWithPostgres('makePostgresLease on a server', (postgres) => {
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

  test('a lease whose answer is lost is given all the same, and once', async () => {
    const { session, loseAnswer } = await unreliable();
    const leases = await makeLeases(postgres().url, { session });
    loseAnswer(/INSERT/);
    const lease = await taken(leases, 'a');
    const [row] = await sql(
      `SELECT epoch::text AS epoch, epoch || ':' || nonce AS token FROM ${leases.schema}.lease`,
    );
    expect(row).toEqual({ epoch: `${lease.epoch}`, token: lease.token });
    loseAnswer(/nonce = NULL/);
    await lease.release();
    const next = await taken(leases, 'a');
    expect(next.epoch).toBeGreaterThan(lease.epoch);
  });

  test('a renewal that arrives after the release takes nothing', async () => {
    const { session, holdBack } = await unreliable();
    const { url } = postgres();
    const leases = await makeLeases(url, { session });
    const other = await makeLeases(url, { schema: leases.schema });
    const { asked, letGo } = holdBack(/RETURNING name/);
    const lease = await taken(leases, 'a', { ttlMs: 2_000 });
    await asked;
    await lease.release();
    letGo();
    // It waits for the renewal.
    await leases.close();
    const [row] = await sql(
      `SELECT nonce, expires <= now() AS "isFree" FROM ${leases.schema}.lease`,
    );
    expect(row).toEqual({ nonce: null, isFree: true });
    await taken(other, 'a');
  });

  test('names that nobody holds are forgotten after an hour, and their epochs grow on', async () => {
    const { url } = postgres();
    const first = await makeLeases(url);
    const { schema } = first;
    const gone = await taken(first, 'gone');
    await gone.release();
    const stalled = await makeLeases(url, { schema, timers: STALLED });
    await taken(stalled, 'died');
    await taken(first, 'held');
    const names = async () =>
      (await sql(`SELECT name FROM ${schema}.lease ORDER BY name`)).map(({ name }) => name);
    const age = (interval: string) =>
      sql(
        `UPDATE ${schema}.lease SET expires = expires - interval '${interval}' WHERE name <> 'held'`,
      );
    await age('59 minutes');
    await taken(await makeLeases(url, { schema }), 'b');
    expect(await names()).toEqual(['b', 'died', 'gone', 'held']);
    await age('2 minutes');
    const late = await makeLeases(url, { schema });
    await taken(late, 'c');
    await expect.poll(names, { timeout: 10_000 }).toEqual(['b', 'c', 'held']);
    const again = await taken(late, 'gone');
    expect(again.epoch).toBeGreaterThan(gone.epoch);
  });

  test('the term is measured by the clock of the database', async () => {
    const { url } = postgres();
    const leases = await makeLeases(url);
    await taken(leases, 'a', { ttlMs: 60_000 });
    const [row] = await sql(
      `SELECT extract(epoch FROM expires - clock_timestamp())::double precision AS left FROM ${leases.schema}.lease`,
    );
    expect(row?.['left']).toBeGreaterThan(30);
    expect(row?.['left']).toBeLessThanOrEqual(60);
  });

  test('a user without the right to make tables can use them', async () => {
    const { url } = postgres();
    const owner = await makeLeases(url);
    const { schema } = owner;
    const user = `limited_${schema}`;
    await sql(`CREATE ROLE ${user} LOGIN; GRANT USAGE ON SCHEMA ${schema} TO ${user};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${user};
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${schema} TO ${user}`);
    onTestFinished(async () => void (await sql(`DROP OWNED BY ${user}; DROP ROLE ${user}`)));
    const limited = String(Object.assign(new URL(url), { username: user }));
    const lease = await taken(await makeLeases(url, { url: limited, schema }), 'a');
    expect(await owner.acquire('a')).toBeUndefined();
    await lease.release();
    await taken(owner, 'a');
  });

  test('several tables of one schema have nothing to do with each other', async () => {
    const { url } = postgres();
    const first = await makeLeases(url);
    const second = await makeLeases(url, { schema: first.schema, table: 'other' });
    await taken(first, 'a');
    await taken(second, 'a');
  });

  test('close gives back what is held, and leaves a pool that was passed in open', async () => {
    const { url } = postgres();
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    onTestFinished(() => pool.end());
    const leases = await makeLeases(url, { pool });
    const names = Array.from({ length: 100 }, (_, n) => `n${n}`);
    await Promise.all(names.map((name) => taken(leases, name)));
    await leases.close();
    expect(pool.listenerCount('error')).toBe(0);
    const other = await makeLeases(url, { schema: leases.schema });
    await Promise.all(names.map((name) => taken(other, name)));
  });

  test('a server that cannot be reached is an error, without a word about the password', async () => {
    const url = String(Object.assign(new URL(postgres().url), { port: '1', password: 'hunter2' }));
    const leases = makePostgresLease({ url, schema: freshSchema() });
    onTestFinished(() => leases.close());
    const failure: unknown = await leases.acquire('a').catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'unavailable', retryable: true });
    expect(JSON.stringify([String(failure), failure])).not.toContain('hunter2');
  });
});

describe('an option', () => {
  test.each<[string, PostgresLeaseOptions]>([
    ['exactly one of url', {}],
    ['table must be', { settings: {}, table: '' }],
    ['maxAttempts must be a whole number from 1', { settings: {}, maxAttempts: 0 }],
  ])('that is wrong is refused at once: %s', (message, options) => {
    expect(() => makePostgresLease(options)).toThrow(
      expect.objectContaining({
        code: 'option-invalid',
        message: expect.stringContaining(message),
      }),
    );
  });
});
