/** Connections to Redis: the slice of ioredis that is used, and how a connection is made, watched and made again. */
import { PantheonError } from '@promethean/pantheon-core';
import { Cluster, type ClusterNode, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import { Unsent } from './failure.ts';
import type { Script } from './lua.ts';

/** How to reach Redis: exactly one of the four. */
export interface RedisAddress {
  /** Such as `redis://127.0.0.1:6379` or `rediss://user:password@host:6380/0`. */
  readonly url?: string | undefined;
  /** Options of ioredis: host, port, path, TLS, user and password, Sentinels. */
  readonly redis?: RedisOptions | undefined;
  /** A Redis Cluster. A namespace is one hash slot of it. */
  readonly cluster?:
    | { readonly nodes: readonly ClusterNode[]; readonly options?: ClusterOptions | undefined }
    | undefined;
  /** A `Redis` or `Cluster` of ioredis as a pattern: the bus makes its own connections with its settings, and leaves it alone. */
  readonly client?: Redis | Cluster | undefined;
}

/** What is used of a client; `Redis` and `Cluster` have it. */
interface RedisClient {
  readonly status: string;
  readonly connect: () => Promise<void>;
  readonly disconnect: () => void;
  readonly call: (command: string, ...args: (string | number)[]) => Promise<unknown>;
  readonly on: (event: string, listener: (error?: unknown) => void) => unknown;
}

/** Makes a client that has not connected yet. `silenceMs`: a connection that owes an answer for longer is given up. */
export type MakeClient = (silenceMs: number) => RedisClient;

const invalid = (sentence: string): never => {
  throw new PantheonError('option-invalid', sentence);
};

/**
 * Nothing is sent twice or kept for later behind our back, and a connection that ends stays ended: the link makes the next one,
 * so that there is one place that decides when to try again.
 */
const settings = (silenceMs: number): RedisOptions & { readonly replyMapping: 'legacy' } => ({
  lazyConnect: true,
  autoResendUnfulfilledCommands: false,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  maxRetriesPerRequest: 0,
  retryStrategy: null,
  connectTimeout: silenceMs,
  socketTimeout: silenceMs,
  disconnectTimeout: 100,
  keyPrefix: '',
  protocol: 2,
  replyMapping: 'legacy',
});

const WRAPPED = /^Too many Cluster redirections\. Last error: (?:\w+: )?/;

/** The error itself: where it may not send a command on, a Cluster of ioredis has words of its own before every error. */
const answered = (error: unknown): unknown =>
  error instanceof Error && WRAPPED.test(error.message)
    ? new Error(error.message.replace(WRAPPED, ''), { cause: error })
    : error;

const clusterSettings = (
  options: ClusterOptions,
  silenceMs: number,
): Omit<ClusterOptions, 'redisOptions'> & {
  redisOptions: NonNullable<ClusterOptions['redisOptions']> & { replyMapping: 'legacy' };
} => {
  const { retryStrategy: _, enableOfflineQueue: __, ...node } = settings(silenceMs);
  return {
    ...options,
    lazyConnect: true,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    clusterRetryStrategy: null,
    keyPrefix: '',
    // A replica lags behind.
    scaleReads: 'master',
    // Nothing is sent on or again behind our back. Besides, ioredis leaves the promise of an ASKING alone: were that connection to end, so would the process.
    retryDelayOnFailover: 0,
    maxRedirections: 0,
    redisOptions: { ...options.redisOptions, ...node },
  };
};

const requireUrl = (url: string): void => {
  if (/^rediss?:\/\//.test(url) && URL.canParse(url)) return;
  invalid('url must look like redis://host:port or rediss://host:port.');
};

/** Reads where Redis is. Throws `option-invalid`. */
export const readAddress = ({ url, redis, cluster, client }: RedisAddress): MakeClient => {
  const given = [url, redis, cluster, client].filter((value) => value !== undefined).length;
  if (given !== 1)
    invalid(`Give exactly one of url, redis, cluster and client, not ${given} of them.`);
  if (url !== undefined) {
    requireUrl(url);
    return (silenceMs) => new Redis(url, settings(silenceMs));
  }
  if (redis !== undefined) return (silenceMs) => new Redis({ ...redis, ...settings(silenceMs) });
  if (cluster !== undefined) {
    if (!Array.isArray(cluster.nodes) || cluster.nodes.length === 0)
      invalid('cluster.nodes must name at least one node.');
    return (silenceMs) =>
      new Cluster([...cluster.nodes], clusterSettings(cluster.options ?? {}, silenceMs));
  }
  if (client instanceof Cluster)
    return (silenceMs) => client.duplicate(undefined, clusterSettings(client.options, silenceMs));
  if (typeof client?.duplicate !== 'function')
    return invalid('client must be a Redis or a Cluster of ioredis.');
  return (silenceMs) => client.duplicate(settings(silenceMs));
};

/** Settings of a link. */
export interface LinkOptions {
  readonly makeClient: MakeClient;
  readonly silenceMs: number;
  readonly maxReconnectDelayMs: number;
  /** A connection is ready. What it rejects with ends the connection, and it is tried again later. */
  readonly onUp: (link: Link) => Promise<void>;
  readonly onDown: () => void;
}

/** One connection that is made again, whatever happens to it. */
export interface Link {
  /** Connects, unless it has begun to. */
  readonly start: () => void;
  /** Whether there is a connection. */
  readonly isConnected: () => boolean;
  /** Sends a command. Rejects with `Unsent` where there is no connection. */
  readonly call: (command: string, ...args: (string | number)[]) => Promise<unknown>;
  /** Runs a script. */
  readonly run: (
    script: Script,
    key: string,
    args: readonly (string | number)[],
  ) => Promise<unknown>;
  /** Gives the connection up, and makes another. */
  readonly reset: (reason: unknown) => void;
  /** What went wrong last. */
  readonly problem: () => unknown;
  /** Connections that were ready, so far. */
  readonly connections: () => number;
  readonly close: () => Promise<void>;
}

const FIRST_DELAY_MS = 50;
/** A connection that lasted so long was a good one. */
const STEADY_MS = 1_000;
/** Sockets close at once; a client that never says so shall not hold up a `close`. */
const END_MS = 2_000;

/** Keeps one connection. Tries again after 50 ms, then after twice as long each time. */
export const makeLink = (options: LinkOptions): Link => {
  const { makeClient, silenceMs, maxReconnectDelayMs, onUp, onDown } = options;
  let client: RedisClient | undefined;
  let isReady = false;
  let isStarted = false;
  let isClosed = false;
  let failures = 0;
  let connections = 0;
  let upSince = 0;
  let problem: unknown;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = new Set<(error: unknown) => void>();
  const ending = new Set<Promise<void>>();

  const call = (command: string, ...args: (string | number)[]): Promise<unknown> => {
    const current = client;
    if (current === undefined || !isReady) return Promise.reject(new Unsent('is not connected'));
    return new Promise((resolve, reject) => {
      // A client that was given up may answer never; whoever waits is told at once.
      open.add(reject);
      current.call(command, ...args).then(
        (value) => {
          open.delete(reject);
          resolve(value);
        },
        (error: unknown) => {
          open.delete(reject);
          reject(answered(error));
        },
      );
    });
  };

  const drop = (reason: unknown): void => {
    const old = client;
    client = undefined;
    const wasReady = isReady;
    isReady = false;
    problem = reason;
    // A connection that breaks as soon as it is there counts as one that did not come about.
    if (wasReady && performance.now() - upSince >= STEADY_MS) failures = 0;
    if (old !== undefined && old.status !== 'end') {
      const ended = new Promise<void>((resolve) => {
        old.on('end', () => resolve());
        old.disconnect();
      }).then(() => void ending.delete(ended));
      ending.add(ended);
    }
    for (const reject of open) reject(reason);
    open.clear();
    if (wasReady) onDown();
    if (isClosed || timer !== undefined) return;
    const delay = Math.min(FIRST_DELAY_MS * 2 ** Math.min(failures, 20), maxReconnectDelayMs);
    failures += 1;
    timer = setTimeout(connect, delay * (0.8 + 0.4 * Math.random()));
  };

  const connect = (): void => {
    timer = undefined;
    const fresh = makeClient(silenceMs);
    client = fresh;
    let last: unknown;
    fresh.on('error', (error) => {
      last = error;
    });
    fresh.on('end', () => {
      if (client === fresh) drop(last ?? new Error('the connection to Redis ended'));
    });
    fresh.on('ready', () => {
      if (client !== fresh || isReady) return;
      isReady = true;
      connections += 1;
      upSince = performance.now();
      onUp(link).catch((error: unknown) => {
        if (client === fresh) drop(error);
      });
    });
    fresh.connect().catch((error: unknown) => {
      if (client === fresh) drop(last ?? error);
    });
  };

  const link: Link = {
    start: () => {
      if (isStarted || isClosed) return;
      isStarted = true;
      connect();
    },
    isConnected: () => isReady,
    call,
    run: async ({ sha, lua }, key, args) => {
      // While a Cluster moves the slot, two keys that never exist make every node refuse the script (TRYAGAIN). With one, the new node would
      // run it on those keys that have arrived already.
      const keys = [key, `${key}#`];
      try {
        return await call('evalsha', sha, keys.length, ...keys, ...args);
      } catch (error) {
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
        return call('eval', lua, keys.length, ...keys, ...args);
      }
    },
    reset: (reason) => {
      if (client !== undefined) drop(reason);
    },
    problem: () => problem,
    connections: () => connections,
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      if (client !== undefined) drop(new Error('the bus was closed'));
      let late: ReturnType<typeof setTimeout> | undefined;
      const limit = new Promise<void>((resolve) => {
        late = setTimeout(resolve, END_MS);
      });
      await Promise.race([Promise.all(ending), limit]);
      clearTimeout(late);
    },
  };
  return link;
};
