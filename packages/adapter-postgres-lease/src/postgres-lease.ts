/** Leases on PostgreSQL: names in one table, for any number of processes. */
import { performance } from 'node:perf_hooks';
import type { ILeasePort, Timers } from '@promethean/pantheon-core';
import { type LeaseStore, makeHeldLeases } from '@promethean/pantheon-core/adapter';
import { makePostgresTables, type PostgresOptions } from '@promethean/postgres-schema';
import { MIGRATIONS } from './lease-table.ts';
import { makeStatements } from './statements.ts';

export type {
  PostgresConnection,
  PostgresPool,
  PostgresSession,
  PostgresSettings,
} from '@promethean/postgres-schema';

/** Settings of `makePostgresLease`. Exactly one of `url`, `settings`, `pool` and `session` says where the database is. */
export interface PostgresLeaseOptions extends PostgresOptions {
  /** Default `lease`. A second one, with `_schema` appended, holds its version. */
  readonly table?: string | undefined;
  /** The holder's clock and timers. Default: the process's monotonic clock and its timers. */
  readonly timers?: Timers | undefined;
}

/** Leases in a table. */
export interface PostgresLease extends ILeasePort {
  /** Connects and makes the table now, not at the first call. Rejects like any call. */
  readonly ready: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Rows that are removed: after so long without a holder, so many at most at once, and the time between two looks at them. */
const [FORGOTTEN_AFTER_MS, SWEPT_AT_ONCE, SWEEP_EVERY_MS] = [3_600_000, 500, 60_000];

/**
 * Makes a lease port on PostgreSQL (12 or newer; tested on 15) or PGlite. It connects at the first call or by `ready`.
 *
 * @throws PantheonError `option-invalid` for an option that is wrong.
 */
export const makePostgresLease = (options: PostgresLeaseOptions): PostgresLease => {
  const { timers } = options;
  const tables = makePostgresTables(options, {
    what: 'lease port',
    table: 'lease',
    migrations: MIGRATIONS,
    conflict: 'unavailable',
    doubt: 'the name is free after the term at the latest',
  });
  const { call, run } = tables;
  const statements = makeStatements(tables.names);

  let sweptAt = Number.NEGATIVE_INFINITY;
  const sweep = async (): Promise<void> => {
    const at = performance.now();
    if (at - sweptAt < SWEEP_EVERY_MS) return;
    sweptAt = at;
    const [row] = await run(statements.sweep, [FORGOTTEN_AFTER_MS, SWEPT_AT_ONCE], 'again');
    // Where there were more than are removed at once, the next `acquire` goes on.
    if ((row as { readonly names: number }).names === SWEPT_AT_ONCE)
      sweptAt = Number.NEGATIVE_INFINITY;
  };

  const store: LeaseStore = {
    take: (name, nonce, ttlMs) =>
      call(async () => {
        const [row] = await run(statements.take, [name, nonce, ttlMs], 'again');
        return row === undefined ? undefined : Number((row as { readonly epoch: string }).epoch);
      }),
    renew: (name, token, ttlMs) =>
      call(async () => {
        const rows = await run(statements.renew, [name, token, ttlMs], 'again');
        return rows.length > 0;
      }),
    release: (name, token) =>
      call(async () => void (await run(statements.release, [name, token], 'again'))),
  };
  const held = makeHeldLeases(store, { timers });

  return {
    ready: () => call(async () => undefined),
    acquire: async (name, leaseOptions) => {
      const lease = await held.acquire(name, leaseOptions);
      // Beside the lease; what fails is tried again with a later one.
      call(sweep).catch(() => undefined);
      return lease;
    },
    close: async () => {
      await held.close();
      await tables.close();
    },
  };
};
