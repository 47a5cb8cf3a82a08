/** Schemas of a test on a PostgreSQL that it shares with others. */
import pg from 'pg';

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
