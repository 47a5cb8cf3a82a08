import type { CronOptions, IScheduler, Now, Timers } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { makeMemoryScheduler } from '@promethean/pantheon-core/memory';
import { startCron } from './cron-schedule.ts';
import { makeCronTimes } from '@promethean/pantheon-core/adapter';
import { readCron } from './read-cron.ts';

/** How the scheduler is set up. */
export interface CronSchedulerOptions {
  /** What delays are measured with. Default: the process's monotonic clock and timers. */
  readonly timers?: Timers;
  /** The wall clock that cron expressions are read against, in milliseconds since the epoch. Default `Date.now`. */
  readonly now?: Now;
  /** Gets what a task threw or rejected with. Default: nothing; the schedule goes on either way. */
  readonly onError?: (error: unknown) => void;
  /** A cron fire that could not run for longer than this, in milliseconds, counts as missed. Default 60,000. */
  readonly misfireAfterMs?: number;
  /** Missed fires of one schedule that `misfire: 'all'` makes up for at most; the oldest come first. Default 1,000. */
  readonly maxMadeUp?: number;
  /**
   * Each cron fire is put off by a random time of up to this, in milliseconds, at most 3,600,000 and less than half of the time to
   * the next fire: so that many processes with the same expression do not all begin at once. Default 0.
   */
  readonly jitterMs?: number;
  /** Where the jitter is drawn from: a number from 0 up to, but not including, 1. Default `Math.random`. */
  readonly random?: () => number;
  /** How long `close` waits for runs whose promise is open, in milliseconds. Default 5,000. */
  readonly closeTimeoutMs?: number;
}

/** The scheduler with all its capabilities. */
export interface CronScheduler extends IScheduler {
  readonly cron: NonNullable<IScheduler['cron']>;
  readonly close: () => Promise<void>;
}

const MISFIRES: readonly unknown[] = ['skip', 'once', 'all'];

const MAX_JITTER_MS = 3_600_000;

const requireInteger = (name: string, value: number): void => {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new PantheonError(
    'option-invalid',
    `${name} must be an integer from 1, not ${String(value)}.`,
  );
};

/**
 * A scheduler for this process: intervals and delays as the in-memory scheduler of the core runs them, cron expressions as croner
 * computes them, all on one host timer.
 *
 * The wall clock is looked at once a minute at least, so a fire is up to a minute late after the machine slept or its clock was
 * set. A clock that is set forward is like time during which the process could not run: `misfire` decides. A clock that is set back
 * by up to three hours is waited for, so that no time runs twice; one that is set back further is followed.
 *
 * Throws `option-invalid`.
 */
export const makeCronScheduler = (options: CronSchedulerOptions = {}): CronScheduler => {
  const {
    timers,
    now = Date.now,
    onError = () => undefined,
    misfireAfterMs = 60_000,
    maxMadeUp = 1_000,
    jitterMs = 0,
    random = Math.random,
    closeTimeoutMs,
  } = options;
  requireInteger('misfireAfterMs', misfireAfterMs);
  requireInteger('maxMadeUp', maxMadeUp);
  if (!Number.isInteger(jitterMs) || jitterMs < 0 || jitterMs > MAX_JITTER_MS) {
    throw new PantheonError(
      'option-invalid',
      `jitterMs must be an integer from 0 to ${MAX_JITTER_MS}, not ${String(jitterMs)}.`,
    );
  }

  const report = (error: unknown): void => {
    try {
      onError(error);
    } catch {
      // The reporter failed; there is nobody left to tell.
    }
  };
  const scheduler = makeMemoryScheduler({ timers, onError: report, closeTimeoutMs });
  const ends = new Set<() => void>();
  let closed = false;

  const cron = (
    expression: string,
    task: () => unknown,
    { timezone = 'UTC', misfire = 'skip' }: CronOptions = {},
  ): (() => void) => {
    if (closed)
      throw new PantheonError('closed', 'The scheduler is closed; cron was called after close.');
    if (typeof task !== 'function') {
      throw new PantheonError(
        'option-invalid',
        `cron takes a function as its task, not ${typeof task}.`,
      );
    }
    if (!MISFIRES.includes(misfire)) {
      throw new PantheonError(
        'option-invalid',
        `misfire must be "skip", "once" or "all", not ${JSON.stringify(misfire)}.`,
      );
    }
    const times = makeCronTimes(readCron, expression, timezone, now());
    const endCron = startCron({
      times,
      task,
      misfire,
      scheduler,
      now,
      report,
      misfireAfterMs,
      maxMadeUp,
      jitterMs,
      random,
    });
    const end = (): void => {
      endCron();
      ends.delete(end);
    };
    ends.add(end);
    return end;
  };

  return {
    every: scheduler.every,
    once: scheduler.once,
    cron,
    close: () => {
      closed = true;
      for (const end of ends) end();
      return scheduler.close();
    },
  };
};
