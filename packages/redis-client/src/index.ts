export { type LuaScript, makeLuaScript } from './lua-script.ts';
export {
  type OpenedClient,
  openRedisClient,
  type RedisAddress,
  type RedisClient,
} from './redis-client.ts';
export {
  makeRedisConnection,
  type RedisConnection,
  type RedisConnectionOptions,
  type Written,
} from './redis-connection.ts';
export { outcomeUnknown, type RedisWrite } from './redis-failure.ts';
