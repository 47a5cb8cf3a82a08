import type { ILeasePort, Lease } from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';
import { Cluster, Redis } from 'ioredis';
import { makeRedisLease, type RedisClient } from './index.ts';

const leases = makeRedisLease({
  url: 'redis://127.0.0.1',
  namespace: 'n',
  timeoutMs: 1_000,
  allowEviction: true,
  onWarning: (sentence) => sentence.length,
  timers: hostTimers,
});
export const required: Required<ILeasePort> = leases;
void leases.ready();
void leases.acquire('a', { ttlMs: 1_000 }).then((lease) => lease satisfies Lease | undefined);

export const clients: RedisClient[] = [new Redis(), new Cluster([])];
makeRedisLease({ client: new Redis({ replyMapping: 'resp3' }) });
makeRedisLease({ redis: { sentinels: [{ host: 'a', port: 1 }], name: 'm' } });

// @ts-expect-error a url is a text
makeRedisLease({ url: 6379 });
// @ts-expect-error no option of ioredis
makeRedisLease({ redis: { hostname: 'a' } });
// @ts-expect-error a client runs scripts
makeRedisLease({ client: { get: async () => null } });
// @ts-expect-error milliseconds are a number
makeRedisLease({ url: 'redis://127.0.0.1', timeoutMs: '5s' });
// @ts-expect-error the term is told to acquire
makeRedisLease({ url: 'redis://127.0.0.1', ttlMs: 30_000 });
