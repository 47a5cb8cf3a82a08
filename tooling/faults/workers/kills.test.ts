/** C1: three workers, and one of them is killed again and again. */
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { describeWithRedis } from '@promethean/services/vitest';
import { expect, test } from 'vitest';
import { killAtRandom } from './random-kills.ts';
import { EFFECTS_EACH, inScene } from './scene.ts';
import { describeSets } from './sets.ts';

const KILLS = IS_FULL ? 100 : 8;
const TIMEOUT_MS = 600_000;

describeSets('killed workers', ['redis', 'postgres', 'sqlite'], 3, (name, set) =>
  test(
    `C1 ${KILLS} random kills of three workers on ${name}: nothing lost, nothing twice`,
    { timeout: TIMEOUT_MS },
    (context) =>
      inScene(set(), async (scene) => {
        await killAtRandom(scene, KILLS);
        const since = performance.now();
        await scene.settle();
        const settleMs = Math.round(performance.now() - since);
        const findings = scene.findings();
        const lostUpdates = await scene.lostUpdates();
        const kills = scene.crew.deaths.size;
        noteFigures(context, `C1 ${name}`, { kills, ...findings, lostUpdates, settleMs });
        const { lost, duplicated, overlaps, paidTwice, wrongAnswers, effects } = findings;
        expect({ lost, duplicated, overlaps, paidTwice, wrongAnswers, lostUpdates }).toEqual({
          lost: 0,
          duplicated: 0,
          overlaps: 0,
          paidTwice: 0,
          wrongAnswers: 0,
          lostUpdates: 0,
        });
        expect(effects).toBe(KILLS * scene.actors.length * EFFECTS_EACH);
        // The kills have met work, or this has shown nothing.
        expect(findings.interrupted).toBeGreaterThan(0);
      }),
  ),
);

describeWithRedis('killed workers, naive', (redis) =>
  test(
    'C1 the same with a shared group alone: the harness sees what goes wrong',
    { timeout: TIMEOUT_MS },
    (context) =>
      inScene({ stores: 'naive', redis: redis().url }, async (scene) => {
        // Where a kill hits is luck; sooner or later each of these shows.
        await killAtRandom(scene, 100, () => {
          const { duplicated, overlaps, plannedAgain } = scene.findings();
          return duplicated > 0 && overlaps > 0 && plannedAgain > 0;
        });
        await scene.settle();
        const findings = scene.findings();
        noteFigures(context, 'C1 naive, must fail', findings);
        expect(findings.duplicated).toBeGreaterThan(0);
        expect(findings.overlaps).toBeGreaterThan(0);
        expect(findings.plannedAgain).toBeGreaterThan(0);
      }),
  ),
);
