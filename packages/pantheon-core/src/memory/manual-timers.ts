import { PantheonError } from '../core/errors.ts';
import type { Timers } from '../core/ports.ts';
import { hostTurn as whenHostTurned } from './host.ts';

/** What `makeManualTimers` can be told. */
export interface ManualTimersOptions {
  /** Where the clock stands at first, in milliseconds. Default 0. */
  readonly startMs?: number;
  /** Timers that one instant may run, so that an endless chain of timers without delay ends in an error. Default 1,000,000. */
  readonly maxTimersPerInstant?: number;
}

/** A clock that stands still until it is told to move. */
export interface ManualTimers extends Timers {
  /**
   * Moves the clock on by `ms`. What becomes due runs in the order of its time, then of its setting, with the clock at its due
   * time; before each timer and at the end the host gets a full turn, so that promises and immediates are through.
   * Calls made at the same time run one after the other. Rejects with what a timer threw, after the clock has arrived.
   */
  readonly advance: (ms: number) => Promise<void>;
  /** Moves the clock on by `ms` and runs nothing, as a process does that is blocked; what became due runs in the next `advance`. */
  readonly stall: (ms: number) => void;
  /** Timers that are set and have not run. */
  readonly pending: () => number;
}

interface ManualTimer {
  readonly due: number;
  readonly order: number;
  readonly run: () => void;
}

/** A full turn of the host, and one more for what the promises of the first one asked of it. */
const hostTurn = (): Promise<void> =>
  new Promise((resolve) => whenHostTurned(() => whenHostTurned(resolve)));

/** Timers for tests. Nothing happens by itself; the test owns the time. */
export const makeManualTimers = (options: ManualTimersOptions = {}): ManualTimers => {
  const { startMs = 0, maxTimersPerInstant = 1_000_000 } = options;
  // A binary heap, so that a hundred thousand timers can be tested as well.
  const heap: ManualTimer[] = [];
  const live = new Set<ManualTimer>();
  let time = startMs;
  let order = 0;
  let queue: Promise<void> = Promise.resolve();

  const before = (a: ManualTimer, b: ManualTimer): boolean =>
    a.due < b.due || (a.due === b.due && a.order < b.order);

  const push = (timer: ManualTimer): void => {
    let index = heap.length;
    heap.push(timer);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as ManualTimer;
      if (!before(timer, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = timer;
  };

  const pop = (): void => {
    const last = heap.pop() as ManualTimer;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (
        child + 1 < heap.length &&
        before(heap[child + 1] as ManualTimer, heap[child] as ManualTimer)
      )
        child += 1;
      const below = heap[child] as ManualTimer;
      if (!before(below, last)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  };

  const first = (): ManualTimer | undefined => {
    for (let top = heap[0]; top !== undefined; top = heap[0]) {
      if (live.has(top)) return top;
      pop();
    }
    return undefined;
  };

  const moveTo = async (end: number): Promise<void> => {
    const errors: unknown[] = [];
    let runs = 0;
    await hostTurn();
    for (let timer = first(); timer !== undefined && timer.due <= end; timer = first()) {
      pop();
      live.delete(timer);
      if (timer.due > time) {
        time = timer.due;
        runs = 0;
      }
      runs += 1;
      if (runs > maxTimersPerInstant) {
        throw new Error(
          `More than ${maxTimersPerInstant} timers ran at ${time} ms: a chain of timers without delay does not end.`,
        );
      }
      try {
        timer.run();
      } catch (error) {
        errors.push(error);
      }
      await hostTurn();
    }
    if (end > time) time = end;
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} timers threw.`);
  };

  const requireDuration = (ms: number): void => {
    if (!(ms >= 0) || ms === Infinity) {
      throw new PantheonError(
        'option-invalid',
        `A duration must be a finite number of milliseconds from 0, not ${String(ms)}.`,
      );
    }
  };

  return {
    now: () => time,
    set: (run, delayMs) => {
      const timer: ManualTimer = { due: time + Math.max(0, delayMs), order, run };
      order += 1;
      live.add(timer);
      push(timer);
      return timer;
    },
    clear: (handle) => {
      live.delete(handle as ManualTimer);
    },
    advance: async (ms) => {
      requireDuration(ms);
      // The end is reckoned when this call's turn comes, so that two calls at once add up.
      const turn = queue.then(() => moveTo(time + ms));
      queue = turn.catch(() => undefined);
      await turn;
    },
    stall: (ms) => {
      requireDuration(ms);
      time += ms;
    },
    pending: () => live.size,
  };
};
