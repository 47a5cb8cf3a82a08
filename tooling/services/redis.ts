/** A private Redis. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBinary, freePort, type ServerProcess, startServer } from './server-process.ts';

/** The environment variable that names a running Redis to test against. Its data may be changed by the tests. */
export const REDIS_URL = 'PANTHEON_REDIS_URL';

export interface RedisOptions {
  /** Further arguments of `redis-server`, such as `['--appendonly', 'yes']`. Default: no persistence. */
  readonly args?: readonly string[];
  /** Default: one that is free. */
  readonly port?: number;
}

/** A Redis of our own. */
export interface Redis {
  readonly url: string;
  readonly port: number;
  readonly pid: () => number;
  /** Ends the process at once, as a crash does. */
  readonly kill: () => Promise<void>;
  /** Starts it again after `kill`, on the same port and data. */
  readonly start: () => Promise<void>;
  /** Ends it and removes its data. */
  readonly close: () => Promise<void>;
}

const binary = (): string | undefined => findBinary('redis-server');

/** Whether `startRedis` can work here. */
export const hasRedis = (): boolean => binary() !== undefined;

/** Starts a Redis on a free port of 127.0.0.1. */
export const startRedis = async ({
  args = [],
  port: wanted,
}: RedisOptions = {}): Promise<Redis> => {
  const file = binary();
  if (file === undefined) throw new Error('There is no redis-server on this machine.');
  const folder = mkdtempSync(join(tmpdir(), 'pantheon-redis-'));
  const port = wanted ?? (await freePort());
  let server: ServerProcess | undefined;
  const start = async (): Promise<void> => {
    server = await startServer({
      file,
      args: ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', ...args],
      log: join(folder, 'log'),
      ready: /Ready to accept connections/,
    });
  };
  await start();
  const kill = async (): Promise<void> => server?.end('SIGKILL');
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: () => (server as ServerProcess).pid,
    kill,
    start,
    close: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
