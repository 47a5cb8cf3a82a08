import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Timers } from '../core/ports.ts';
import { makeManualTimers } from './manual-timers.ts';
import { makeMemoryScheduler } from './memory-scheduler.ts';

const code = (expected: string): object => expect.objectContaining({ code: expected });

/** The schedule as the rules tell it, one millisecond after the other: slow, and plain to see. */
const simulate = (plan: readonly Step[]): readonly string[] => {
  interface Task {
    readonly name: string;
    readonly interval: number;
    due: number;
  }
  const tasks: Task[] = [];
  const runs: string[] = [];
  let now = 0;
  let made = 0;
  const run = (): void => {
    for (;;) {
      const [next] = tasks
        .filter(({ due }) => due <= now)
        .toSorted((a, b) => a.due - b.due || tasks.indexOf(a) - tasks.indexOf(b));
      if (next === undefined) return;
      runs.push(`${next.name} at ${now}`);
      if (next.interval === 0) tasks.splice(tasks.indexOf(next), 1);
      else while (next.due <= now) next.due += next.interval;
    }
  };
  for (const { kind, ms } of plan) {
    if (kind === 'every' || kind === 'once') {
      tasks.push({
        name: `${made++}`,
        interval: kind === 'every' ? ms + 1 : 0,
        due: now + ms + (kind === 'every' ? 1 : 0),
      });
    } else if (kind === 'end') {
      const index = tasks.findIndex(({ name }) => name === `${ms}`);
      if (index !== -1) tasks.splice(index, 1);
    } else if (kind === 'stall') {
      now += ms;
    } else {
      run();
      for (let passed = 0; passed < ms; passed += 1) {
        now += 1;
        run();
      }
    }
  }
  return runs;
};

interface Step {
  readonly kind: 'every' | 'once' | 'end' | 'advance' | 'stall';
  readonly ms: number;
}

describe('the schedule', () => {
  test('is the one that the rules tell, whatever is scheduled, ended and delayed', async () => {
    const steps = fc.array(
      fc.record<Step>({
        kind: fc.constantFrom('every', 'once', 'end', 'advance', 'stall'),
        ms: fc.nat(12),
      }),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (plan) => {
        const timers = makeManualTimers();
        const scheduler = makeMemoryScheduler({ timers });
        const runs: string[] = [];
        const ends: (() => void)[] = [];
        for (const { kind, ms } of plan) {
          const name = `${ends.length}`;
          const task = (): void => void runs.push(`${name} at ${timers.now()}`);
          if (kind === 'every') ends.push(scheduler.every(ms + 1, task));
          else if (kind === 'once') ends.push(scheduler.once(ms, task));
          else if (kind === 'end') ends[ms]?.();
          else if (kind === 'stall') timers.stall(ms);
          else await timers.advance(ms);
        }
        expect(runs).toEqual(simulate(plan));
        for (const end of ends) end();
        expect(timers.pending()).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test('takes one host timer, however many tasks there are', async () => {
    const timers = makeManualTimers();
    const scheduler = makeMemoryScheduler({ timers });
    let runs = 0;
    const ends = Array.from({ length: 10_000 }, (_, n) =>
      scheduler.every(1 + (n % 500), () => (runs += 1)),
    );
    expect(timers.pending()).toBe(1);
    await timers.advance(500);
    expect(timers.pending()).toBe(1);
    expect(runs).toBe(
      20 * Array.from({ length: 500 }, (_, n) => Math.floor(500 / (n + 1))).reduce((a, b) => a + b),
    );
    for (const end of ends) end();
    expect(timers.pending()).toBe(0);
  });

  test('rounds up on a clock with fractions, never to before the time', async () => {
    const timers = makeManualTimers({ startMs: 0.7 });
    const scheduler = makeMemoryScheduler({ timers });
    const times: number[] = [];
    scheduler.once(10, () => times.push(timers.now()));
    scheduler.once(0, () => times.push(timers.now()));
    await timers.advance(20);
    // The clock's next whole millisecond, and at most one more for the host's timer.
    expect(times).toEqual([1.7, 11.7]);
  });

  test('asks the host for no delay beyond its limit', () => {
    const delays: number[] = [];
    const timers: Timers = {
      now: () => 0.5,
      set: (_, delayMs) => delays.push(delayMs),
      clear: () => undefined,
    };
    makeMemoryScheduler({ timers }).once(2_147_483_647, () => undefined);
    expect(delays).toEqual([2_147_483_647]);
  });
});

/** Timers whose clock goes on by a hundredth of a millisecond with every look at it. */
const makeTickingTimers = (): Timers & {
  readonly fire: () => boolean;
  readonly delays: readonly number[];
} => {
  let time = 0;
  const delays: number[] = [];
  let waiting: (() => void)[] = [];
  return {
    now: () => (time += 0.01),
    set: (run, delayMs) => {
      delays.push(delayMs);
      waiting.push(run);
      return run;
    },
    clear: (handle) => {
      waiting = waiting.filter((run) => run !== handle);
    },
    fire: () => {
      const run = waiting.shift();
      time += 5;
      run?.();
      return run !== undefined;
    },
    delays,
  };
};

describe('a long burst', () => {
  test('of tasks that are due together gives the host its turn about every ten milliseconds', () => {
    const timers = makeTickingTimers();
    const scheduler = makeMemoryScheduler({ timers });
    let runs = 0;
    const order: number[] = [];
    for (let n = 0; n < 5_000; n += 1) scheduler.once(1, () => order.push((runs += 1) && n));
    const bursts: number[] = [];
    for (let before = 0; timers.fire(); before = runs)
      if (runs > before) bursts.push(runs - before);
    expect(runs).toBe(5_000);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(Math.max(...bursts)).toBeLessThan(1_100);
    expect(bursts.length).toBeGreaterThan(4);
  });

  test('can be ended in its break', () => {
    const timers = makeTickingTimers();
    const scheduler = makeMemoryScheduler({ timers });
    let runs = 0;
    const ends = Array.from({ length: 5_000 }, () => scheduler.once(1, () => (runs += 1)));
    timers.fire();
    while (runs === 0) timers.fire();
    const before = runs;
    expect(before).toBeLessThan(5_000);
    for (const end of ends) end();
    expect(timers.fire()).toBe(false);
    expect(runs).toBe(before);
  });

  test('of a task that schedules itself at once leaves the others their turn', async () => {
    const timers = makeManualTimers();
    const scheduler = makeMemoryScheduler({ timers });
    const runs: string[] = [];
    const again = (): void => {
      runs.push('again');
      if (runs.length < 10) scheduler.once(0, again);
    };
    scheduler.once(0, again);
    scheduler.once(0, () => runs.push('other'));
    timers.set(() => runs.push('host'), 0);
    await timers.advance(0);
    expect(runs.slice(0, 3).toSorted()).toEqual(['again', 'host', 'other']);
    expect(runs).toHaveLength(10);
  });
});

describe('a task', () => {
  test('that fails is reported, and a reporter that fails as well has no effect', async () => {
    const timers = makeManualTimers();
    const errors: unknown[] = [];
    const scheduler = makeMemoryScheduler({
      timers,
      onError: (error) => {
        errors.push(error);
        throw new Error('the reporter is broken');
      },
    });
    scheduler.once(1, () => {
      throw 'thrown';
    });
    scheduler.once(1, () => Promise.reject('rejected'));
    scheduler.every(2, () => {
      throw 'repeated';
    });
    await timers.advance(4);
    expect(errors).toEqual(['thrown', 'rejected', 'repeated', 'repeated']);
  });

  test('that takes longer than its interval without a promise skips what was due meanwhile', async () => {
    const timers = makeManualTimers();
    const scheduler = makeMemoryScheduler({ timers });
    const starts: number[] = [];
    scheduler.every(10, () => {
      starts.push(timers.now());
      if (starts.length === 1) timers.stall(25);
    });
    await timers.advance(60);
    expect(starts).toEqual([10, 40, 50, 60]);
  });

  test('that is no function is refused', () => {
    expect(() => makeMemoryScheduler().once(1, undefined as never)).toThrow(code('option-invalid'));
  });
});

describe('close', () => {
  test('gives up a run that never ends, after its time', async () => {
    const timers = makeManualTimers();
    const scheduler = makeMemoryScheduler({ timers, closeTimeoutMs: 50 });
    scheduler.every(1, () => new Promise(() => undefined));
    await timers.advance(1);
    let isClosed = false;
    const closing = scheduler.close().then(() => (isClosed = true));
    await timers.advance(49);
    expect(isClosed).toBe(false);
    await timers.advance(1);
    await closing;
    expect(timers.pending()).toBe(0);
  });

  test('by a task ends the burst', async () => {
    const timers = makeManualTimers();
    const scheduler = makeMemoryScheduler({ timers });
    const runs: string[] = [];
    scheduler.every(1, () => {
      runs.push('first');
      void scheduler.close();
    });
    scheduler.every(1, () => runs.push('second'));
    await timers.advance(5);
    expect(runs).toEqual(['first']);
  });

  test('refuses a time that is none', () => {
    expect(() => makeMemoryScheduler({ closeTimeoutMs: Number.NaN })).toThrow(
      code('option-invalid'),
    );
  });
});

describe('a process', () => {
  test('runs until its last task has run, and ends at once when all were ended', async () => {
    const run = (program: string): Promise<{ readonly stdout: string }> =>
      promisify(execFile)(
        process.execPath,
        [
          '--input-type=module',
          '--eval',
          `import { makeMemoryScheduler } from ${JSON.stringify(import.meta.resolve('./memory-scheduler.ts'))};
          const scheduler = makeMemoryScheduler();
          ${program}`,
        ],
        { timeout: 10_000 },
      );
    const { stdout } = await run(`
      let runs = 0;
      const end = scheduler.every(5, () => { runs += 1; if (runs === 3) end(); });
      process.on('exit', () => console.log(runs));`);
    expect(stdout.trim()).toBe('3');
    const ended = await run(`
      scheduler.once(2_000_000_000, () => undefined)();
      scheduler.every(1_000_000, () => undefined)();
      console.log('ends');`);
    expect(ended.stdout.trim()).toBe('ends');
  });
});
