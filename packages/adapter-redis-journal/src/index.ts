export {
  makeRedisJournal,
  type RedisAddress,
  type RedisClient,
  type RedisJournal,
  type RedisJournalOptions,
} from './redis-journal.ts';
