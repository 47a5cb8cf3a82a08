import type { IScheduler } from '@promethean/pantheon-core';
import { Redis } from 'ioredis';
import { makeBullmqScheduler } from './index.ts';

const scheduler = makeBullmqScheduler({ url: 'redis://127.0.0.1:6379', onError: console.error });
scheduler satisfies IScheduler;
scheduler.named('report') satisfies IScheduler;
scheduler.named('report').cron('0 9 * * 1-5', async () => 1, {
  timezone: 'Europe/Berlin',
  misfire: 'once',
}) satisfies () => void;
scheduler.cron('@daily', () => 1) satisfies () => void;
makeBullmqScheduler({ redis: { host: '127.0.0.1' }, namespace: 'app', leaseMs: 5_000 });
makeBullmqScheduler({ client: new Redis() });

// @ts-expect-error A name is required.
scheduler.named();
// @ts-expect-error No such policy.
scheduler.named('report').cron('* * * * *', () => 1, { misfire: 'twice' });
// @ts-expect-error The task is required.
scheduler.named('report').every(1_000);
// @ts-expect-error No such option.
makeBullmqScheduler({ url: 'redis://127.0.0.1:6379', queue: 'app' });
// @ts-expect-error A URL is a string.
makeBullmqScheduler({ url: new URL('redis://127.0.0.1:6379') });
