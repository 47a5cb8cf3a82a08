/** What the tests of this package share. */
import type { ActorScript } from '@promethean/pantheon-core';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { makePostgresState, type PostgresState, type PostgresStateOptions } from '../src/index.ts';

export const clerk: ActorScript = { name: 'clerk', version: '1', contextSources: [], talents: [] };

let schemas = 0;
/** A name that no other test of this or another process uses. */
export const freshSchema = (): string => {
  schemas += 1;
  return `test_${process.pid}_${schemas}`;
};

/** Runs statements with a connection of their own, as another program would. */
export const withClient = async <Result>(
  url: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> => {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
};

export const dropSchema = (url: string, schema: string): Promise<unknown> =>
  withClient(url, (client) => client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`));

/** A state in a schema of its own; after the test, both are gone. */
export const makeState = (
  url: string,
  options: Partial<PostgresStateOptions> = {},
): PostgresState & { readonly schema: string } => {
  const { schema = freshSchema() } = options;
  const source =
    options.pool === undefined && options.session === undefined && options.settings === undefined;
  const state = makePostgresState({
    scripts: [clerk],
    ...(source && { url }),
    ...options,
    schema,
  });
  onTestFinished(async () => {
    await state.close();
    await dropSchema(url, schema);
  });
  return { ...state, schema };
};
