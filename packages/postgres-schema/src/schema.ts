/** The tables of an adapter: made by the first call that finds none, and brought up to date under a lock. */
import { PantheonError } from '@promethean/pantheon-core';
import { type PostgresClient, sqlState } from './postgres-client.ts';

/** The names of an adapter's tables, quoted. */
export interface TableNames {
  readonly schema: string;
  readonly table: string;
  /** The table that says in which version the others are. */
  readonly version: string;
  /** One more table or sequence: the name of `table` with `_` and this appended. */
  readonly beside: (suffix: string) => string;
}

/**
 * One step of the tables: step n brings them from version n to n + 1. A released step is never changed; a new one is appended. A step
 * only adds, so that processes of the previous release go on while a newer one is rolled out; `oldest` says so.
 */
export interface Migration {
  /** Statements, each with its semicolon. */
  readonly sql: (names: TableNames) => string;
  /** The first version whose code can work with tables of this version. */
  readonly oldest: number;
}

/** The longest name of PostgreSQL has 63 bytes; our names of tables and indexes append to it. */
const NAME = /^[a-z_][a-z0-9_]{0,47}$/;
const UNDEFINED_TABLE = '42P01';
/** A table of ours that has not our column, or no row; a table that is there before we make it. */
const FOREIGN = ['42703', 'P0002', '42P07'];

/** Quotes the names of a schema and a table. Throws `option-invalid`. */
export const namesOf = (schema: string, table: string): TableNames => {
  for (const [option, name] of Object.entries({ schema, table })) {
    if (typeof name === 'string' && NAME.test(name)) continue;
    throw new PantheonError(
      'option-invalid',
      `${option} must be 1 to 48 characters of a-z, 0-9 and _, and not begin with a digit; it is ${JSON.stringify(name)}.`,
    );
  }
  const beside = (suffix: string): string => `"${schema}"."${table}_${suffix}"`;
  return {
    schema: `"${schema}"`,
    table: `"${schema}"."${table}"`,
    version: beside('schema'),
    beside,
  };
};

/**
 * One statement, and so one transaction, for all that is missing. `IF NOT EXISTS` would ask for the right to create before it looks;
 * this way a user without that right can use what is there. The lock is the schema's, because several adapters share one.
 */
const migration = (names: TableNames, migrations: readonly Migration[]): string => `
DO $pantheon$
DECLARE
  present integer;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('pantheon ${names.schema}', 0));
  IF to_regnamespace('${names.schema}') IS NULL THEN
    CREATE SCHEMA ${names.schema};
  END IF;
  IF to_regclass('${names.version}') IS NULL THEN
    CREATE TABLE ${names.version} (version integer NOT NULL, oldest integer NOT NULL);
    INSERT INTO ${names.version} VALUES (0, 0);
  END IF;
  SELECT version INTO STRICT present FROM ${names.version};
  ${migrations
    .map(
      ({ sql, oldest }, index) => `
  IF present <= ${index} THEN
    ${sql(names)}
    UPDATE ${names.version} SET version = ${index + 1}, oldest = ${oldest};
  END IF;`,
    )
    .join('')}
END
$pantheon$`;

/** Makes sure that the tables are there, in a version that this code can work with. */
export const ensureTables = async (
  { run }: Pick<PostgresClient, 'run'>,
  names: TableNames,
  migrations: readonly Migration[],
): Promise<void> => {
  const known = migrations.length;
  /** An error of a statement on the tables. */
  const stateOf = (error: unknown): string | undefined => sqlState((error as PantheonError).cause);
  const find = async (): Promise<{ version: number; oldest: number } | undefined> => {
    try {
      const [row] = await run(`SELECT version, oldest FROM ${names.version}`, [], 'none');
      return row as { version: number; oldest: number } | undefined;
    } catch (error) {
      if (stateOf(error) === UNDEFINED_TABLE) return undefined;
      throw error;
    }
  };
  const bringUpToDate = async (): Promise<{ version: number; oldest: number }> => {
    try {
      if (((await find())?.version ?? 0) < known)
        await run(migration(names, migrations), [], 'none');
      return (await find()) ?? { version: known, oldest: known };
    } catch (error) {
      if (!FOREIGN.includes(stateOf(error) ?? '')) throw error;
      throw new PantheonError(
        'option-invalid',
        `A table of another program has the name of ${names.table} or of one beside it; give another schema or table.`,
        { cause: error },
      );
    }
  };
  const { version, oldest } = await bringUpToDate();
  if (oldest <= known) return;
  throw new PantheonError(
    'option-invalid',
    `The table ${names.table} was written by a newer release of this package (version ${version}, known ${known}); update the package.`,
    { details: { version, oldest, known } },
  );
};
