import type { IActorStatePort } from '@promethean/pantheon-core';
import { Cluster, Redis } from 'ioredis';
import { makeRedisState, type RedisStateClient } from './index.ts';

const scripts = [{ name: 'clerk', contextSources: [], talents: [] }];

const port: IActorStatePort = makeRedisState({ url: 'redis://127.0.0.1', scripts });
export const required: Required<IActorStatePort> = makeRedisState({ redis: {}, scripts });
export const clients: RedisStateClient[] = [new Redis(), new Cluster([])];
makeRedisState({ client: new Redis({ replyMapping: 'resp3' }), scripts });
makeRedisState({ redis: { sentinels: [{ host: 'a', port: 1 }], name: 'm' }, scripts });

// @ts-expect-error scripts are required
makeRedisState({ url: 'redis://127.0.0.1' });
// @ts-expect-error a url is a text
makeRedisState({ url: 6379, scripts });
// @ts-expect-error no option of ioredis
makeRedisState({ redis: { hostname: 'a' }, scripts });
// @ts-expect-error a client runs scripts
makeRedisState({ client: { get: async () => null }, scripts });
// @ts-expect-error milliseconds are a number
makeRedisState({ url: 'redis://127.0.0.1', scripts, timeoutMs: '5s' });
// @ts-expect-error a patch changes goals, state and metadata
void port.update('a', { id: 'b' });
