/** The tables of one adapter, and the life of its connections. */
import { PantheonError } from '@promethean/pantheon-core';
import { requireWhole } from '@promethean/pantheon-core/adapter';
import {
  borrowPool,
  borrowSession,
  type Lender,
  type PostgresPool,
  type PostgresSession,
  type PostgresSettings,
} from './connection.ts';
import { makeOwnPool } from './own-pool.ts';
import { makePostgresClient, type PostgresClient, type PostgresErrors } from './postgres-client.ts';
import { ensureTables, type Migration, namesOf, type TableNames } from './schema.ts';

/** Where the database is, and how to use it. Exactly one of `url`, `settings`, `pool` and `session` says where. */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url?: string | undefined;
  readonly settings?: PostgresSettings | undefined;
  /** A `Pool` of pg. It is not closed; its timeouts are yours. */
  readonly pool?: PostgresPool | undefined;
  /** A PGlite, or anything that runs one statement after the other. It is not closed. */
  readonly session?: PostgresSession | undefined;
  /** Made by the first call where it does not exist. Default `pantheon`. */
  readonly schema?: string | undefined;
  /** The name of the adapter's table. Others begin with it: the one that ends in `_schema` holds the version. */
  readonly table?: string | undefined;
  /** With `url` or `settings`. Default 10. */
  readonly maxConnections?: number | undefined;
  /** With `url` or `settings`: milliseconds until a connection must be free or made. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** With `url` or `settings`: milliseconds after which the server cancels a statement, waiting for locks included. Default 10,000. */
  readonly statementTimeoutMs?: number | undefined;
  /** How often a statement is tried that other transactions were in the way of, or whose connection broke where that is safe. Default 8. */
  readonly maxAttempts?: number | undefined;
}

/** What an adapter tells about its tables. */
export interface PostgresTablesKind extends PostgresErrors {
  /** What the adapter is, in sentences: `state port`. */
  readonly what: string;
  /** The table's name where the options give none. */
  readonly table: string;
  readonly migrations: readonly Migration[];
}

/** The tables of one adapter. */
export interface PostgresTables extends PostgresClient {
  readonly names: TableNames;
  /** Runs a call when the tables are there; `close` waits for it. Rejects with `closed` after `close`. */
  readonly call: <Result>(work: () => Promise<Result>) => Promise<Result>;
  /** Waits for the calls that were accepted, then ends the connections that were made here. */
  readonly close: () => Promise<void>;
}

const optionInvalid = (message: string): PantheonError =>
  new PantheonError('option-invalid', message);

/** How to get a connection, by the one option that says it. */
const lenderOf = (
  { url, settings, pool, session }: PostgresOptions,
  limits: Readonly<Record<'maxConnections' | 'connectTimeoutMs' | 'statementTimeoutMs', number>>,
): Lender & { readonly server: string } => {
  const given = [url, settings, pool, session].filter((option) => option !== undefined);
  if (given.length !== 1)
    throw optionInvalid('Give exactly one of url, settings, pool and session.');
  if (pool !== undefined) return { ...borrowPool(pool), server: 'PostgreSQL' };
  if (session !== undefined) return { ...borrowSession(session), server: 'PostgreSQL' };
  const parsed = url === undefined ? undefined : URL.parse(url);
  if (url !== undefined && !/^postgres(ql)?:$/.test(parsed?.protocol ?? ''))
    throw optionInvalid('url must be of the form postgres://user:password@host:port/database.');
  const { port } = settings ?? {};
  // pg would wait for ever for one that is not a number.
  if (port !== undefined && (!Number.isInteger(port) || port < 1 || port > 65_535))
    throw optionInvalid(
      `settings.port must be a whole number from 1 to 65535, not ${String(port)}.`,
    );
  const address = parsed?.host ?? [settings?.host, settings?.port].filter(Boolean).join(':');
  return {
    ...makeOwnPool({ url, settings, ...limits }),
    server: address === '' ? 'PostgreSQL' : `PostgreSQL at ${address}`,
  };
};

/**
 * Makes the tables of an adapter, and what runs statements on them. Nothing connects before the first call.
 *
 * @throws PantheonError `option-invalid` for an option that is wrong.
 */
export const makePostgresTables = (
  options: PostgresOptions,
  { what, migrations, ...kind }: PostgresTablesKind,
): PostgresTables => {
  const {
    schema = 'pantheon',
    table = kind.table,
    maxConnections = 10,
    connectTimeoutMs = 10_000,
    statementTimeoutMs = 10_000,
    maxAttempts = 8,
  } = options;
  const limits = { maxConnections, connectTimeoutMs, statementTimeoutMs };
  requireWhole({ ...limits, maxAttempts }, 1);
  const names = namesOf(schema, table);
  const lender = lenderOf(options, limits);
  const client = makePostgresClient({
    ...lender,
    maxAttempts,
    repeatForMs: statementTimeoutMs,
    errors: kind,
  });

  let closing: Promise<void> | undefined;
  const accepted = new Set<Promise<unknown>>();
  let tables: Promise<void> | undefined;
  const prepare = async (): Promise<void> => {
    tables ??= ensureTables(client, names, migrations);
    try {
      await tables;
    } catch (error) {
      // The next call tries again.
      tables = undefined;
      throw error;
    }
  };

  return {
    ...client,
    names,
    call: async (work) => {
      if (closing !== undefined) throw new PantheonError('closed', `The ${what} is closed.`);
      const call = prepare().then(work);
      accepted.add(call);
      try {
        return await call;
      } finally {
        accepted.delete(call);
      }
    },
    close: () => {
      closing ??= Promise.allSettled(accepted).then(() => lender.end());
      return closing;
    },
  };
};
