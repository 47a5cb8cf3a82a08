/** C2: a process is killed at every point of a tick, and the next one finishes what it left. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noteFigures } from '@promethean/services/figures';
import { expect, test } from 'vitest';
import { CRASH_POINTS, type CrashPoint } from './points.ts';
import { runChild, startCounter } from './run-child.ts';

/** All of it with `npm run faults`; enough to see a mistake with `npm test`. */
const REPEATS = process.env['PANTHEON_FAULTS'] === 'full' ? 20 : 2;

const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);

/** One message, one process that dies, and processes that go on until the message is acknowledged. */
const crash = async (crashAt: CrashPoint, isNaive: boolean) => {
  const folder = await mkdtemp(join(tmpdir(), 'pantheon-crash-'));
  const counter = await startCounter();
  try {
    const settings = { folder, counter: counter.url, isNaive };
    const first = await runChild({ ...settings, crashAt });
    const second = await runChild(settings);
    expect(second).toMatchObject({ code: 0, errors: '' });
    const [plans, effects] = [counter.counts('plan'), counter.counts('effect')];
    return {
      killed: first.signal === 'SIGKILL',
      left: (JSON.parse(second.output) as { readonly left: number }).left,
      plans: sum(plans),
      /** What the effects' server has under different keys: the same key again is recognised there. */
      effects: effects.length,
      calls: sum(effects),
    };
  } finally {
    await counter.close();
    await rm(folder, { recursive: true });
  }
};

test.for(CRASH_POINTS)(
  'C2 a process that is killed %s loses nothing and repeats nothing that was recorded',
  { timeout: 120_000 },
  async (point, context) => {
    const figures = {
      kills: 0,
      lost: 0,
      duplicatedEffects: 0,
      plansPaidTwice: 0,
      repeatedCalls: 0,
    };
    for (let run = 0; run < REPEATS; run += 1) {
      const { killed, left, plans, effects, calls } = await crash(point, false);
      figures.kills += killed ? 1 : 0;
      figures.lost += left + Math.max(0, 2 - effects);
      figures.duplicatedEffects += Math.max(0, effects - 2);
      figures.plansPaidTwice += Math.max(0, plans - 1);
      figures.repeatedCalls += calls - effects;
    }
    noteFigures(context, 'C2', figures);
    expect(figures).toEqual({
      kills: REPEATS,
      lost: 0,
      duplicatedEffects: 0,
      plansPaidTwice: 0,
      // The one call whose outcome nobody knew; its tool says that it may be repeated, and it had the same key.
      repeatedCalls: point === 'during the tool' ? REPEATS : 0,
    });
  },
);

test('C2 without a journal the same harness sees what is lost and repeated', async () => {
  const { killed, effects, plans } = await crash('during the tool', true);
  expect(killed).toBe(true);
  expect(plans).toBe(2);
  expect(effects).toBe(4);
}, 60_000);
