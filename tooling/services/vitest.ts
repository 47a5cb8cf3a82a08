/** Suites that need a server. Where there is none they are skipped, counted and named at the end; in CI they fail. */
import { afterAll, beforeAll, describe } from 'vitest';
import {
  hasPostgres,
  POSTGRES_URL,
  type Postgres,
  startPostgres,
  type PostgresOptions,
} from './postgres.ts';
import { hasRedisCluster, type RedisCluster, startRedisCluster } from './redis-cluster.ts';
import { hasRedis, REDIS_URL, type Redis, type RedisOptions, startRedis } from './redis.ts';

/** The names of suites without a server end with this and the server's name; the summary of a run reads it. */
export const MISSING = 'needs ';

interface Server {
  readonly close: () => Promise<void>;
}

const describeWith = <S extends Server>(
  name: string,
  server: string,
  isThere: boolean,
  start: () => Promise<S>,
  body: (server: () => S) => void,
): void => {
  const isRun = isThere || process.env['CI'] !== undefined;
  describe.skipIf(!isRun)(isThere ? name : `${name} (${MISSING}${server})`, () => {
    let running: S | undefined;
    beforeAll(async () => {
      if (!isThere) throw new Error(`${server} is not installed; in CI that is a failure.`);
      running = await start();
    }, 60_000);
    afterAll(() => running?.close());
    body(() => running as S);
  });
};

const nothing = async (): Promise<void> => undefined;

/** A suite on a private Redis, which it may stop and start. */
export const describeWithRedisServer = (
  name: string,
  body: (redis: () => Redis) => void,
  options?: RedisOptions,
): void => describeWith(name, 'redis-server', hasRedis(), () => startRedis(options), body);

/** A suite on a private Redis Cluster of three nodes. */
export const describeWithRedisCluster = (
  name: string,
  body: (cluster: () => RedisCluster) => void,
  options?: Pick<RedisOptions, 'args'>,
): void =>
  describeWith(name, 'redis-server', hasRedisCluster(), () => startRedisCluster(options), body);

/** A suite on a Redis that it shares: the one that `PANTHEON_REDIS_URL` names, or a private one. */
export const describeWithRedis = (
  name: string,
  body: (redis: () => Pick<Redis, 'url' | 'close'>) => void,
): void => {
  const url = process.env[REDIS_URL];
  const start = async (): Promise<Pick<Redis, 'url' | 'close'>> =>
    url === undefined ? startRedis() : { url, close: nothing };
  describeWith(name, 'redis-server', url !== undefined || hasRedis(), start, body);
};

/** A suite on a private PostgreSQL, which it may stop and start. */
export const describeWithPostgresServer = (
  name: string,
  body: (postgres: () => Postgres) => void,
  options?: PostgresOptions,
): void => describeWith(name, 'postgresql', hasPostgres(), () => startPostgres(options), body);

/** A suite on a PostgreSQL that it shares: the one that `PANTHEON_POSTGRES_URL` names, or a private one. */
export const describeWithPostgres = (
  name: string,
  body: (postgres: () => Pick<Postgres, 'url' | 'close'>) => void,
): void => {
  const url = process.env[POSTGRES_URL];
  const start = async (): Promise<Pick<Postgres, 'url' | 'close'>> =>
    url === undefined ? startPostgres({ settings: { fsync: 'off' } }) : { url, close: nothing };
  describeWith(name, 'postgresql', url !== undefined || hasPostgres(), start, body);
};

/** Ports that are closed when the suite around the call has ended. */
export const closedAfterAll = (): (<P extends Server>(port: P) => P) => {
  const opened: Server[] = [];
  afterAll(async () => {
    for (const port of opened) await port.close();
  });
  return (port) => {
    opened.push(port);
    return port;
  };
};

/** An error of a port. */
interface Failure extends Error {
  readonly code: string;
  readonly retryable: boolean;
}

/** The error of a call that must fail. */
export const failureOf = (call: Promise<unknown>): Promise<Failure> =>
  call.then(
    () => {
      throw new Error('The call should have failed.');
    },
    (error: unknown) => error as Failure,
  );
