import { setTimeout as pause } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import { importSuite, leaseSuite, type LeaseHarness } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { startProxy } from '@promethean/services';
import { dropSchema, freshSchema } from '@promethean/services/schemas';
import { describeWithPostgres } from '@promethean/services/vitest';
import { afterAll, beforeAll, describe } from 'vitest';
import { STALLED } from '../test/fixtures.ts';
import {
  makePostgresLease,
  type PostgresLease,
  type PostgresLeaseOptions,
  type PostgresSession,
} from './index.ts';

/** How the port under test comes to the database, and how it is cut off from it. */
interface Way extends Pick<LeaseHarness, 'cut' | 'mend'> {
  readonly source: Partial<PostgresLeaseOptions>;
  readonly end: () => Promise<void>;
}

const harnessOn = async (
  way: Way,
  source: Pick<PostgresLeaseOptions, 'url' | 'session'>,
  drop: (schema: string) => Promise<unknown>,
): Promise<LeaseHarness> => {
  const schema = freshSchema();
  const ports: PostgresLease[] = [];
  // Terms are short: what is measured is a lease, and not how long a table takes.
  const open = async (options: PostgresLeaseOptions): Promise<PostgresLease> => {
    const port = makePostgresLease({ ...options, schema });
    ports.push(port);
    await port.ready();
    return port;
  };
  return {
    leases: await open({ ...source, ...way.source }),
    another: ({ isStalled = false } = {}) =>
      open({ ...source, ...(isStalled && { timers: STALLED }) }),
    now: () => performance.now(),
    advance: (ms) => pause(ms),
    ttlMs: 1_000,
    cut: way.cut,
    mend: way.mend,
    supports: ['close'],
    close: async () => {
      await way.mend();
      await Promise.all(ports.map((port) => port.close()));
      await way.end();
      await drop(schema);
    },
  };
};

/** Through a proxy that the network can be taken from. */
const overProxy = async (url: string): Promise<Way> => {
  const proxy = await startProxy(Number(new URL(url).port));
  return {
    source: {
      url: String(Object.assign(new URL(url), { port: `${proxy.port}` })),
      statementTimeoutMs: 500,
      connectTimeoutMs: 3_000,
    },
    cut: (how) => {
      proxy.set({ kind: 'blackhole' });
      if (how === 'fails') proxy.cut();
    },
    // What was on its way is lost, and so are the connections that it was on.
    mend: () => {
      proxy.set({ kind: 'pass' });
      proxy.cut();
    },
    end: proxy.close,
  };
};

describeWithPostgres('makePostgresLease on a server', (postgres) => {
  describeContract('keeps the contract of ILeasePort', leaseSuite, async () => {
    const { url } = postgres();
    return harnessOn(await overProxy(url), { url }, (schema) => dropSchema(url, schema));
  });
});

/** A session that can be away. */
const overSwitch = (session: PostgresSession): Way => {
  let how: 'fails' | 'hangs' | undefined;
  let waiting: (() => void)[] = [];
  const query: PostgresSession['query'] = async (...statement) => {
    if (how === 'hangs') await new Promise<void>((resolve) => waiting.push(resolve));
    else if (how === undefined) return session.query(...statement);
    throw new Error('The session is away.');
  };
  return {
    source: { session: { query } },
    cut: (next) => {
      how = next;
    },
    mend: () => {
      how = undefined;
      for (const resolve of waiting) resolve();
      waiting = [];
    },
    end: async () => undefined,
  };
};

describe('makePostgresLease on PGlite', () => {
  let session: PGlite;
  beforeAll(async () => {
    session = await PGlite.create();
  }, 60_000);
  afterAll(() => session.close());
  describeContract('keeps the contract of ILeasePort', leaseSuite, () =>
    harnessOn(overSwitch(session), { session }, (schema) =>
      session.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`),
    ),
  );
});

describeContract('the import of adapter-postgres-lease', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: ['--conditions=@promethean/source'],
}));
