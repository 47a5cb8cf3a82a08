import type { IScheduler } from '@promethean/pantheon-core';
import { makeCronScheduler } from './index.ts';

makeCronScheduler() satisfies IScheduler;
const scheduler = makeCronScheduler({
  now: () => 0,
  onError: console.error,
  misfireAfterMs: 1_000,
});
scheduler.cron('0 9 * * 1-5', async () => 1, {
  timezone: 'Europe/Berlin',
  misfire: 'once',
}) satisfies () => void;
void scheduler.close();

// @ts-expect-error No such policy.
scheduler.cron('* * * * *', () => 1, { misfire: 'twice' });
// @ts-expect-error The task is required.
scheduler.cron('* * * * *');
// @ts-expect-error No such option.
makeCronScheduler({ timezone: 'UTC' });
// @ts-expect-error A clock is a function.
makeCronScheduler({ now: Date.now() });
