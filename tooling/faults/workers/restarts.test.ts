/** C5 and C8: a cold start before a mountain of messages, and a rolling restart. */
import { readFileSync } from 'node:fs';
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { expect, test } from 'vitest';
import { inScene, type Scene } from './scene.ts';
import { describeSets } from './sets.ts';
import { monotonic } from './settings.ts';
import { until } from './until.ts';

const TIMEOUT_MS = 600_000;
const PENDING = IS_FULL ? 10_000 : 1_000;
const RESTARTS = IS_FULL ? 30 : 3;
const RESTART_EVERY_MS = IS_FULL ? 2_000 : 500;

/** The most memory that a process has used, in MiB. */
const peakMiB = (pid: number): number => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1_024);
};

/** Plans of an actor that were made before the plan of an earlier order. */
const countOutOfOrder = ({ counter, actors }: Scene): number =>
  actors
    .flatMap((actor) => {
      const plans = counter.calls.filter(({ kind, actor: of }) => kind === 'plan' && of === actor);
      const numbers = plans.map(({ order }) => Number(order.slice(1)));
      return numbers.map((number, index) => index > 0 && number < (numbers[index - 1] as number));
    })
    .filter(Boolean).length;

describeSets('restarted workers', ['redis', 'postgres', 'sqlite'], 1, (name, set) => {
  test(
    `C5 all workers on ${name} have died, ${PENDING} messages wait, and one starts`,
    { timeout: TIMEOUT_MS },
    (context) =>
      inScene({ ...set(), holdMs: 4 }, async (scene) => {
        const first = await scene.hire(3);
        await scene.send();
        await until(() => scene.counter.calls.length > 10, 'work');
        await Promise.all(first.map((worker) => worker.kill()));
        const rounds = PENDING / scene.actors.length;
        for (let round = 0; round < rounds; round += 1) await scene.send();
        const since = monotonic();
        const [worker] = await scene.hire(1);
        await scene.settle(TIMEOUT_MS);
        const seconds = (monotonic() - since) / 1_000;
        const findings = scene.findings();
        const outOfOrder = countOutOfOrder(scene);
        const peak = peakMiB(worker?.pid ?? 0);
        noteFigures(context, `C5 ${name}`, {
          ...findings,
          pending: PENDING,
          outOfOrder,
          peakMiB: peak,
          perSecond: Math.round(PENDING / seconds),
        });
        const { lost, duplicated, overlaps, paidTwice, wrongAnswers } = findings;
        expect({ lost, duplicated, overlaps, paidTwice, wrongAnswers, outOfOrder }).toEqual({
          lost: 0,
          duplicated: 0,
          overlaps: 0,
          paidTwice: 0,
          wrongAnswers: 0,
          outOfOrder: 0,
        });
        expect(peak).toBeLessThan(500);
      }),
  );

  test(
    `C8 ${RESTARTS} workers on ${name} are asked to stop, one after the other`,
    { timeout: TIMEOUT_MS },
    (context) =>
      // Nobody dies: a term that a slow machine does not miss.
      inScene({ ...set(), terms: { leaseMs: 10_000, memberMs: 10_000 } }, async (scene) => {
        const workers = await scene.hire(3);
        const codes: (number | null)[] = [];
        let isOver = false;
        const feeding = (async () => {
          while (!isOver) {
            await scene.send();
            await until(() => scene.left() < 120, 'some work');
          }
        })();
        for (let restart = 0; restart < RESTARTS; restart += 1) {
          const since = performance.now();
          const slot = restart % workers.length;
          const worker = workers[slot];
          const [replacement] = await scene.hire(1);
          codes.push((await worker?.stop()) ?? null);
          if (replacement !== undefined) workers[slot] = replacement;
          await until(() => performance.now() - since > RESTART_EVERY_MS, 'the next restart');
        }
        isOver = true;
        await feeding;
        await scene.settle();
        const findings = scene.findings();
        const badExits = codes.filter((code) => code !== 0).length;
        noteFigures(context, `C8 ${name}`, { restarts: RESTARTS, ...findings, badExits });
        const { effects, ...rest } = findings;
        expect(effects).toBeGreaterThan(RESTARTS * 3);
        expect({ ...rest, badExits }).toEqual({
          lost: 0,
          duplicated: 0,
          overlaps: 0,
          paidTwice: 0,
          plannedAgain: 0,
          repeatedCalls: 0,
          wrongAnswers: 0,
          interrupted: 0,
          badExits: 0,
        });
      }),
  );
});
