import type { IMessageBus } from '@promethean/pantheon-core';
import { Cluster, Redis } from 'ioredis';
import { makeRedisBus, type RedisBus, type RedisBusStats } from './index.ts';

const port: IMessageBus = makeRedisBus({ url: 'redis://127.0.0.1' });
export const required: Required<IMessageBus> = makeRedisBus({ redis: { host: '127.0.0.1' } });
export const buses: readonly RedisBus[] = [
  makeRedisBus({ client: new Redis({ lazyConnect: true }) }),
  makeRedisBus({ client: new Cluster([], { lazyConnect: true }), namespace: undefined }),
  makeRedisBus({ cluster: { nodes: [{ host: '127.0.0.1', port: 7_000 }] } }),
  makeRedisBus({ redis: { sentinels: [{ host: '127.0.0.1', port: 26_379 }], name: 'main' } }),
];
export const stats: RedisBusStats | undefined = buses[0]?.stats();

// @ts-expect-error an address is an object of options
makeRedisBus('redis://127.0.0.1');
// @ts-expect-error no such option
makeRedisBus({ url: 'redis://127.0.0.1', prefix: 'x' });
// @ts-expect-error milliseconds are a number
makeRedisBus({ url: 'redis://127.0.0.1', leaseMs: '15s' });
// @ts-expect-error a client is one of ioredis
makeRedisBus({ client: { evalsha: () => 1 } });
// @ts-expect-error a handler is a function
port.subscribe('handler');
