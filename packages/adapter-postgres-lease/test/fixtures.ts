/** What the tests of this package share. */
import type { ILeasePort, Lease, LeaseOptions, Timers } from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';
import { dropSchema, freshSchema } from '@promethean/services/schemas';
import { expect, onTestFinished } from 'vitest';
import { makePostgresLease, type PostgresLease, type PostgresLeaseOptions } from '../src/index.ts';

/** The timers of a process that stands still: its clock runs on, and nothing is ever called. */
export const STALLED: Timers = { ...hostTimers, set: () => undefined, clear: () => undefined };

/** Leases in a schema of their own; after the test, both are gone. */
export const makeLeases = async (
  url: string,
  options: PostgresLeaseOptions = {},
): Promise<PostgresLease & { readonly schema: string }> => {
  const { schema = freshSchema() } = options;
  const isElsewhere = [options.url, options.pool, options.session].some(
    (source) => source !== undefined,
  );
  const leases = makePostgresLease({ ...(!isElsewhere && { url }), ...options, schema });
  onTestFinished(async () => {
    await leases.close();
    await dropSchema(url, schema);
  });
  await leases.ready();
  return { ...leases, schema };
};

/** Acquires a name that must be free. */
export const taken = async (
  port: ILeasePort,
  name: string,
  options?: LeaseOptions,
): Promise<Lease> => {
  const lease = await port.acquire(name, options);
  expect(lease).toBeDefined();
  return lease as Lease;
};

/** Acquires a name as soon as it is free. */
export const takenOver = async (
  port: ILeasePort,
  name: string,
  options?: LeaseOptions,
): Promise<Lease> => {
  let lease: Lease | undefined;
  await expect
    .poll(async () => (lease = await port.acquire(name, options)), {
      timeout: 30_000,
      interval: 20,
    })
    .toBeDefined();
  return lease as unknown as Lease;
};
