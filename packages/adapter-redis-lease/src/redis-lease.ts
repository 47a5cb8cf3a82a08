/** Leases in Redis: names that one process holds at a time. */
import type { ILeasePort, Timers } from '@promethean/pantheon-core';
import {
  encodeId,
  makeHeldLeases,
  requireOptionName,
  requireWhole,
} from '@promethean/pantheon-core/adapter';
import { makeRedisConnection, openRedisClient, type RedisAddress } from '@promethean/redis-client';
import { RELEASE, RENEW, TAKE } from './lua.ts';

export type { RedisAddress, RedisClient } from '@promethean/redis-client';

/** Settings of `makeRedisLease`: one of `url`, `redis` and `client`. */
export interface RedisLeaseOptions extends RedisAddress {
  /** Names of another namespace have nothing to do with this one's. Default `pantheon`. */
  readonly namespace?: string | undefined;
  /** Milliseconds that one call takes at most, connecting included; a renewal at most half of its term. Default 5,000. */
  readonly timeoutMs?: number | undefined;
  /** Accept a Redis that drops keys when its memory is full. Default `false`. */
  readonly allowEviction?: boolean | undefined;
  /** Gets what an operator should know, once: that Redis runs without `appendonly`. Default: nothing. */
  readonly onWarning?: ((sentence: string) => void) | undefined;
  /** The clock and the timers of the holders. Default: the process's monotonic clock and its timers. */
  readonly timers?: Timers | undefined;
}

/** Leases in Redis. */
export interface RedisLease extends ILeasePort {
  /** Connects, and resolves when Redis can be used. Otherwise the first call connects. */
  readonly ready: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** How long an epoch is remembered after the last taking or renewal of its name: thirty days. */
const KEEP_EPOCH_MS = 2_592_000_000;
/** A renewal begins after a third of its term; when it has taken this part of it as well, the lease is lost. */
const RENEWAL = 1 / 2;

/** Gives names on Redis, 6 or newer. Connects at the first call. Throws `option-invalid`. */
export const makeRedisLease = (options: RedisLeaseOptions): RedisLease => {
  const {
    namespace = 'pantheon',
    timeoutMs = 5_000,
    allowEviction = false,
    onWarning,
    timers,
  } = options;
  requireOptionName('namespace', namespace);
  requireWhole({ timeoutMs }, 1);
  const redis = makeRedisConnection(openRedisClient(options, timeoutMs), {
    port: 'lease port',
    keeps: 'leases',
    timeoutMs,
    allowEviction,
    onWarning,
  });
  const { accept, write } = redis;

  /** The keys of a name share a hash tag of their own, so that a Cluster spreads names over its nodes. */
  const keysOf = (name: string): readonly [holder: string, epoch: string] => {
    const base = `{${encodeId(namespace)}:lease:${encodeId(name)}}:`;
    return [`${base}holder`, `${base}epoch`];
  };

  const leases = makeHeldLeases(
    {
      take: (name, nonce, ttlMs) =>
        accept(async () => {
          const { answer } = await write(
            { what: `the taking of "${name}"`, isRepeatable: true, timeoutMs: ttlMs },
            TAKE,
            keysOf(name),
            [nonce, String(ttlMs), String(KEEP_EPOCH_MS)],
          );
          return answer === null ? undefined : Number(answer);
        }),
      renew: (name, token, ttlMs) =>
        accept(async () => {
          const epoch = token.slice(0, token.indexOf(':'));
          const { answer } = await write(
            {
              what: `the renewal of "${name}"`,
              isRepeatable: true,
              timeoutMs: Math.ceil(ttlMs * RENEWAL),
            },
            RENEW,
            keysOf(name),
            [token, String(ttlMs), String(KEEP_EPOCH_MS), epoch],
          );
          return answer !== null;
        }),
      release: (name, token) =>
        accept(async () => {
          await write(
            { what: `the release of "${name}"`, isRepeatable: true },
            RELEASE,
            [keysOf(name)[0]],
            [token],
          );
        }),
    },
    { timers },
  );

  return {
    ready: () => accept(redis.ready),
    acquire: leases.acquire,
    close: async () => {
      await leases.close();
      await redis.close();
    },
  };
};
