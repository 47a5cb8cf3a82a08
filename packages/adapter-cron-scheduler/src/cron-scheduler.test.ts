import type { CronOptions } from '@promethean/pantheon-core';
import { makeManualTimers } from '@promethean/pantheon-testkit';
import { describe, expect, test } from 'vitest';
import { type CronSchedulerOptions, makeCronScheduler } from './index.ts';

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;

/** A scheduler at noon, whose wall clock can be set apart from its timers. */
const makeAtNoon = (options: CronSchedulerOptions = {}) => {
  const timers = makeManualTimers();
  let wallAtZero = Date.UTC(2026, 5, 1, 12);
  const now = (): number => wallAtZero + timers.now();
  const scheduler = makeCronScheduler({ timers, now, ...options });
  const runs: string[] = [];
  return {
    scheduler,
    timers,
    runs,
    /** Notes the time of day of every run. */
    note: () => void runs.push(new Date(now()).toISOString().slice(11, 19)),
    /** Sets the wall clock on or back; timers notice nothing, as after a sleep of the machine. */
    jump: (ms: number) => {
      wallAtZero += ms;
    },
  };
};

const makeGate = () => {
  let open = (): void => undefined;
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open };
};

describe('options', () => {
  test.each([
    [{ misfireAfterMs: 0 }, 'misfireAfterMs'],
    [{ maxMadeUp: 1.5 }, 'maxMadeUp'],
    [{ jitterMs: -1 }, 'jitterMs'],
    [{ jitterMs: 3_600_001 }, 'jitterMs'],
    [{ closeTimeoutMs: -1 }, 'closeTimeoutMs'],
  ])('%o throws option-invalid and names the option', (options, name) => {
    expect(() => makeCronScheduler(options)).toThrow(
      expect.objectContaining({
        code: 'option-invalid',
        message: expect.stringContaining(name) as string,
      }),
    );
  });

  test('a misfire policy or a task that is none throws option-invalid', () => {
    const { scheduler, timers } = makeAtNoon();
    const refused = expect.objectContaining({ code: 'option-invalid' }) as Error;
    expect(() => scheduler.cron('* * * * *', () => 1, { misfire: 'never' as 'skip' })).toThrow(
      refused,
    );
    expect(() => scheduler.cron('* * * * *', undefined as unknown as () => void)).toThrow(refused);
    expect(timers.pending()).toBe(0);
  });
});

describe('cron', () => {
  test('runs within milliseconds of its time while the clocks agree', async () => {
    const { scheduler, timers, runs, note } = makeAtNoon();
    scheduler.cron('*/20 * * * * *', note);
    await timers.advance(MINUTE);
    expect(runs).toEqual(['12:00:20', '12:00:40', '12:01:00']);
  });

  test('waits for a time that is further away than a timer reaches', async () => {
    const { scheduler, timers, runs, note } = makeAtNoon();
    scheduler.cron('0 0 1 1 *', note);
    await timers.advance(213.4 * 24 * HOUR);
    expect(runs).toEqual([]);
    await timers.advance(0.2 * 24 * HOUR);
    expect(runs).toEqual(['00:00:00']);
  });

  test('runs many expressions and intervals on one host timer', async () => {
    const { scheduler, timers } = makeAtNoon();
    const ends = Array.from({ length: 50 }, (_, minute) =>
      scheduler.cron(`${minute} * * * *`, () => 1),
    );
    ends.push(
      scheduler.every(10, () => 1),
      scheduler.once(5, () => 1),
    );
    expect(timers.pending()).toBe(1);
    for (const end of ends) end();
    expect(timers.pending()).toBe(0);
  });

  test('skips a fire while the previous run is open, and does not make up for it', async () => {
    const { scheduler, timers, runs, note } = makeAtNoon();
    const gate = makeGate();
    scheduler.cron('* * * * *', () => {
      note();
      return runs.length === 1 ? gate.promise : undefined;
    });
    await timers.advance(3.5 * MINUTE);
    expect(runs).toEqual(['12:01:00']);
    gate.open();
    await timers.advance(MINUTE);
    expect(runs).toEqual(['12:01:00', '12:04:00']);
  });

  test('goes on after a task that throws or rejects, and tells onError', async () => {
    const errors: unknown[] = [];
    const { scheduler, timers } = makeAtNoon({
      onError: (error) => {
        errors.push(error);
        throw new Error('a reporter that throws');
      },
    });
    let run = 0;
    scheduler.cron('* * * * *', () => {
      run += 1;
      if (run === 1) throw new Error('thrown');
      return run === 2 ? Promise.reject(new Error('rejected')) : undefined;
    });
    await timers.advance(3 * MINUTE);
    expect(run).toBe(3);
    expect(errors).toEqual([new Error('thrown'), new Error('rejected')]);
  });

  test('a task that ends its own schedule does not run again', async () => {
    const { scheduler, timers, runs, note } = makeAtNoon();
    const end = scheduler.cron('* * * * *', () => {
      note();
      end();
    });
    await timers.advance(5 * MINUTE);
    expect(runs).toEqual(['12:01:00']);
    expect(timers.pending()).toBe(0);
  });

  test('tasks of one time run in the order of their scheduling, every time', async () => {
    const { scheduler, timers } = makeAtNoon();
    const order: string[] = [];
    for (const name of ['a', 'b', 'c']) scheduler.cron('* * * * *', () => order.push(name));
    await timers.advance(3 * MINUTE);
    expect(order.join('')).toBe('abcabcabc');
  });
});

describe('a wall clock that jumps', () => {
  test('an hour forward gives no burst for an expression of every second', async () => {
    const { scheduler, timers, runs, note, jump } = makeAtNoon();
    scheduler.cron('* * * * * *', note);
    await timers.advance(2 * SECOND);
    jump(HOUR);
    await timers.advance(2 * SECOND);
    expect(runs).toEqual(['12:00:01', '12:00:02', '13:00:03', '13:00:04']);
  });

  test('an hour back runs no time twice', async () => {
    const { scheduler, timers, runs, note, jump } = makeAtNoon();
    scheduler.cron('0 * * * *', note);
    await timers.advance(1.5 * HOUR);
    jump(-HOUR);
    await timers.advance(1.6 * HOUR);
    expect(runs).toEqual(['13:00:00', '14:00:00']);
  });

  test('a day back is followed within a minute', async () => {
    const { scheduler, timers, runs, note, jump } = makeAtNoon();
    scheduler.cron('*/5 * * * *', note);
    await timers.advance(6 * MINUTE);
    jump(-24 * HOUR);
    await timers.advance(5 * MINUTE);
    expect(runs).toEqual(['12:05:00', '12:10:00']);
  });

  test('a sleep of the machine is noticed within a minute, so that the next fire is on time', async () => {
    const { scheduler, timers, runs, note, jump } = makeAtNoon();
    scheduler.cron('0 14 * * *', note);
    await timers.advance(10 * MINUTE);
    jump(1.75 * HOUR);
    await timers.advance(10 * MINUTE);
    expect(runs).toEqual(['14:00:00']);
  });
});

describe('misfire', () => {
  /** What runs when the process could do nothing from noon on, for that long. */
  const runsAfterStall = async (
    ms: number,
    misfire: CronOptions['misfire'],
    options?: CronSchedulerOptions,
  ) => {
    const { scheduler, timers, runs, note } = makeAtNoon(options);
    scheduler.cron('*/10 * * * *', note, misfire === undefined ? {} : { misfire });
    await timers.advance(1);
    timers.stall(ms);
    await timers.advance(SECOND);
    const caughtUp = runs.length;
    await timers.advance(10 * MINUTE);
    return { caughtUp, later: runs.length - caughtUp };
  };

  test('skip, the default, runs nothing for fires that are long past', async () => {
    expect(await runsAfterStall(35 * MINUTE, undefined)).toEqual({ caughtUp: 0, later: 1 });
    expect(await runsAfterStall(35 * MINUTE, 'skip')).toEqual({ caughtUp: 0, later: 1 });
  });

  test('skip runs once for a fire that is not yet counted as missed', async () => {
    expect(await runsAfterStall(30.5 * MINUTE, 'skip')).toEqual({ caughtUp: 1, later: 1 });
    expect(await runsAfterStall(35 * MINUTE, 'skip', { misfireAfterMs: 6 * MINUTE })).toEqual({
      caughtUp: 1,
      later: 1,
    });
  });

  test('once runs once, however many fires were missed', async () => {
    expect(await runsAfterStall(35 * MINUTE, 'once')).toEqual({ caughtUp: 1, later: 1 });
  });

  test('all makes up for every missed fire', async () => {
    expect(await runsAfterStall(35 * MINUTE, 'all')).toEqual({ caughtUp: 3, later: 1 });
  });

  test('all makes up for a bounded number of fires', async () => {
    expect(await runsAfterStall(1_000 * HOUR, 'all', { maxMadeUp: 4 })).toEqual({
      caughtUp: 4,
      later: 1,
    });
  });

  test('all runs the missed ones one after the other, and what becomes due meanwhile after them', async () => {
    const { scheduler, timers } = makeAtNoon();
    const gates = Array.from({ length: 8 }, makeGate);
    let started = 0;
    let open = 0;
    let most = 0;
    scheduler.cron(
      '* * * * *',
      async () => {
        const gate = gates[started];
        started += 1;
        open += 1;
        most = Math.max(most, open);
        await gate?.promise;
        open -= 1;
      },
      { misfire: 'all' },
    );
    await timers.advance(1);
    timers.stall(3 * MINUTE);
    await timers.advance(1);
    expect(started).toBe(1);
    await timers.advance(2 * MINUTE);
    expect(started).toBe(1);
    for (const gate of gates.slice(0, 5)) {
      gate.open();
      await timers.advance(1);
    }
    // Three were missed, two became due meanwhile.
    expect(started).toBe(5);
    await timers.advance(MINUTE);
    expect({ started, most }).toEqual({ started: 6, most: 1 });
  });

  test('no missed fire is made up for after the schedule was ended', async () => {
    const { scheduler, timers } = makeAtNoon();
    let runs = 0;
    const end = scheduler.cron(
      '* * * * *',
      () => {
        runs += 1;
        if (runs === 2) end();
      },
      { misfire: 'all' },
    );
    await timers.advance(1);
    timers.stall(10 * MINUTE);
    await timers.advance(MINUTE);
    expect(runs).toBe(2);
    expect(timers.pending()).toBe(0);
  });
});

describe('jitter', () => {
  /** Draws these numbers in turn. */
  const draws = (...numbers: number[]) => {
    let at = 0;
    return (): number => numbers[at++ % numbers.length] as number;
  };

  test('puts each fire off by its own random time, and every fire runs once', async () => {
    const { scheduler, timers, runs, note } = makeAtNoon({
      jitterMs: 20_000,
      random: draws(0.5, 0, 0.95, 0.25),
    });
    scheduler.cron('* * * * *', note);
    await timers.advance(5 * MINUTE);
    expect(runs).toEqual(['12:01:10', '12:02:00', '12:03:19', '12:04:05']);
    await timers.advance(10 * SECOND);
    expect(runs).toHaveLength(5);
  });

  test('stays below half of the time to the next fire', async () => {
    const { scheduler, timers, runs, note } = makeAtNoon({ jitterMs: HOUR, random: () => 0.999 });
    scheduler.cron('* * * * *', note);
    await timers.advance(3.5 * MINUTE);
    expect(runs).toEqual(['12:01:29', '12:02:29', '12:03:29']);
  });

  test('a fire that is put off beyond misfireAfterMs is not a missed one', async () => {
    const { scheduler, timers, runs, note } = makeAtNoon({
      jitterMs: 10 * MINUTE,
      misfireAfterMs: MINUTE,
      random: () => 0.5,
    });
    scheduler.cron('0 * * * *', note);
    await timers.advance(1.2 * HOUR);
    expect(runs).toEqual(['13:05:00']);
  });
});

describe('close', () => {
  test('ends cron schedules, waits for their runs, and refuses further ones', async () => {
    const { scheduler, timers, runs, note } = makeAtNoon();
    const gate = makeGate();
    const end = scheduler.cron('* * * * *', () => {
      note();
      return gate.promise;
    });
    await timers.advance(MINUTE);
    let closed = false;
    const closing = scheduler.close().then(() => (closed = true));
    await timers.advance(SECOND);
    expect(closed).toBe(false);
    gate.open();
    await closing;
    await timers.advance(5 * MINUTE);
    expect(runs).toEqual(['12:01:00']);
    expect(timers.pending()).toBe(0);
    expect(() => scheduler.cron('* * * * *', () => 1)).toThrow(
      expect.objectContaining({ code: 'closed' }),
    );
    end();
  });
});
