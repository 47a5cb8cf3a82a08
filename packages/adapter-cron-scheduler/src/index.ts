export {
  makeCronScheduler,
  type CronScheduler,
  type CronSchedulerOptions,
} from './cron-scheduler.ts';
