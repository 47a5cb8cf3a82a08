import { importSuite, type SchedulerHarness, schedulerSuite } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { describeWithRedis } from '@promethean/services/vitest';
import { Redis } from 'ioredis';
import { makeSteppedTime } from '../test/stepped-time.ts';
import { type BullmqScheduler, type FullScheduler, makeBullmqScheduler } from './index.ts';

describeWithRedis('makeBullmqScheduler', (redis) => {
  let made = 0;

  /** In stepped time on a real Redis. */
  const makeHarness = (pick: (scheduler: BullmqScheduler) => FullScheduler): SchedulerHarness => {
    const client = new Redis(redis().url);
    const time = makeSteppedTime(client);
    let wallAtZero = 0;
    const now = (): number => wallAtZero + time.timers.now();
    made += 1;
    const scheduler = makeBullmqScheduler({
      client,
      namespace: `suite ${process.pid} ${made}`,
      timers: time.timers,
      now,
    });
    return {
      scheduler: { ...pick(scheduler), close: scheduler.close },
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
      supports: ['cron', 'close'],
      close: async () => {
        await scheduler.close();
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
