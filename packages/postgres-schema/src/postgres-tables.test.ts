import { dropSchema, freshSchema } from '@promethean/services/schemas';
import { describeWithPostgres } from '@promethean/services/vitest';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  makePostgresTables,
  type Migration,
  type PostgresOptions,
  type PostgresSession,
  type PostgresTables,
} from './index.ts';

const NOTES: readonly Migration[] = [
  { oldest: 1, sql: ({ table }) => `CREATE TABLE ${table} (text text PRIMARY KEY);` },
];
const KIND = { migrations: NOTES, conflict: 'unavailable', doubt: 'look at the notes' } as const;
const makeNotes = (options: PostgresOptions, table = 'note'): PostgresTables => {
  const tables = makePostgresTables(options, { ...KIND, what: 'notebook', table });
  onTestFinished(() => tables.close());
  return tables;
};
const add = ({ call, run, names }: PostgresTables, text: string, repetition: 'again' | 'twice') =>
  call(() =>
    run(`INSERT INTO ${names.table} VALUES ($1) ON CONFLICT DO NOTHING`, [text], repetition),
  );
const notesOf = async ({ call, run, names }: PostgresTables): Promise<readonly unknown[]> => {
  const rows = await call(() => run(`SELECT text FROM ${names.table} ORDER BY text`, [], 'none'));
  return rows.map((row) => (row as { readonly text: string }).text);
};
const broken = (): Error => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });

describeWithPostgres('the tables of adapters', (postgres) => {
  const schemaOfTest = (): string => {
    const schema = freshSchema();
    onTestFinished(async () => void (await dropSchema(postgres().url, schema)));
    return schema;
  };
  /** A session whose answers to writes are lost so often. */
  const forgetful = async (times: number) => {
    const client = new pg.Client({ connectionString: postgres().url });
    await client.connect();
    onTestFinished(() => client.end());
    let writes = 0;
    const query: PostgresSession['query'] = async (text, values) => {
      const answer = await client.query(text, values);
      if (!text.startsWith('INSERT')) return answer;
      writes += 1;
      if (writes <= times) throw broken();
      return answer;
    };
    return { session: { query }, writes: () => writes };
  };

  test('are made in one schema by 30 first calls of three adapters at the same moment', async () => {
    const { url } = postgres();
    const schema = schemaOfTest();
    const all = Array.from({ length: 30 }, (_, n) =>
      makeNotes({ url, schema, maxConnections: 1 }, `note${n % 3}`),
    );
    await Promise.all(all.map((tables, n) => add(tables, `${n}`, 'twice')));
    const counts = await Promise.all(all.slice(0, 3).map(notesOf));
    expect(counts.map(({ length }) => length)).toEqual([10, 10, 10]);
  });

  test('a write that may be repeated is sent again where its answer was lost', async () => {
    const { session, writes } = await forgetful(3);
    const tables = makeNotes({ session, schema: schemaOfTest() });
    await add(tables, 'a', 'again');
    expect([writes(), await notesOf(tables)]).toEqual([4, ['a']]);
  });

  test('a write that may not be repeated is not, and says so', async () => {
    const { session, writes } = await forgetful(1);
    const tables = makeNotes({ session, schema: schemaOfTest() });
    await expect(add(tables, 'a', 'twice')).rejects.toMatchObject({
      code: 'outcome-unknown',
      retryable: false,
      message: expect.stringContaining('nobody knows whether it happened; look at the notes.'),
    });
    expect([writes(), await notesOf(tables)]).toEqual([1, ['a']]);
  });

  test('a write whose answers are all lost is given up after so many attempts, as unknown', async () => {
    const { session, writes } = await forgetful(100);
    const tables = makeNotes({ session, schema: schemaOfTest(), maxAttempts: 3 });
    await expect(add(tables, 'a', 'again')).rejects.toMatchObject({
      code: 'outcome-unknown',
      retryable: true,
    });
    expect([writes(), await notesOf(tables)]).toEqual([3, ['a']]);
  });

  test('a write whose answer was lost stays unknown where no connection can be made afterwards', async () => {
    const { session } = await forgetful(1);
    let isGone = false;
    const pool = {
      on: () => undefined,
      off: () => undefined,
      connect: (callback: (error: Error | undefined, connection: never) => void) => {
        if (isGone) return callback(new Error('connect ECONNREFUSED'), undefined as never);
        callback(undefined, {
          query: session.query,
          release: (destroy?: boolean) => (isGone = destroy === true),
          on: () => undefined,
          off: () => undefined,
        } as never);
      },
    };
    const tables = makeNotes({ pool, schema: schemaOfTest(), maxAttempts: 3 });
    await expect(add(tables, 'a', 'again')).rejects.toMatchObject({ code: 'outcome-unknown' });
    // And where nothing was sent, nothing is in doubt.
    await expect(add(tables, 'b', 'again')).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    });
  });

  test('are used with timeouts longer than a timer knows', async () => {
    const limits = { connectTimeoutMs: 2 ** 40, statementTimeoutMs: 2 ** 40 };
    const tables = makeNotes({ url: postgres().url, schema: schemaOfTest(), ...limits });
    await add(tables, 'a', 'twice');
    expect(await notesOf(tables)).toEqual(['a']);
  });

  test('refuse calls after close, which waits for those before', async () => {
    const { url } = postgres();
    const tables = makeNotes({ url, schema: schemaOfTest() });
    const calls = Array.from({ length: 20 }, (_, n) => add(tables, `${n}`, 'twice'));
    await Promise.all([tables.close(), tables.close()]);
    await Promise.all(calls);
    await expect(notesOf(tables)).rejects.toMatchObject({
      code: 'closed',
      message: 'The notebook is closed.',
    });
  });
});

describe('a connection that the settings do not allow', () => {
  const poolThatFails = (error: Error) => ({
    on: () => undefined,
    off: () => undefined,
    connect: (callback: (reason: Error, connection: undefined) => void) =>
      callback(error, undefined),
  });
  test.each<[string, Error, string]>([
    [
      'a startup parameter that a pooler refuses',
      Object.assign(new Error('unsupported startup parameter'), {
        code: '08P01',
        severity: 'FATAL',
      }),
      'a pool of your own',
    ],
    ['a server without TLS', new Error('The server does not support SSL connections'), 'sslmode'],
    [
      'a certificate that nobody vouches for',
      Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
      'sslmode',
    ],
    ['no password', new Error('SASL: client password must be a string'), 'the password'],
  ])('is not tried again: %s', async (_, error, advice) => {
    await expect(notesOf(makeNotes({ pool: poolThatFails(error) }))).rejects.toMatchObject({
      code: 'unavailable',
      retryable: false,
      message: expect.stringContaining(advice),
    });
  });

  test('may be tried again where it may pass', async () => {
    const error = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    await expect(notesOf(makeNotes({ pool: poolThatFails(error) }))).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    });
  });
});

test.each(['42P05', '26000'])(
  'a pooler that mixes prepared statements up is named as the cause: %s',
  async (code) => {
    const error = Object.assign(new Error('prepared statement'), { code, severity: 'ERROR' });
    const session = { query: async () => Promise.reject(error) };
    await expect(notesOf(makeNotes({ session }))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('A pooler in transaction mode'),
    });
  },
);

describe('an option', () => {
  test.each<[string, PostgresOptions]>([
    ['exactly one of url', {}],
    ['url must be', { url: 'nonsense' }],
    ['schema must be', { settings: {}, schema: 'Pantheon' }],
    ['table must be', { settings: {}, table: '1' }],
    ['connectTimeoutMs', { settings: {}, connectTimeoutMs: 0 }],
    ['settings.port', { settings: { port: Number.NaN } }],
    ['settings.port', { settings: { port: 65_536 } }],
  ])('that is wrong is refused at once: %s', (message, options) => {
    expect(() => makeNotes(options)).toThrow(
      expect.objectContaining({
        code: 'option-invalid',
        message: expect.stringContaining(message),
      }),
    );
  });
});
