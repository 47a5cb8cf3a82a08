import { makeManualTimers } from '@promethean/pantheon-core/memory';
import type { Harnesses, SchedulerHarness } from '@promethean/pantheon-testkit';
import { makeTechScheduler } from './tech-scheduler.ts';

/** A scheduler that shares nothing with any other: a fresh one is made for every case. */
const schedulerHarness = (): SchedulerHarness => {
  const timers = makeManualTimers();
  const scheduler = makeTechScheduler({ timers });
  return {
    scheduler,
    now: timers.now,
    advance: timers.advance,
    stall: timers.stall,
    pending: timers.pending,
    // What the scheduler has of: cron (with wall), close.
    supports: [],
  };
};

export const pantheonHarnesses: Harnesses = { scheduler: schedulerHarness };
