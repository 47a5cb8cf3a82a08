export {
  makeRedisLease,
  type RedisAddress,
  type RedisClient,
  type RedisLease,
  type RedisLeaseOptions,
} from './redis-lease.ts';
