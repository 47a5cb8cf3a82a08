import { PGlite } from '@electric-sql/pglite';
import type { ILeasePort } from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';
import pg from 'pg';
import { makePostgresLease } from './index.ts';

const leases = makePostgresLease({
  url: 'postgres://localhost/actors',
  schema: 'pantheon',
  table: 'lease',
  maxConnections: 2,
  timers: hostTimers,
});
leases satisfies ILeasePort;
void leases.ready();
void leases
  .acquire('a', { ttlMs: 1_000 })
  .then((lease) => lease?.token satisfies string | undefined);

makePostgresLease({ pool: new pg.Pool() });
makePostgresLease({ session: new PGlite() });

// @ts-expect-error A pool lends connections.
makePostgresLease({ pool: new PGlite() });
// @ts-expect-error The term is that of a lease.
makePostgresLease({ url: 'postgres://localhost/actors', ttlMs: 1_000 });
// @ts-expect-error No such option.
makePostgresLease({ url: 'postgres://localhost/actors', now: Date.now });
