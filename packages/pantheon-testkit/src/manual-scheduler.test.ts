import { expect, test } from 'vitest';
import { makeManualScheduler } from './index.ts';

test('nothing runs until time is advanced, and then in order', async () => {
  const scheduler = makeManualScheduler({ startMs: 1_000 });
  const runs: string[] = [];
  const note = (name: string) => (): void => void runs.push(`${name} ${scheduler.now()}`);
  scheduler.every(20, note('every'));
  scheduler.once(30, note('once'));
  expect([scheduler.now(), scheduler.pending(), runs]).toEqual([1_000, 2, []]);
  await scheduler.advance(40);
  expect(runs).toEqual(['every 1020', 'once 1030', 'every 1040']);
  expect([scheduler.now(), scheduler.pending()]).toEqual([1_040, 1]);
});

test('a task that schedules, ends and advances is safe', async () => {
  const scheduler = makeManualScheduler();
  const runs: string[] = [];
  const end = scheduler.every(10, () => runs.push(`every ${scheduler.now()}`));
  scheduler.once(15, async () => {
    runs.push(`outer ${scheduler.now()}`);
    scheduler.once(0, () => runs.push(`at once ${scheduler.now()}`));
    scheduler.once(50, () => runs.push(`later ${scheduler.now()}`));
    await scheduler.advance(45);
    end();
    runs.push(`outer goes on ${scheduler.now()}`);
  });
  await scheduler.advance(20);
  // The advance of the task is done after this one.
  expect(runs).toEqual(['every 10', 'outer 15', 'at once 15', 'every 20']);
  await scheduler.advance(0);
  expect(runs.slice(4)).toEqual(
    ['every 30', 'every 40', 'every 50', 'every 60', 'outer goes on 65'].toSpliced(
      4,
      0,
      'later 65',
    ),
  );
  expect([scheduler.now(), scheduler.pending()]).toEqual([65, 0]);
});

test('what tasks throw is kept, and the schedule goes on', async () => {
  const scheduler = makeManualScheduler();
  const [sync, late] = [new Error('at once'), new Error('later')];
  let runs = 0;
  scheduler.every(10, () => {
    runs += 1;
    if (runs === 1) throw sync;
    return runs === 2 ? Promise.reject(late) : undefined;
  });
  await scheduler.advance(30);
  expect([runs, scheduler.errors]).toEqual([3, [sync, late]]);
});

test('a wrong use throws', () => {
  const scheduler = makeManualScheduler();
  expect(() => scheduler.every(Number.NaN, () => undefined)).toThrow('whole number');
  expect(() => scheduler.once(1, 'task' as never)).toThrow('function');
  expect(scheduler.pending()).toBe(0);
});

test.each([-1, Number.NaN, Infinity])('time does not advance by %s', async (ms) => {
  const scheduler = makeManualScheduler();
  await expect(scheduler.advance(ms)).rejects.toMatchObject({ code: 'option-invalid' });
});
