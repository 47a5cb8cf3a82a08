import { errorMessage, PantheonError } from '@promethean/pantheon-core';
import type { RedisQueueBackend } from 'bullmq';
import { type Cluster, Redis, type RedisOptions } from 'ioredis';

/** How to reach Redis: exactly one of the three. */
export interface RedisAddress {
  /** Such as `redis://127.0.0.1:6379` or `rediss://user:password@host:6380/0`. The connection is ours. */
  readonly url?: string | undefined;
  /** Options of ioredis: host, port, path, TLS, password, Sentinels. The connection is ours. */
  readonly redis?: RedisOptions | undefined;
  /** A `Redis` or `Cluster` of ioredis. It stays yours: `close()` leaves it open. */
  readonly client?: Redis | Cluster | undefined;
}

/** A connection as it is used. */
export interface Live {
  readonly client: Redis | Cluster;
  readonly backend: RedisQueueBackend;
}

/** The connection of one scheduler. It exists only while somebody holds it, so that an idle scheduler keeps no process alive. */
export interface RedisLink {
  /** Keeps the connection open until the returned function is called. */
  readonly hold: () => () => void;
  /** Does something on the live connection, waiting for it to come up. Every failure is `unavailable`. */
  readonly use: <T>(what: string, act: (live: Live) => Promise<T>) => Promise<T>;
}

export interface RedisLinkOptions {
  readonly address: RedisAddress;
  readonly namespace: string;
  readonly leaseMs: number;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly report: (error: unknown) => void;
}

const invalid = (sentence: string): never => {
  throw new PantheonError('option-invalid', sentence);
};

/** Throws `option-invalid`. The address is not repeated in the error: it may contain a password. */
const requireAddress = ({ url, redis, client }: RedisAddress): void => {
  const given = [url, redis, client].filter((value) => value !== undefined).length;
  if (given !== 1) invalid(`Give exactly one of url, redis and client, not ${given} of them.`);
  if (url !== undefined && !(/^rediss?:\/\//.test(url) && URL.canParse(url)))
    invalid('url must look like redis://host:port or rediss://host:port.');
  if (client !== undefined && typeof client.defineCommand !== 'function')
    invalid('client must be a Redis or a Cluster of ioredis.');
};

const MAX_RETRY_MS = 1_000;
/** The words of ioredis. */
const TIMED_OUT = 'Command timed out';
/** Commands of one use, roughly. A client that was passed in may have no limit for each. */
const MOST_COMMANDS = 4;

/** A refusal of one of BullMQ's scripts, such as a missing lock: Redis works, and said no. */
export const isRefusal = (error: unknown): boolean =>
  typeof (error as { code?: unknown } | null)?.code === 'number';

export const makeRedisLink = (options: RedisLinkOptions): RedisLink => {
  const { address, namespace, leaseMs, connectTimeoutMs, commandTimeoutMs, report } = options;
  requireAddress(address);
  let client: Redis | Cluster | undefined;
  let live: Promise<Live> | undefined;
  let holders = 0;
  /** The outage under way was reported. */
  let isDown = false;

  const onError = (error: unknown): void => {
    if (isDown) return;
    isDown = true;
    report(unavailable('to keep the connection', error));
  };
  const onReady = (): void => {
    isDown = false;
  };

  const makeClient = (): Redis => {
    const settings: RedisOptions & { readonly replyMapping: 'legacy' } = {
      retryStrategy: (times) => Math.min(25 * 2 ** Math.min(times, 10), MAX_RETRY_MS),
      ...address.redis,
      // A command whose answer is lost must not be sent again unasked, and none may wait where nobody looks.
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      replyMapping: 'legacy',
      commandTimeout: commandTimeoutMs,
      connectTimeout: connectTimeoutMs,
    };
    return address.url === undefined ? new Redis(settings) : new Redis(address.url, settings);
  };

  const connect = async (): Promise<Live> => {
    const own = client ?? address.client ?? makeClient();
    if (client === undefined) {
      client = own;
      own.on('error', onError);
      own.on('ready', onReady);
    }
    await whenReady(own, connectTimeoutMs);
    // Not before it is needed: what BullMQ is made of looks at the machine when it is imported.
    const { createRedisBackend } = await import('bullmq');
    const settings = {
      connection: own,
      // One hash tag for all keys of the namespace, so that the scripts also work on a cluster.
      prefix: `{${namespace}}`,
      // BullMQ reads it here, although only a worker's type has it.
      lockDuration: leaseMs,
      skipVersionCheck: true,
    };
    const backend = createRedisBackend('ledger', settings);
    backend.on('error', () => undefined);
    try {
      await backend.waitUntilReady();
    } catch (error) {
      void backend.close().catch(() => undefined);
      throw error;
    }
    return { client: own, backend };
  };

  const drop = (): void => {
    const old = client;
    void live?.then(({ backend }) => backend.close()).catch(() => undefined);
    live = undefined;
    client = undefined;
    if (old === undefined) return;
    old.off('ready', onReady);
    if (address.client !== undefined) {
      old.off('error', onError);
      return;
    }
    old.disconnect();
  };

  return {
    hold: () => {
      holders += 1;
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        holders -= 1;
        if (holders === 0) drop();
      };
    },
    use: async (what, act) => {
      try {
        live ??= connect();
        const attempt = live;
        attempt.catch(() => {
          if (live === attempt) live = undefined;
        });
        return await answered(act(await attempt), MOST_COMMANDS * commandTimeoutMs);
      } catch (error) {
        if (isRefusal(error) || PantheonError.is(error)) throw error;
        // A connection that answers nothing may be half open: the next use makes another.
        if (errorMessage(error) === TIMED_OUT && address.client === undefined) drop();
        throw unavailable(what, error);
      }
    },
  };
};

const unavailable = (what: string, cause: unknown): PantheonError =>
  PantheonError.is(cause, 'unavailable')
    ? cause
    : new PantheonError(
        'unavailable',
        `Redis could not be asked ${what}: ${errorMessage(cause)}. Check that it runs and accepts writes.`,
        { cause, retryable: true },
      );

const answered = async <T>(answer: Promise<T>, limitMs: number): Promise<T> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(TIMED_OUT)), limitMs);
  });
  try {
    return await Promise.race([answer, limit]);
  } finally {
    clearTimeout(timer);
  }
};

const whenReady = async (client: Redis | Cluster, timeoutMs: number): Promise<void> => {
  if (client.status === 'ready') return;
  // Only a client that was passed in can be waiting for its first use.
  if (client.status === 'wait') void client.connect().catch(() => undefined);
  let last = new Error(`there was no connection within ${timeoutMs} ms`);
  await new Promise<void>((resolve, reject) => {
    const onError = (error: Error): void => {
      last = error;
    };
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      client.off('ready', onReady);
      client.off('end', onEnd);
      client.off('error', onError);
      act();
    };
    const onReady = (): void => settle(resolve);
    const onEnd = (): void => settle(() => reject(new Error('the connection has ended')));
    const timer = setTimeout(() => settle(() => reject(last)), timeoutMs);
    client.on('ready', onReady);
    client.on('end', onEnd);
    client.on('error', onError);
  });
};
