export {
  makeBullmqScheduler,
  type BullmqScheduler,
  type BullmqSchedulerOptions,
  type FullScheduler,
} from './bullmq-scheduler.ts';
export type { RedisAddress } from './redis-link.ts';
