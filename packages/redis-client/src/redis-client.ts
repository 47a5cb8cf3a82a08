import { PantheonError } from '@promethean/pantheon-core';
import { Redis, type RedisOptions } from 'ioredis';

/** What is used of ioredis. `Redis` and `Cluster` have it. */
export interface RedisClient {
  readonly status: string;
  readonly connect: () => Promise<void>;
  readonly disconnect: () => void;
  readonly evalsha: (sha: string, keys: number, ...args: string[]) => Promise<unknown>;
  readonly eval: (script: string, keys: number, ...args: string[]) => Promise<unknown>;
  readonly get: (key: string) => Promise<string | null>;
  readonly mget: (...keys: string[]) => Promise<(string | null)[]>;
  readonly info: (section: string) => Promise<string>;
  readonly on: (event: 'ready' | 'end' | 'error', listener: (error: Error) => void) => unknown;
  readonly off: (event: 'ready' | 'end' | 'error', listener: (error: Error) => void) => unknown;
}

/** How to reach Redis: exactly one of the three. */
export interface RedisAddress {
  /** Such as `redis://127.0.0.1:6379` or `rediss://user:password@host:6380/0`. The connection is ours. */
  readonly url?: string | undefined;
  /** Options of ioredis: host, port, path, TLS, password, Sentinels. The connection is ours. */
  readonly redis?: RedisOptions | undefined;
  /** A `Redis` or `Cluster` of ioredis. It stays yours: `close()` leaves it open. */
  readonly client?: RedisClient | undefined;
}

/** A client, and whether it is ours to close. */
export interface OpenedClient {
  readonly client: RedisClient;
  readonly own: boolean;
}

const invalid = (sentence: string): never => {
  throw new PantheonError('option-invalid', sentence);
};

const MAX_RETRY_MS = 1_000;

/** Nothing is sent twice or kept for later behind our back, and a connection without answers is given up. */
const settings = (timeoutMs: number): RedisOptions & { readonly replyMapping: 'legacy' } => ({
  lazyConnect: true,
  autoResendUnfulfilledCommands: false,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  // Closing does not wait for a peer that has gone silent.
  disconnectTimeout: 100,
  replyMapping: 'legacy',
  // Half of the time of a call, so that the other half is left for a new connection.
  socketTimeout: Math.ceil(timeoutMs / 2),
});

const DEFAULTS: RedisOptions = {
  retryStrategy: (times) => Math.min(25 * 2 ** Math.min(times, 10), MAX_RETRY_MS),
};

/** Makes or takes the client; nothing connects yet. Throws `option-invalid`. */
export const openRedisClient = (
  { url, redis, client }: RedisAddress,
  timeoutMs: number,
): OpenedClient => {
  const given = [url, redis, client].filter((value) => value !== undefined).length;
  if (given !== 1) invalid(`Give exactly one of url, redis and client, not ${given} of them.`);
  if (client !== undefined) {
    if (typeof client.evalsha !== 'function')
      invalid('client must be a Redis or a Cluster of ioredis.');
    return { client, own: false };
  }
  // The address is not repeated in the error: it may contain a password.
  if (url !== undefined && !(/^rediss?:\/\//.test(url) && URL.canParse(url)))
    invalid('url must look like redis://host:port or rediss://host:port.');
  const options = { ...DEFAULTS, ...redis, ...settings(timeoutMs) };
  const made = url === undefined ? new Redis(options) : new Redis(url, options);
  // Its errors reach those who wait for a connection; without a listener they would be printed.
  made.on('error', () => undefined);
  return { client: made, own: true };
};
