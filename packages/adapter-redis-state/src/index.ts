export { makeRedisState, type RedisState, type RedisStateOptions } from './redis-state.ts';
export type { RedisAddress, RedisStateClient } from './redis-client.ts';
