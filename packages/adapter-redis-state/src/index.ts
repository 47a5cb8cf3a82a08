export {
  makeRedisState,
  type RedisAddress,
  type RedisState,
  type RedisStateClient,
  type RedisStateOptions,
} from './redis-state.ts';
