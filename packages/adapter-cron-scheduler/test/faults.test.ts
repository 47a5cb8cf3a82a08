import { makeManualTimers } from '@promethean/pantheon-testkit';
import { noteFigures } from '@promethean/services/figures';
import { expect, test, vi } from 'vitest';
import { makeCronScheduler } from '../src/index.ts';

const HOUR = 3_600_000;

test('bad intervals throw at once and never run', async (context) => {
  const timers = makeManualTimers();
  const { every, once } = makeCronScheduler({ timers });
  let calls = 0;
  const bad = [NaN, -1, 0, 1.5, '5', null, undefined, Infinity, 2 ** 31, 2 ** 53, 1e308, {}];
  const refused = expect.objectContaining({ code: 'interval-invalid' }) as Error;
  for (const value of bad) {
    expect(() => every(value as number, () => (calls += 1))).toThrow(refused);
    if (value !== 0) expect(() => once(value as number, () => (calls += 1))).toThrow(refused);
  }
  every(2 ** 31 - 1, () => (calls += 1));
  await timers.advance(200);
  noteFigures(context, 'B1', { refused: bad.length, calls });
  expect(calls).toBe(0);
});

test('a process that was blocked for three seconds does not catch up', async (context) => {
  const scheduler = makeCronScheduler();
  const runs: number[] = [];
  scheduler.every(50, () => runs.push(performance.now()));
  await vi.waitFor(() => expect(runs.length).toBeGreaterThan(2), 10_000);
  const until = performance.now() + 3_000;
  while (performance.now() < until);
  await vi.waitFor(() => expect(runs.at(-1)).toBeGreaterThan(until + 100), 10_000);
  await scheduler.close();
  const burst = runs.filter((at) => at >= until && at < until + 60).length;
  noteFigures(context, 'B5', { blockedMs: 3_000, intervalMs: 50, burst });
  // One that is late, and the one or two that are due in 60 ms: the sixty that were missed are not made up for.
  expect(burst).toBeLessThanOrEqual(3);
});

test.for([
  ['an hour on', HOUR],
  ['an hour back', -HOUR],
] as const)('every second through a clock that is set %s', async ([clock, jump], context) => {
  const timers = makeManualTimers();
  let offset = Date.UTC(2026, 5, 1, 12);
  const now = (): number => offset + timers.now();
  const scheduler = makeCronScheduler({ timers, now });
  const runs: number[] = [];
  scheduler.cron('* * * * * *', () => runs.push(now()));
  await timers.advance(3_000);
  offset += jump;
  await timers.advance(jump > 0 ? 3_000 : HOUR + 3_000);
  await scheduler.close();
  const twice = runs.length - new Set(runs).size;
  noteFigures(context, 'B11', { clock, fires: runs.length, twice });
  expect({ fires: runs.length, twice }).toEqual({ fires: 6, twice: 0 });
});

test('half past two through both changes of the clock in Berlin', async (context) => {
  const fires: number[] = [];
  for (const day of [Date.UTC(2026, 9, 24, 12), Date.UTC(2027, 2, 27, 12)]) {
    const timers = makeManualTimers();
    const scheduler = makeCronScheduler({ timers, now: () => day + timers.now() });
    let runs = 0;
    scheduler.cron('30 2 * * *', () => (runs += 1), { timezone: 'Europe/Berlin' });
    await timers.advance(24 * HOUR);
    await scheduler.close();
    fires.push(runs);
  }
  noteFigures(context, 'B11', { autumn: fires[0] ?? 0, spring: fires[1] ?? 0 });
  expect(fires).toEqual([1, 1]);
});
