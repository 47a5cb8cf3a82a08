import type { CronOptions, IScheduler, Now } from '@promethean/pantheon-core';
import type { CronTimes } from '@promethean/pantheon-core/adapter';

/** One cron schedule, and what it runs on. */
export interface CronSchedule {
  readonly times: CronTimes;
  readonly task: () => unknown;
  readonly misfire: NonNullable<CronOptions['misfire']>;
  readonly scheduler: Pick<IScheduler, 'once'>;
  readonly now: Now;
  readonly report: (error: unknown) => void;
  readonly misfireAfterMs: number;
  readonly maxMadeUp: number;
  readonly jitterMs: number;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
}

/** A timer does not notice that the wall clock was set or that the machine slept, so the wall clock is looked at this often. */
const CHECK_EVERY_MS = 60_000;
/** A clock set back by less is waited for, so that no time runs twice; by more, it had been wrong, and is followed. */
const FOLLOW_BACK_MS = 3 * 3_600_000;

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as { then?: unknown }).then === 'function';

/** Starts a cron schedule. Returns what ends it. */
export const startCron = (schedule: CronSchedule): (() => void) => {
  const { times, task, misfire, scheduler, now, report, misfireAfterMs, maxMadeUp } = schedule;
  const { jitterMs, random } = schedule;
  let latest = now();
  let next = times.next(latest);

  /** How late the next fire is on purpose: less than half of the way to the one after it, so that two never become one. */
  const drawJitter = (): number => {
    if (jitterMs === 0 || next === undefined) return 0;
    const gap = (times.next(next) ?? Infinity) - next;
    return Math.floor(random() * Math.min(jitterMs, gap / 2));
  };
  let jitter = drawJitter();
  let ended = false;
  let running = false;
  /** Missed fires that are still to be made up for. */
  let missed = 0;
  let cancelCheck = (): void => undefined;
  let cancelMissed = (): void => undefined;

  const runOnce = (): unknown => {
    try {
      const result = task();
      if (isThenable(result)) return Promise.resolve(result).then(settled, failed);
    } catch (error) {
      report(error);
    }
    return settled();
  };
  const failed = (error: unknown): void => {
    report(error);
    settled();
  };
  const settled = (): void => {
    if (ended || missed === 0) {
      running = false;
      return;
    }
    missed -= 1;
    cancelMissed = scheduler.once(0, runOnce);
  };

  const fire = (count: number): unknown => {
    if (!running) {
      running = true;
      missed = count - 1;
      return runOnce();
    }
    // What is due while missed fires are made up for has been kept from running, not been overtaken by its predecessor.
    if (missed > 0) missed = Math.min(missed + count, maxMadeUp);
    return undefined;
  };

  /** How often to run at `wall` for the fires from `first` on. */
  const countDue = (first: number, wall: number): number => {
    if (misfire === 'once') return 1;
    if (misfire === 'skip') {
      const oldest = wall - misfireAfterMs;
      return (first >= oldest ? first : (times.next(oldest - 1) ?? Infinity)) <= wall ? 1 : 0;
    }
    let count = 0;
    for (let time: number | undefined = first; time !== undefined && time <= wall;) {
      count += 1;
      if (count === maxMadeUp) break;
      time = times.next(time);
    }
    return count;
  };

  const check = (): unknown => {
    // With jitter the schedule goes by a clock that is late by as much.
    const wall = now() - jitter;
    if (wall < latest - FOLLOW_BACK_MS) {
      latest = wall;
      next = times.next(wall);
    }
    latest = Math.max(latest, wall);
    if (next === undefined || wall < next) {
      arm();
      return undefined;
    }
    const count = countDue(next, wall);
    next = times.next(wall);
    jitter = drawJitter();
    arm();
    return count > 0 ? fire(count) : undefined;
  };

  const arm = (): void => {
    if (next === undefined) return;
    const delay = Math.max(1, Math.ceil(next + jitter - now()));
    cancelCheck = scheduler.once(Math.min(delay, CHECK_EVERY_MS), check);
  };

  arm();
  return () => {
    ended = true;
    cancelCheck();
    cancelMissed();
  };
};
