import { dropSchema, freshSchema } from '@promethean/services/schemas';
import { describeWithPostgres } from '@promethean/services/vitest';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { borrowSession } from './connection.ts';
import { makePostgresClient, type PostgresClient } from './postgres-client.ts';
import { ensureTables, type Migration, namesOf } from './schema.ts';

const STEPS: readonly Migration[] = [
  { oldest: 1, sql: ({ table }) => `CREATE TABLE ${table} (id text);` },
  { oldest: 1, sql: ({ table }) => `ALTER TABLE ${table} ADD COLUMN mood text DEFAULT 'calm';` },
  { oldest: 3, sql: ({ table }) => `ALTER TABLE ${table} RENAME COLUMN id TO name;` },
];
describeWithPostgres('the tables', (postgres) => {
  const schema = freshSchema();
  let session: pg.Client;
  let client: PostgresClient;
  beforeAll(async () => {
    session = new pg.Client({ connectionString: postgres().url });
    await session.connect();
    client = makePostgresClient({
      ...borrowSession(session),
      server: 'PostgreSQL',
      maxAttempts: 1,
      repeatForMs: 0,
      errors: { conflict: 'unavailable', doubt: 'look' },
    });
  });
  afterAll(async () => {
    await session.end();
    await dropSchema(postgres().url, schema);
  });

  test('of an older release are brought up to date, with their rows, step by step and each step once', async () => {
    const names = namesOf(schema, 'older');
    await ensureTables(client, names, STEPS.slice(0, 1));
    await session.query(`INSERT INTO ${names.table} VALUES ('ada')`);
    for (const known of [2, 2, 1]) await ensureTables(client, names, STEPS.slice(0, known));
    expect((await session.query(`SELECT * FROM ${names.table}`)).rows).toEqual([
      { id: 'ada', mood: 'calm' },
    ]);
    expect((await session.query(`SELECT * FROM ${names.version}`)).rows).toEqual([
      { version: 2, oldest: 1 },
    ]);
  });

  test('that the previous release can no longer use are refused by it, and left as they are', async () => {
    const names = namesOf(schema, 'refused');
    await ensureTables(client, names, STEPS);
    await expect(ensureTables(client, names, STEPS.slice(0, 2))).rejects.toMatchObject({
      code: 'option-invalid',
      details: { version: 3, oldest: 3, known: 2 },
    });
  });

  test.each([
    ['a table of that name', 'CREATE TABLE $.foreign1 (theirs integer)', 'foreign1'],
    [
      'a table of versions with other columns',
      'CREATE TABLE $.foreign2_schema (x integer)',
      'foreign2',
    ],
    [
      'a table of versions without a row',
      'CREATE TABLE $.foreign3_schema (version integer, oldest integer)',
      'foreign3',
    ],
  ])('of another program are refused by name, and left as they are: %s', async (_, sql, table) => {
    const names = namesOf(schema, table);
    await session.query(`CREATE SCHEMA IF NOT EXISTS ${schema}; ${sql.replace('$', schema)}`);
    await expect(ensureTables(client, names, STEPS)).rejects.toMatchObject({
      code: 'option-invalid',
      message: expect.stringContaining(names.table),
    });
    const { rows } = await session.query(
      'SELECT count(*)::integer AS n FROM information_schema.tables WHERE table_schema = $1 AND table_name LIKE $2',
      [schema, `${table}%`],
    );
    expect(rows).toEqual([{ n: 1 }]);
  });

  test('stay, when a step fails, in the version that they had', async () => {
    const names = namesOf(schema, 'broken');
    await ensureTables(client, names, STEPS.slice(0, 1));
    const broken: Migration = { oldest: 1, sql: ({ table }) => `DROP TABLE ${table}; SELECT 1/0;` };
    await expect(
      ensureTables(client, names, [STEPS[0] as Migration, broken]),
    ).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect((await session.query(`SELECT * FROM ${names.table}`)).rows).toEqual([]);
    expect((await session.query(`SELECT * FROM ${names.version}`)).rows).toEqual([
      { version: 1, oldest: 1 },
    ]);
  });
});
