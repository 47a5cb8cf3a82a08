/** D1 and E1 under the whole of it: three workers at work while the server of their stores dies and comes back. */
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import {
  describeWithPostgresServer,
  describeWithRedis,
  describeWithRedisServer,
} from '@promethean/services/vitest';
import { expect, test } from 'vitest';
import { EFFECTS_EACH, inScene, type SceneOptions } from './scene.ts';
import { until } from './until.ts';

const CRASHES = IS_FULL ? 20 : 2;
const ORDERS_EACH = 3;
const TIMEOUT_MS = 600_000;
/** Before it comes back: within the leases of the actors, and for longer. */
const AWAY_MS = [0, 300, 1_500] as const;
/** Nobody dies but the server: the answers go to a plain subscription, whose place the bus keeps for this long. */
const TERMS = { memberMs: 60_000 };

/** What can be killed, and started again on the same port and data. */
interface Server {
  readonly end: () => Promise<void>;
  readonly start: () => Promise<void>;
}

const testCrashes = (
  id: string,
  name: string,
  set: () => Pick<SceneOptions, 'stores' | 'redis' | 'postgres'>,
  server: () => Server,
): void =>
  test(
    `${id} ${CRASHES} crashes of ${name} under three workers: nothing lost, nothing twice`,
    { timeout: TIMEOUT_MS },
    (context) =>
      inScene({ ...set(), terms: TERMS }, async (scene) => {
        await scene.hire(3);
        const { counter } = scene;
        let resumeMs = 0;
        for (let crash = 0; crash < CRASHES; crash += 1) {
          for (let n = 0; n < ORDERS_EACH; n += 1) await scene.send();
          const before = counter.effects();
          // In the middle of it: some effects have happened, most have not.
          await until(() => counter.effects() > before + 10, 'work');
          expect(scene.left()).toBeGreaterThan(EFFECTS_EACH);
          await server().end();
          const away = performance.now();
          const awayMs = AWAY_MS[crash % AWAY_MS.length] as number;
          await until(() => performance.now() - away >= awayMs, 'the outage');
          await server().start();
          const back = performance.now();
          const seen = counter.effects();
          await until(() => counter.effects() > seen, 'work after the restart');
          resumeMs = Math.max(resumeMs, Math.round(performance.now() - back));
          // A message of the test itself meets a server that is there.
          await until(() => scene.left() < 20 * EFFECTS_EACH, 'most of the work');
        }
        await scene.settle();
        const findings = scene.findings();
        const lostUpdates = await scene.lostUpdates();
        noteFigures(context, `${id} ${name}, workers`, {
          crashes: CRASHES,
          ...findings,
          lostUpdates,
          resumeMs,
        });
        const { effects, lost, duplicated, overlaps, paidTwice, wrongAnswers } = findings;
        expect({ lost, duplicated, overlaps, paidTwice, wrongAnswers, lostUpdates }).toEqual({
          lost: 0,
          duplicated: 0,
          overlaps: 0,
          paidTwice: 0,
          wrongAnswers: 0,
          lostUpdates: 0,
        });
        expect(effects).toBe(CRASHES * ORDERS_EACH * scene.actors.length * EFFECTS_EACH);
      }),
  );

describeWithRedisServer(
  'workers whose Redis dies',
  (redis) =>
    testCrashes(
      'D1',
      'redis',
      () => ({ stores: 'redis', redis: redis().url }),
      () => ({ end: redis().kill, start: redis().start }),
    ),
  { args: ['--appendonly', 'yes', '--appendfsync', 'always'] },
);

describeWithRedis('workers whose PostgreSQL dies', (redis) =>
  describeWithPostgresServer('beside Redis', (postgres) =>
    testCrashes(
      'E1',
      'postgres',
      () => ({ stores: 'postgres', redis: redis().url, postgres: postgres().url }),
      () => ({ end: postgres().crash, start: postgres().start }),
    ),
  ),
);
