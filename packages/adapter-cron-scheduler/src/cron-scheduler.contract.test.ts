import { importSuite, makeManualTimers, schedulerSuite } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { makeCronScheduler } from './index.ts';

describeContract('makeCronScheduler keeps the contract of IScheduler', schedulerSuite, () => {
  const timers = makeManualTimers();
  let wallAtZero = 0;
  const now = (): number => wallAtZero + timers.now();
  const scheduler = makeCronScheduler({ timers, now });
  return {
    scheduler,
    now: timers.now,
    advance: timers.advance,
    stall: timers.stall,
    pending: timers.pending,
    wall: {
      now,
      set: (epochMs) => {
        wallAtZero = epochMs - timers.now();
      },
    },
    supports: ['cron', 'close'],
    close: () => scheduler.close(),
  };
});

describeContract('the import of adapter-cron-scheduler', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: ['--conditions=@promethean/source'],
}));
