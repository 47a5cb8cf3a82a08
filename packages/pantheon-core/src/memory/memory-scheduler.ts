import { PantheonError } from '../core/errors.ts';
import type { IScheduler, Timers } from '../core/ports.ts';
import { type Bucket, Calendar, Entry } from './calendar.ts';
import { hostTimers } from '../adapter/host-timers.ts';
import { isThenable } from '../core/thenable.ts';

/** Settings of `makeMemoryScheduler`. */
export interface MemorySchedulerOptions {
  /** Default: the process's monotonic clock and timers. */
  readonly timers?: Timers | undefined;
  /** Gets what a task threw or rejected with. Default: nothing; the schedule goes on either way. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** How long `close` waits for runs whose promise is open, in milliseconds. Default 5,000. */
  readonly closeTimeoutMs?: number | undefined;
}

/** A scheduler in this process. `close` cancels what is pending and waits for what runs. */
export interface MemoryScheduler extends IScheduler {
  readonly close: () => Promise<void>;
}

const MAX_DELAY_MS = 2_147_483_647;
/** After this long the due tasks yield to the rest of the host. */
const BURST_MS = 10;
/** Tasks that a burst begins before their promises have a turn. */
const MAX_OPENED = 16;

/**
 * Runs tasks from one host timer, however many there are. The timer is set only while a task is pending. Tasks that are due in
 * the same millisecond run in one go, with a break for the host every 10 ms.
 *
 * A task's start is rounded up to a whole millisecond of the clock. `cron` is not among its capabilities.
 */
export const makeMemoryScheduler = (options: MemorySchedulerOptions = {}): MemoryScheduler => {
  const { timers = hostTimers, onError, closeTimeoutMs = 5_000 } = options;
  if (!(closeTimeoutMs >= 0)) {
    throw new PantheonError(
      'option-invalid',
      `closeTimeoutMs must be a number from 0, not ${String(closeTimeoutMs)}.`,
    );
  }

  const calendar = new Calendar();
  let order = 0;
  let timer: unknown;
  let armedFor = Infinity;
  /** The bucket that a burst left unfinished. */
  let unfinished: Bucket | undefined;
  let inBurst = false;
  let openRuns = 0;
  let closing: Promise<void> | undefined;
  let onIdle: (() => void) | undefined;

  const disarm = (): void => {
    if (armedFor === Infinity) return;
    timers.clear(timer);
    timer = undefined;
    armedFor = Infinity;
  };

  const arm = (): void => {
    if (inBurst) return;
    const left = unfinished?.first !== undefined;
    const due = left ? -Infinity : calendar.first?.due;
    if (due === undefined) return disarm();
    if (due >= armedFor) return;
    disarm();
    armedFor = due;
    // Rounded up: a host that counts whole milliseconds would otherwise wake too early and for nothing.
    const delay = left ? 0 : Math.max(0, Math.ceil(due - timers.now()));
    timer = timers.set(burst, Math.min(delay, MAX_DELAY_MS));
  };

  const report = (error: unknown): void => {
    try {
      onError?.(error);
    } catch {
      // The reporter failed; there is nobody left to tell.
    }
  };

  const settled = (entry: Entry): void => {
    entry.running = false;
    openRuns -= 1;
    if (openRuns === 0) onIdle?.();
  };

  const run = (entry: Entry): void => {
    try {
      const result = entry.task();
      if (!isThenable(result)) return;
      entry.running = true;
      openRuns += 1;
      Promise.resolve(result).then(
        () => settled(entry),
        (error: unknown) => {
          settled(entry);
          report(error);
        },
      );
    } catch (error) {
      report(error);
    }
  };

  const burst = (): void => {
    timer = undefined;
    armedFor = Infinity;
    inBurst = true;
    // What a task schedules for at once has its turn after the host's, or a task that repeats itself would never let go.
    drain(timers.now(), calendar.made);
  };

  /** Runs what is due, and lets go of the host after a while. */
  const drain = (began: number, made: number): void => {
    let time = began;
    let opened = 0;
    while (time - began < BURST_MS) {
      if (unfinished?.first === undefined) {
        unfinished = undefined;
        const bucket = calendar.first;
        if (bucket === undefined || bucket.due > time || bucket.serial >= made) break;
        calendar.take(bucket);
        unfinished = bucket;
      }
      const { due } = unfinished;
      const entry = unfinished.first as Entry;
      calendar.remove(entry);
      if (!entry.running) run(entry);
      if (entry.running) opened += 1;
      time = timers.now();
      const { interval } = entry;
      if (interval > 0 && closing === undefined) {
        calendar.add(entry, due + (Math.floor((time - due) / interval) + 1) * interval);
      }
      if (opened === MAX_OPENED) {
        // Those that have begun go on first: thousands that wait for each other's microtasks would all have to be kept.
        void Promise.resolve().then(() => drain(began, made));
        return;
      }
    }
    inBurst = false;
    arm();
  };

  const schedule = (kind: 'every' | 'once', ms: number, task: () => unknown): (() => void) => {
    if (closing !== undefined)
      throw new PantheonError('closed', `The scheduler is closed; ${kind} was called after close.`);
    const least = kind === 'every' ? 1 : 0;
    if (!Number.isInteger(ms) || ms < least || ms > MAX_DELAY_MS) {
      throw new PantheonError(
        'interval-invalid',
        `${kind} takes a whole number of milliseconds from ${least} to ${MAX_DELAY_MS}, not ${String(ms)}.`,
        { details: { value: ms } },
      );
    }
    if (typeof task !== 'function')
      throw new PantheonError(
        'option-invalid',
        `${kind} takes a function as its task, not ${typeof task}.`,
      );
    const entry = new Entry(task, kind === 'every' ? ms : 0, order);
    order += 1;
    calendar.add(entry, Math.ceil(timers.now() + ms));
    arm();
    // A bound function is half the size of a closure, and there may be a hundred thousand.
    return cancel.bind(entry);
  };

  const cancel = function (this: Entry): void {
    this.interval = 0;
    this.task = nothing;
    if (this.bucket === undefined) return;
    calendar.remove(this);
    arm();
  };

  const close = async (): Promise<void> => {
    calendar.clear();
    while (unfinished?.first !== undefined) calendar.remove(unfinished.first);
    disarm();
    if (openRuns === 0) return;
    await new Promise<void>((resolve) => {
      const deadline = timers.set(resolve, Math.min(closeTimeoutMs, MAX_DELAY_MS));
      onIdle = () => {
        timers.clear(deadline);
        resolve();
      };
    });
  };

  return {
    every: (intervalMs, task) => schedule('every', intervalMs, task),
    once: (delayMs, task) => schedule('once', delayMs, task),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
};

const nothing = (): void => undefined;
