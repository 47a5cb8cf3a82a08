import { describe, expect, test } from 'vitest';
import { makeManualTimers } from './manual-timers.ts';

describe('advance', () => {
  test('runs what becomes due in the order of time, then of setting, with the clock at its time', async () => {
    const timers = makeManualTimers({ startMs: 100 });
    const runs: string[] = [];
    const note = (name: string) => () => void runs.push(`${name} at ${timers.now()}`);
    timers.set(note('c'), 20);
    timers.set(note('a'), 10);
    timers.set(note('b'), 10);
    timers.set(note('late'), 21);
    await timers.advance(20);
    expect(runs).toEqual(['a at 110', 'b at 110', 'c at 120']);
    expect(timers.now()).toBe(120);
    expect(timers.pending()).toBe(1);
  });

  test('lets promises and immediates get through before each timer', async () => {
    const timers = makeManualTimers();
    const runs: string[] = [];
    timers.set(() => {
      runs.push('first');
      void Promise.resolve().then(() => {
        runs.push('its promise');
        setImmediate(() => runs.push('its immediate'));
      });
    }, 1);
    timers.set(() => runs.push('second'), 1);
    await timers.advance(1);
    expect(runs).toEqual(['first', 'its promise', 'its immediate', 'second']);
  });

  test('runs what a timer, or a promise under way, sets within its time', async () => {
    const timers = makeManualTimers();
    const times: number[] = [];
    const again = (): void => {
      times.push(timers.now());
      timers.set(again, 3);
    };
    void Promise.resolve().then(() => timers.set(again, 3));
    await timers.advance(10);
    expect(times).toEqual([3, 6, 9]);
  });

  test('does not run what was cleared, also by a timer of the same time', async () => {
    const timers = makeManualTimers();
    const runs: string[] = [];
    const cleared = timers.set(() => runs.push('cleared'), 1);
    timers.set(() => {
      runs.push('first');
      timers.clear(other);
    }, 2);
    const other = timers.set(() => runs.push('other'), 2);
    timers.clear(cleared);
    timers.clear(cleared);
    timers.clear(undefined);
    await timers.advance(5);
    expect(runs).toEqual(['first']);
    expect(timers.pending()).toBe(0);
  });

  test('of two callers adds up', async () => {
    const timers = makeManualTimers();
    const times: number[] = [];
    timers.set(() => times.push(timers.now()), 5);
    timers.set(() => times.push(timers.now()), 15);
    await Promise.all([timers.advance(10), timers.advance(10)]);
    expect(times).toEqual([5, 15]);
    expect(timers.now()).toBe(20);
  });

  test('rejects with what timers threw, and arrives all the same', async () => {
    const timers = makeManualTimers();
    const runs: number[] = [];
    timers.set(() => {
      throw new Error('one');
    }, 1);
    timers.set(() => runs.push(2), 2);
    await expect(timers.advance(3)).rejects.toThrow('one');
    expect(runs).toEqual([2]);
    expect(timers.now()).toBe(3);
    for (const message of ['one', 'two']) {
      timers.set(() => {
        throw new Error(message);
      }, 0);
    }
    await expect(timers.advance(0)).rejects.toThrow('2 timers threw');
  });

  test('ends a chain of timers without delay with an error', async () => {
    const timers = makeManualTimers({ maxTimersPerInstant: 50 });
    const again = (): void => void timers.set(again, 0);
    again();
    await expect(timers.advance(1)).rejects.toThrow('More than 50 timers ran at 0 ms');
  });

  test.each([-1, Number.NaN, Infinity])('refuses %s', async (ms) => {
    const timers = makeManualTimers();
    await expect(timers.advance(ms)).rejects.toMatchObject({ code: 'option-invalid' });
    expect(() => timers.stall(ms)).toThrow(expect.objectContaining({ code: 'option-invalid' }));
  });
});

test('stall moves the clock past timers, which then run late', async () => {
  const timers = makeManualTimers();
  const times: number[] = [];
  timers.set(() => times.push(timers.now()), 5);
  timers.set(() => times.push(timers.now()), 1);
  timers.stall(8);
  expect(times).toEqual([]);
  await timers.advance(0);
  expect(times).toEqual([8, 8]);
});

test('many timers keep their order', async () => {
  const timers = makeManualTimers();
  const dues: number[] = [];
  // A fixed mixture of times, far from sorted.
  for (let n = 0; n < 2_000; n += 1) {
    const due = (n * 7_919) % 1_009;
    timers.set(() => dues.push(due), due);
  }
  await timers.advance(1_009);
  expect(dues).toEqual(dues.toSorted((a, b) => a - b));
  expect(dues).toHaveLength(2_000);
});
