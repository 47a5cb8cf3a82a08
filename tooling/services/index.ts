export {
  hasPostgres,
  POSTGRES_URL,
  type Postgres,
  type PostgresOptions,
  startPostgres,
} from './postgres.ts';
export { hasRedis, REDIS_URL, type Redis, type RedisOptions, startRedis } from './redis.ts';
export { hasRedisCluster, type RedisCluster, startRedisCluster } from './redis-cluster.ts';
export { startProxy, type Proxy, type ProxyMode } from './proxy.ts';
