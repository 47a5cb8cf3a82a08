import type { CronOptions, IScheduler, Now, Timers } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { encodeId, requireOptionName, requireWhole } from '@promethean/pantheon-core/adapter';
import { makeMemoryScheduler } from '@promethean/pantheon-core/memory';
import { makeCronTimes } from '@promethean/pantheon-core/adapter';
import { readCron } from './read-cron.ts';
import { type Ledger, makeOwnLedger, makeRedisLedger } from './ledger.ts';
import { makeRedisLink, type RedisAddress } from './redis-link.ts';
import {
  type InOrder,
  makeOrder,
  MOST_MADE_UP,
  type Schedule,
  type ScheduleOptions,
  startCron,
  startEvery,
  startOnce,
} from './schedules.ts';

/** How the scheduler is set up. */
export interface BullmqSchedulerOptions extends RedisAddress {
  /** What the processes share their named schedules under; one for each program. Default `pantheon`. */
  readonly namespace?: string;
  /**
   * Gets what a task threw or rejected with, and `unavailable` or `outcome-unknown` when Redis could not be asked. Default: nothing;
   * the schedule goes on either way.
   */
  readonly onError?: (error: unknown) => void;
  /** How long a run of a process that died keeps the others from going on, in milliseconds. Default 15,000. */
  readonly leaseMs?: number;
  /** Runs of each schedule that are kept in Redis, and shown by BullMQ's tools. Default 100. */
  readonly keepRuns?: number;
  /** A cron fire that could not run for longer than this, in milliseconds, counts as missed. Default 60,000. */
  readonly misfireAfterMs?: number;
  /** How long to wait for a connection, in milliseconds. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** How long to wait for an answer of Redis, in milliseconds. Default 5,000. */
  readonly commandTimeoutMs?: number;
  /** How long `close` waits for runs whose promise is open, in milliseconds. Default 5,000. */
  readonly closeTimeoutMs?: number;
  /** What delays are measured with. Default: the process's monotonic clock and timers. */
  readonly timers?: Timers;
  /** The wall clock, in milliseconds since the epoch. Default: for named schedules that of Redis, for others `Date.now`. */
  readonly now?: Now;
}

/** A scheduler with all capabilities. */
export interface FullScheduler extends IScheduler {
  readonly cron: NonNullable<IScheduler['cron']>;
}

/** A scheduler whose own schedules are this process's, and whose named ones are shared. */
export interface BullmqScheduler extends FullScheduler {
  /**
   * A scheduler whose schedules are shared by all processes that have one of the same name, kind (`every`, `once`, `cron`) and
   * interval, delay or expression and zone: each fire instant runs once, in one of them. Throws `option-invalid` for a name that is
   * empty, longer than 256 bytes or has control characters.
   */
  readonly named: (name: string) => FullScheduler;
  /** Resolves when Redis answers; rejects with `unavailable`. */
  readonly ready: () => Promise<void>;
  /** Ends all schedules, waits for open runs, and leaves neither timers nor sockets nor, as the last process, keys. */
  readonly close: () => Promise<void>;
}

const MISFIRES: readonly unknown[] = ['skip', 'once', 'all'];
const MAX_DELAY_MS = 2_147_483_647;
/** An instant is remembered at least this long, so that no answer that comes late runs it again. */
const REMEMBERED_MS = 10_000;

/**
 * A scheduler for many processes. Each keeps its own time; who runs a fire instant of a named schedule is decided in Redis, by a job
 * of BullMQ. Nothing connects before the first named schedule, and the connection is closed when none is left.
 *
 * Throws `option-invalid`.
 */
export const makeBullmqScheduler = (options: BullmqSchedulerOptions): BullmqScheduler => {
  const {
    namespace = 'pantheon',
    onError = () => undefined,
    leaseMs = 15_000,
    keepRuns = 100,
    misfireAfterMs = 60_000,
    connectTimeoutMs = 5_000,
    commandTimeoutMs = 5_000,
    closeTimeoutMs = 5_000,
    timers,
    now,
  } = options;
  requireOptionName('namespace', namespace);
  requireWhole({ leaseMs, misfireAfterMs, connectTimeoutMs, commandTimeoutMs, closeTimeoutMs }, 1);
  requireWhole({ keepRuns }, 0);

  const report = (error: unknown): void => {
    try {
      onError(error);
    } catch {
      // The reporter failed; there is nobody left to tell.
    }
  };
  const local = makeMemoryScheduler({ timers, onError: report, closeTimeoutMs });
  const elapsed = timers?.now ?? (() => performance.now());
  const link = makeRedisLink({
    address: options,
    namespace: encodeId(namespace),
    leaseMs,
    connectTimeoutMs,
    commandTimeoutMs,
    report,
  });
  const open = new Set<Schedule>();
  /** Schedules of this process that are alike, told apart by the lowest number that is free. */
  const numbers = new Map<string, Set<number>>();
  let started = 0;
  let closing: Promise<void> | undefined;
  let whenEmpty = (): void => undefined;

  const numberOf = (alike: string): { readonly number: number; readonly free: () => void } => {
    const taken = numbers.get(alike) ?? new Set<number>();
    numbers.set(alike, taken);
    let number = 0;
    while (taken.has(number)) number += 1;
    taken.add(number);
    const free = (): void => {
      taken.delete(number);
      if (taken.size === 0 && numbers.get(alike) === taken) numbers.delete(alike);
    };
    return { number, free };
  };

  const requireOpen = (kind: string): void => {
    if (closing === undefined) return;
    throw new PantheonError('closed', `The scheduler is closed; ${kind} was called after close.`);
  };

  const begin = (
    task: () => unknown,
    inOrder: InOrder,
    ledger: Ledger,
    start: (options: ScheduleOptions) => Schedule,
    onOver: () => void,
  ): (() => void) => {
    const schedule = start({
      ledger,
      task,
      local,
      elapsed,
      report,
      number: (started += 1),
      inOrder,
      leaseMs,
      onOver: () => {
        open.delete(schedule);
        onOver();
        if (open.size === 0) whenEmpty();
      },
    });
    open.add(schedule);
    return schedule.end;
  };

  const viewOf = (name: string): FullScheduler => {
    const share = (
      kind: string,
      timing: string,
      keep: number,
      task: () => unknown,
      start: (options: ScheduleOptions) => Schedule,
    ): (() => void) => {
      const alike = [name, kind, timing].map(encodeId).join('/');
      const { number, free } = numberOf(alike);
      const release = link.hold();
      const ledger = makeRedisLedger({
        link,
        queue: `${alike}/${number}`,
        isExclusive: kind !== 'once',
        leaseMs,
        keep: Math.max(keepRuns, keep),
        now,
      });
      return begin(task, sharedOrder, ledger, start, () => {
        free();
        release();
      });
    };
    return {
      every: (intervalMs, task) => {
        requireCall('every', intervalMs, 1, task);
        const keep = Math.ceil(REMEMBERED_MS / intervalMs);
        return share('every', String(intervalMs), keep, task, (schedule) =>
          startEvery(schedule, intervalMs),
        );
      },
      once: (delayMs, task) => {
        requireCall('once', delayMs, 0, task);
        return share('once', String(delayMs), 1, task, (schedule) => startOnce(schedule, delayMs));
      },
      cron: (expression, task, cronOptions) => {
        const { plan, timezone } = planOf(expression, task, cronOptions);
        return share('cron', `${expression.trim()} ${timezone}`, MOST_MADE_UP, task, (schedule) =>
          startCron(schedule, plan),
        );
      },
    };
  };

  const requireCall = (kind: string, ms: number, least: number, task: () => unknown): void => {
    requireOpen(kind);
    if (!Number.isInteger(ms) || ms < least || ms > MAX_DELAY_MS) {
      throw new PantheonError(
        'interval-invalid',
        `${kind} takes a whole number of milliseconds from ${least} to ${MAX_DELAY_MS}, not ${String(ms)}.`,
        { details: { value: ms } },
      );
    }
    requireTask(kind, task);
  };

  const planOf = (
    expression: string,
    task: () => unknown,
    { timezone = 'UTC', misfire = 'skip' }: CronOptions = {},
  ) => {
    requireOpen('cron');
    requireTask('cron', task);
    if (!MISFIRES.includes(misfire)) {
      throw optionInvalid(
        `misfire must be "skip", "once" or "all", not ${JSON.stringify(misfire)}.`,
      );
    }
    const times = makeCronTimes(readCron, expression, timezone, (now ?? Date.now)());
    return { plan: { times, misfire, misfireAfterMs }, timezone };
  };

  const sharedOrder = makeOrder(report);
  const ownOrder = makeOrder(report);

  const close = async (): Promise<void> => {
    const runs = [...open].map((schedule) => {
      schedule.end();
      return schedule.idle();
    });
    const over = new Promise<void>((resolve) => {
      if (open.size === 0) resolve();
      whenEmpty = resolve;
    });
    await Promise.all([local.close(), within(Promise.all(runs), closeTimeoutMs)]);
    // Leaving has its own deadline, that of a connection and a command.
    await within(over, connectTimeoutMs + commandTimeoutMs);
  };

  return {
    every: local.every,
    once: local.once,
    cron: (expression, task, cronOptions) => {
      const { plan } = planOf(expression, task, cronOptions);
      return begin(
        task,
        ownOrder,
        makeOwnLedger(now ?? Date.now),
        (schedule) => startCron(schedule, plan),
        () => undefined,
      );
    },
    named: (name) => {
      requireOptionName('name', name);
      return viewOf(name);
    },
    ready: async () => {
      requireOpen('ready');
      const release = link.hold();
      try {
        await link.use('whether it is there', ({ client }) => client.ping());
      } finally {
        release();
      }
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
};

const optionInvalid = (problem: string): PantheonError =>
  new PantheonError('option-invalid', problem);

const requireTask = (kind: string, task: unknown): void => {
  if (typeof task === 'function') return;
  throw optionInvalid(`${kind} takes a function as its task, not ${typeof task}.`);
};

const within = async (work: Promise<unknown>, limitMs: number): Promise<void> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([work, limit]);
  clearTimeout(timer);
};
