import type { IScheduler } from '@promethean/pantheon-core';
import { importSuite, type SchedulerHarness, schedulerSuite } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { describeWithRedis } from '@promethean/services/vitest';
import { Redis } from 'ioredis';
import { makeSteppedTime } from '../test/stepped-time.ts';
import { type BullmqScheduler, makeBullmqScheduler } from './index.ts';

describeWithRedis('makeBullmqScheduler', (redis) => {
  let made = 0;

  /** In stepped time on a real Redis. */
  const makeHarness = (pick: (scheduler: BullmqScheduler) => IScheduler): SchedulerHarness => {
    const client = new Redis(redis().url);
    const time = makeSteppedTime(client);
    let wallAtZero = 0;
    const now = (): number => wallAtZero + time.timers.now();
    made += 1;
    const namespace = `suite ${process.pid} ${made}`;
    const open = (): BullmqScheduler =>
      makeBullmqScheduler({ client, namespace, timers: time.timers, now });
    const scheduler = open();
    const others: BullmqScheduler[] = [];
    const picked = pick(scheduler);
    const isShared = picked.named !== undefined;
    return {
      scheduler: { ...picked, close: scheduler.close },
      another: () => {
        const other = open();
        others.push(other);
        return pick(other);
      },
      now: time.timers.now,
      advance: time.advance,
      stall: time.stall,
      pending: time.pending,
      wall: {
        now,
        set: (epochMs) => {
          wallAtZero = epochMs - time.timers.now();
        },
      },
      supports: ['cron', ...(isShared ? ['named'] : []), 'close'],
      close: async () => {
        for (const one of [scheduler, ...others]) await one.close();
        client.disconnect();
      },
    };
  };

  describeContract('a named schedule keeps the contract of IScheduler', schedulerSuite, () =>
    makeHarness((scheduler) => scheduler.named('suite')),
  );

  describeContract('a schedule without a name keeps the contract as well', schedulerSuite, () =>
    makeHarness((scheduler) => scheduler),
  );
});

describeContract('the import of adapter-bullmq-scheduler', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: ['--conditions=@promethean/source'],
}));
