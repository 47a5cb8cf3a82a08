import { randomUUID } from 'node:crypto';
import type { CronOptions, IScheduler } from '@promethean/pantheon-core';
import type { CronTimes } from '@promethean/pantheon-core/adapter';
import type { Ledger } from './ledger.ts';

/** One schedule, and what it runs on. */
export interface ScheduleOptions {
  readonly ledger: Ledger;
  readonly task: () => unknown;
  /** Timers of this process. */
  readonly local: Pick<IScheduler, 'once'>;
  /** A clock of this process that never jumps. */
  readonly elapsed: () => number;
  readonly report: (error: unknown) => void;
  /** What was scheduled earlier has the lower number. */
  readonly number: number;
  readonly inOrder: InOrder;
  readonly leaseMs: number;
  /** The schedule is over, and nothing of it is left here. */
  readonly onOver: () => void;
}

/** A decision about a schedule, and what to do with it. */
interface Turn {
  readonly dueAt: number;
  readonly number: number;
  readonly decision: Promise<() => void>;
}

/** Carries decisions out one after the other: what woke together in the order of its time and its scheduling. */
export type InOrder = (turn: Turn) => void;

/** `report` gets what a decision throws. */
export const makeOrder = (report: (error: unknown) => void): InOrder => {
  let last: Promise<void> = Promise.resolve();
  let awake: Turn[] = [];
  const take = (): void => {
    const turns = awake.sort((a, b) => a.dueAt - b.dueAt || a.number - b.number);
    awake = [];
    for (const { decision } of turns) {
      last = last
        .then(() => decision)
        .then((act) => act())
        .catch(report);
    }
  };
  return (turn) => {
    if (awake.push(turn) === 1) queueMicrotask(take);
  };
};

/** What the caller has of a schedule. */
export interface Schedule {
  readonly end: () => void;
  /** Resolves when the open run has settled. */
  readonly idle: () => Promise<void>;
}

/** After a failure of Redis, nothing is tried for this long. */
const RETRY_MS = 500;
/** How long a process counts as present beyond the time of its next look. */
const GRACE_MS = 60_000;
/** The same for a task that runs once: there is no look while it runs. */
const RUN_GRACE_MS = 3_600_000;
/** A run may begin this much after the next one is due: less than that is the time that an answer takes on a busy machine. */
const LATE_MS = 1_000;
const MAX_DELAY_MS = 2_147_483_647;
/** Timers do not notice that a clock was set or that the machine slept, so cron looks at the clock this often. */
const LOOK_EVERY_MS = 60_000;
/** A clock set back by less is waited for; by more, it had been wrong, and is followed. */
const FOLLOW_BACK_MS = 3 * 3_600_000;

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function';

/** What one look at the clock came to: when to look again, and the instant that was won. */
interface Look {
  readonly againInMs?: number | undefined;
  readonly won?: string | undefined;
  /** By this process's clock: a run that could not begin before is one that was missed. Default: never. */
  readonly missedAt?: number;
  readonly isLast?: boolean;
  /** Look again as soon as the open run has settled. */
  readonly againWhenIdle?: boolean;
}

/** Looks at the clock when it was told to, and runs the task when it won an instant. */
const makeSchedule = (
  { ledger, task, local, elapsed, report, number, inOrder, leaseMs, onOver }: ScheduleOptions,
  firstInMs: number,
  look: (isRunning: () => boolean) => Promise<Look>,
): Schedule => {
  let ended = false;
  /** A decision is under way, up to the start of the run that comes of it. */
  let isLooking = false;
  let hasLeft = false;
  let isAwaited = false;
  let told: Promise<unknown> = Promise.resolve();
  let isRunning = false;
  let whenIdle: Promise<void> = Promise.resolve();
  let cancel = (): void => undefined;
  let dueAt = elapsed();

  const arm = (delayMs: number): void => {
    cancel();
    if (ended) return;
    const delay = Math.min(Math.max(1, Math.ceil(delayMs)), MAX_DELAY_MS);
    dueAt = Math.ceil(elapsed() + delay);
    cancel = local.once(delay, wake);
  };

  const lookSafely = async (): Promise<Look> => {
    try {
      return await look(() => isRunning || ended);
    } catch (error) {
      if (!ended) report(error);
      return { againInMs: RETRY_MS };
    }
  };

  const wake = (): void => {
    if (ended) return;
    if (isLooking) return arm(RETRY_MS);
    isLooking = true;
    const decision = lookSafely().then((decided) => {
      const { againInMs, won, missedAt = Infinity, isLast = false, againWhenIdle } = decided;
      if (againInMs !== undefined) arm(againWhenIdle === true && !isRunning ? 1 : againInMs);
      isAwaited = againWhenIdle === true && isRunning;
      return () => {
        isLooking = false;
        if (won !== undefined && !ended && elapsed() < missedAt) whenIdle = run(won);
        else if (won !== undefined) tell(ledger.finish(won, 'It could not begin in time.'));
        if (isLast) end();
        leaveIfOver();
      };
    });
    inOrder({ dueAt, number, decision });
  };

  const tell = (news: Promise<void>): void => {
    const heard = news.catch(report);
    told = Promise.all([told, heard]);
  };

  /** Resolves when the run has settled; the ledger is told without waiting, by calls that stay in order. */
  const run = async (instant: string): Promise<void> => {
    isRunning = true;
    let failure: { readonly error: unknown } | undefined;
    let cancelRenewal = (): void => undefined;
    const renew = (): void => {
      cancelRenewal = local.once(Math.max(1, Math.floor(leaseMs / 3)), () => {
        renew();
        tell(ledger.renew(instant));
      });
    };
    try {
      const result = task();
      if (isThenable(result)) {
        renew();
        await result;
      }
    } catch (error) {
      failure = { error };
    }
    cancelRenewal();
    isRunning = false;
    tell(failure === undefined ? ledger.finish(instant) : ledger.finish(instant, failure.error));
    if (failure !== undefined) report(failure.error);
    if (isAwaited) arm(1);
    isAwaited = false;
    leaveIfOver();
  };

  /** Only when nothing else is under way: what came after would bring the schedule back. */
  const leaveIfOver = (): void => {
    if (!ended || isLooking || isRunning || hasLeft) return;
    hasLeft = true;
    void told.then(ledger.leave).catch(report).finally(onOver);
  };

  const end = (): void => {
    if (ended) return;
    ended = true;
    cancel();
    leaveIfOver();
  };

  // Armed at once, so that the schedule keeps the process alive while Redis is asked for its start.
  arm(firstInMs);
  wake();
  return { end, idle: () => whenIdle };
};

/** Runs the task at start + n * interval, where the start is that of the first process which has the schedule. */
export const startEvery = (options: ScheduleOptions, intervalMs: number): Schedule => {
  const { ledger, elapsed } = options;
  const calledAt = elapsed();
  let start: string | undefined;
  /** The last slot that was looked at; those before this process joined are none of its business. */
  let seen: number | undefined;
  return makeSchedule(options, intervalMs, async (isBusy) => {
    const askedAt = elapsed();
    const known = await ledger.enter(intervalMs + GRACE_MS, askedAt - calledAt, start);
    const knownAt = elapsed();
    if (known.start !== start) seen = undefined;
    start = known.start;
    const slot = Math.floor((known.now - Number(start)) / intervalMs);
    const dueAt = (of: number): number => Number(start) + of * intervalMs;
    const isDue = seen !== undefined && slot > seen;
    // The shared clock was set back by more than an interval: it is followed.
    seen = seen === undefined || slot < seen - 1 ? slot : Math.max(seen, slot);
    const instant = `at-${dueAt(slot)}`;
    let won: string | undefined;
    if (isDue && !isBusy() && (await ledger.claim(instant))) won = instant;
    const nextInMs = dueAt(seen + 1) - known.now;
    // From the question on: the answer may have waited in a process that was blocked.
    const missedAt = askedAt + nextInMs + LATE_MS;
    return { won, missedAt, againInMs: nextInMs - (elapsed() - knownAt) };
  });
};

/** Runs the task once. Processes that call while it is pending join; a call after it ran is another one. */
export const startOnce = (options: ScheduleOptions, delayMs: number): Schedule => {
  const { ledger, elapsed } = options;
  const dueAt = elapsed() + delayMs;
  let start: string = randomUUID();
  let isJoined = false;
  return makeSchedule(options, delayMs, async () => {
    const known = await ledger.enter(delayMs + RUN_GRACE_MS, 0, start);
    if (!isJoined) start = known.start;
    isJoined = true;
    const left = dueAt - elapsed();
    if (left > 0) return { againInMs: left };
    const instant = `once-${start}`;
    if (!(await ledger.claim(instant))) return { isLast: true };
    await ledger.restart(start);
    return { won: instant, isLast: true };
  });
};

/** When a cron schedule is due, and what happens to what was missed. */
export interface CronPlan {
  readonly times: CronTimes;
  readonly misfire: NonNullable<CronOptions['misfire']>;
  /** A fire that could not run for longer than this counts as missed. */
  readonly misfireAfterMs: number;
}

/** Missed fires that `all` makes up for at most, oldest first. */
export const MOST_MADE_UP = 100;

/** Runs the task at the instants of an expression. */
export const startCron = (options: ScheduleOptions, plan: CronPlan): Schedule => {
  const { ledger, elapsed } = options;
  const { times, misfire, misfireAfterMs } = plan;
  const calledAt = elapsed();
  /** Every instant up to this one is settled. */
  let settled: number | undefined;
  let madeUp = 0;

  /** What of the due instants to run now, and up to where everything is settled then. */
  const choose = (first: number, now: number): { readonly run?: number; readonly upTo: number } => {
    if (misfire === 'all') {
      madeUp += 1;
      const isLast = (times.next(first) ?? Infinity) > now || madeUp === MOST_MADE_UP;
      if (isLast) madeUp = 0;
      return { run: first, upTo: isLast ? now : first };
    }
    const last = lastDue(times, first, now);
    return misfire === 'once' || last >= now - misfireAfterMs
      ? { run: last, upTo: now }
      : { upTo: now };
  };

  return makeSchedule(options, LOOK_EVERY_MS, async (isBusy) => {
    const { now } = await ledger.enter(LOOK_EVERY_MS + GRACE_MS, 0, 'cron');
    const knownAt = elapsed();
    if (settled === undefined) settled = now - Math.max(0, knownAt - calledAt);
    else if (now < settled - FOLLOW_BACK_MS) settled = now;
    const first = times.next(settled) ?? Infinity;
    let won: string | undefined;
    if (first <= now && madeUp > 0 && isBusy()) {
      return { againInMs: LOOK_EVERY_MS, againWhenIdle: true };
    }
    if (first <= now) {
      const { run, upTo } = choose(first, now);
      const instant = `at-${run}`;
      // Without an answer the instant stays unsettled, and the next look decides again.
      if (run !== undefined && !isBusy() && (await ledger.claim(instant))) won = instant;
      settled = upTo;
    }
    const next = times.next(settled) ?? Infinity;
    const againInMs = Math.min(next - now - (elapsed() - knownAt), LOOK_EVERY_MS);
    return { won, againInMs };
  });
};

/** The last instant that is due, given the first: the same for every process, however long it was away. */
const lastDue = (times: CronTimes, first: number, now: number): number => {
  for (let span = 60_000; ; span *= 10) {
    let last = times.next(Math.max(first, now - span) - 1) ?? Infinity;
    if (last > now) continue;
    for (let next = last; next <= now; next = times.next(next) ?? Infinity) last = next;
    return last;
  }
};
