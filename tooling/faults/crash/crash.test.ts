/** C2: a process is killed at every point of a tick, and the next one finishes what it left. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { describeWithPostgres, describeWithRedis } from '@promethean/services/vitest';
import { describe, expect, test } from 'vitest';
import type { JournalName } from './journals.ts';
import { CRASH_POINTS, type CrashPoint } from './points.ts';
import { runChild, startCounter } from './run-child.ts';

/** All of it with `npm run faults`; enough to see a mistake with `npm test`. */
const REPEATS = IS_FULL ? 20 : 2;

const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);

/** One message, one process that dies, and processes that go on until the message is acknowledged. */
const crash = async (
  { journal, url }: { readonly journal: JournalName; readonly url: string },
  crashAt: CrashPoint,
  isNaive: boolean,
) => {
  const folder = await mkdtemp(join(tmpdir(), 'pantheon-crash-'));
  const counter = await startCounter();
  try {
    const namespace = `t${randomBytes(6).toString('hex')}`;
    const settings = { journal, url, folder, namespace, counter: counter.url, isNaive };
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

const survives = (journal: JournalName, url: () => string): void =>
  test.for(CRASH_POINTS)(
    `C2 a process with a ${journal} journal that is killed %s loses nothing and repeats nothing that was recorded`,
    { timeout: 300_000 },
    async (point, context) => {
      const figures = {
        kills: 0,
        lost: 0,
        duplicatedEffects: 0,
        plansPaidTwice: 0,
        repeatedCalls: 0,
      };
      const one = async (): Promise<void> => {
        const { killed, left, plans, effects, calls } = await crash(
          { journal, url: url() },
          point,
          false,
        );
        figures.kills += killed ? 1 : 0;
        figures.lost += left + Math.max(0, 2 - effects);
        figures.duplicatedEffects += Math.max(0, effects - 2);
        figures.plansPaidTwice += Math.max(0, plans - 1);
        figures.repeatedCalls += calls - effects;
      };
      // Two at a time: each is a process that mostly starts.
      for (let run = 0; run < REPEATS; run += 2) await Promise.all([one(), one()]);
      noteFigures(context, `C2 ${journal}, ${point}`, figures);
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

describe('a file', () => {
  survives('sqlite', () => '');

  test('C2 without a journal the same harness sees what is lost and repeated', async () => {
    const { killed, effects, plans } = await crash(
      { journal: 'sqlite', url: '' },
      'during the tool',
      true,
    );
    expect(killed).toBe(true);
    expect(plans).toBe(2);
    expect(effects).toBe(4);
  }, 60_000);
});

describeWithRedis('Redis', (redis) => survives('redis', () => redis().url));
describeWithPostgres('PostgreSQL', (postgres) => survives('postgres', () => postgres().url));
