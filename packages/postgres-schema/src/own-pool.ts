/** A pool of pg that we make, with a bound on everything that could take for ever, and that we end. */
import { createHash } from 'node:crypto';
import type { PoolClient } from 'pg';
import {
  type Lender,
  lendFrom,
  type PostgresConnection,
  type PostgresSettings,
} from './connection.ts';

/** How long `close` waits for the server's part of the goodbye. */
const GOODBYE_MS = 2_000;
/** A cancelled statement is answered by the server; only when even that does not come the connection is given up. */
const ANSWER_MS = 2_000;
const IDLE_IN_TRANSACTION_MS = 5_000;
/** A timer takes a longer time for none at all, and so would what is added to this one. */
const LONGEST_MS = 2_147_483_647 - ANSWER_MS;

/** Settings of `makeOwnPool`. */
export interface OwnPoolOptions {
  readonly url: string | undefined;
  readonly settings: PostgresSettings | undefined;
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
}

/** A connection of pg as far as it must be ended by force. */
interface Endable {
  readonly connection?: { readonly stream?: { readonly destroy: () => void } };
}

const names = new Map<string, string>();
/** What a connection remembers a statement by. */
const nameOf = (text: string): string => {
  let name = names.get(text);
  if (name === undefined) {
    name = `pantheon_${createHash('sha256').update(text).digest('hex').slice(0, 24)}`;
    names.set(text, name);
  }
  return name;
};

/** A connection that has each statement with values analysed once: there are few of them, and they are always the same. */
const prepared = (connection: PostgresConnection): PostgresConnection => ({
  query: (text, values) =>
    values === undefined || values.length === 0
      ? connection.query(text)
      : (connection as unknown as PoolClient).query({ name: nameOf(text), text, values }),
  release: (destroy) => connection.release(destroy),
  on: (event, listener) => connection.on(event, listener),
  off: (event, listener) => connection.off(event, listener),
});

/** A pool that connects when it is first asked for a connection; pg itself is loaded then. */
export const makeOwnPool = ({
  url,
  settings,
  maxConnections,
  connectTimeoutMs,
  statementTimeoutMs,
}: OwnPoolOptions): Lender => {
  const open = new Set<Endable>();
  const statementMs = Math.min(statementTimeoutMs, LONGEST_MS);

  const start = async () => {
    const { default: pg } = await import('pg');
    const pool = new pg.Pool({
      ...settings,
      ...(url !== undefined && { connectionString: url }),
      max: maxConnections,
      connectionTimeoutMillis: Math.min(connectTimeoutMs, LONGEST_MS),
      statement_timeout: statementMs,
      query_timeout: statementMs + ANSWER_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      keepAlive: true,
      application_name: 'pantheon',
    });
    // An idle connection that breaks is replaced at the next call; that is nobody's failure.
    pool.on('error', () => undefined);
    pool.on('connect', (client) => open.add(client as unknown as Endable));
    pool.on('remove', (client) => open.delete(client as unknown as Endable));
    return pool;
  };
  let started: ReturnType<typeof start> | undefined;

  return {
    lend: async () => {
      started ??= start();
      return prepared(await lendFrom(await started));
    },
    end: async () => {
      const pool = await started;
      if (pool === undefined || pool.ending) return;
      const gone = new Promise<void>((resolve) => {
        const check = (): void => {
          if (open.size === 0) resolve();
        };
        pool.on('remove', check);
        setImmediate(check);
      });
      await pool.end();
      // A peer that does not answer any more would keep its socket, and with it the process.
      const giveUp = setTimeout(() => {
        for (const { connection } of open) connection?.stream?.destroy();
      }, GOODBYE_MS);
      await gone;
      clearTimeout(giveUp);
    },
  };
};
