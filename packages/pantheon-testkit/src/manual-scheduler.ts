import type { IScheduler } from '@promethean/pantheon-core';
import { makeManualTimers, makeMemoryScheduler } from '@promethean/pantheon-core/memory';

/** Settings of `makeManualScheduler`. */
export interface ManualSchedulerOptions {
  /** Where the clock stands at first, in milliseconds. Default 0. */
  readonly startMs?: number | undefined;
}

/** A scheduler whose time the test owns. */
export interface ManualScheduler extends IScheduler {
  /**
   * Moves the clock on by `ms` and runs what becomes due, in order, with a turn of the host after each task, so that promises are through.
   * Calls made at the same time add up, one after the other; one that a task makes has its turn after the one that runs the task.
   */
  readonly advance: (ms: number) => Promise<void>;
  /** Moves the clock on by `ms` and runs nothing, as a process does that is blocked; what became due runs in the next `advance`. */
  readonly stall: (ms: number) => void;
  /** Milliseconds. */
  readonly now: () => number;
  /** How many tasks are scheduled. */
  readonly pending: () => number;
  /** What tasks threw or rejected with, in order. A scheduler goes on after a failing task; a test should look here. */
  readonly errors: readonly unknown[];
  readonly close: () => Promise<void>;
}

/** A scheduler that stands still until it is told to move. It keeps the whole contract of `IScheduler`; it has no `cron`. */
export const makeManualScheduler = (options: ManualSchedulerOptions = {}): ManualScheduler => {
  const { startMs = 0 } = options;
  const timers = makeManualTimers({ startMs });
  const errors: unknown[] = [];
  const scheduler = makeMemoryScheduler({ timers, onError: (error) => void errors.push(error) });
  const scheduled = new Set<object>();

  return {
    every: (intervalMs, task) => {
      const key = {};
      const end = scheduler.every(intervalMs, task);
      scheduled.add(key);
      return () => {
        scheduled.delete(key);
        end();
      };
    },
    once: (delayMs, task) => {
      const key = {};
      const end = scheduler.once(
        delayMs,
        // What is no function goes on as it is, to be refused.
        typeof task === 'function'
          ? () => {
              scheduled.delete(key);
              return task();
            }
          : task,
      );
      scheduled.add(key);
      return () => {
        scheduled.delete(key);
        end();
      };
    },
    advance: timers.advance,
    stall: timers.stall,
    now: timers.now,
    pending: () => scheduled.size,
    errors,
    close: () => {
      scheduled.clear();
      return scheduler.close();
    },
  };
};
