export type { RedisBusFailure, RedisBusOptions } from './options.ts';
export { makeRedisBus } from './redis-bus.ts';
export type { RedisBus, RedisBusStats } from './redis-bus.ts';
export type { RedisAddress } from './redis-client.ts';
