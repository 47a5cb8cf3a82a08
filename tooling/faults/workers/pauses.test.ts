/** C3 and C4: a worker that stands still for longer than its leases, and then goes on as if nothing had happened. */
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { expect, test } from 'vitest';
import type { Call } from './counter.ts';
import { inScene } from './scene.ts';
import { describeSets } from './sets.ts';
import { DUTIES, monotonic } from './settings.ts';
import { until } from './until.ts';

const TIMEOUT_MS = 600_000;
const PAUSES = IS_FULL ? 15 : 1;

// Not on SQLite: a process that is stopped in the middle of a write keeps the file's lock, and all others wait for it.
describeSets('paused workers', ['redis', 'postgres'], 1, (name, set) => {
  test(
    `C3 ${PAUSES} pauses of a worker on ${name}: what it does late changes nothing`,
    { timeout: TIMEOUT_MS },
    (context) =>
      inScene(set(), async (scene) => {
        const workers = await scene.hire(3);
        for (let pause = 0; pause < PAUSES; pause += 1) {
          const before = scene.counter.calls.length;
          await scene.send();
          await scene.send();
          // In the middle of it.
          await until(() => scene.counter.calls.length > before + 10, 'work');
          const worker = workers[pause % workers.length];
          worker?.signal('SIGSTOP');
          const since = monotonic();
          // The others have it all done, what was the paused one's too, or its lease would still hold.
          await until(() => scene.left() === 0, 'the end of all effects');
          const { leaseMs, memberMs } = scene.terms;
          await until(() => monotonic() - since > leaseMs + memberMs, 'the end of its terms');
          worker?.signal('SIGCONT');
        }
        await scene.settle();
        const findings = scene.findings();
        const lostUpdates = await scene.lostUpdates();
        noteFigures(context, `C3 ${name}`, { pauses: PAUSES, ...findings, lostUpdates });
        // A call or a plan that was under way is finished late, and another worker has made it again meanwhile: that is the known limit.
        const { lost, duplicated, wrongAnswers } = findings;
        expect({ lost, duplicated, wrongAnswers, lostUpdates }).toEqual({
          lost: 0,
          duplicated: 0,
          wrongAnswers: 0,
          lostUpdates: 0,
        });
      }),
  );

  test(
    `C4 a tool blocks its process on ${name}: the others take its actors over`,
    { timeout: TIMEOUT_MS },
    (context) =>
      inScene(set(), async (scene) => {
        await scene.hire(3);
        await scene.send();
        await scene.settle();
        const [blocked = '', ...others] = scene.actors;
        // Long enough for a slow machine to take over in the meantime.
        const blockMs = 5 * scene.terms.memberMs;
        const before = scene.counter.calls.length;
        // The one that will be blocked is in the middle of the orders of others.
        await Promise.all([
          scene.send(DUTIES.order, others),
          scene.send(`${DUTIES.block} ${blockMs}`, [blocked]),
          scene.send(DUTIES.order, others),
        ]);
        const blocking = (): Call | undefined =>
          scene.counter.calls.slice(before).find(({ kind }) => kind === 'block');
        await until(() => blocking() !== undefined, 'the call that blocks');
        await until(() => scene.left() === 0, 'the work of the other actors');
        const takeoverMs = Math.round(monotonic() - (blocking()?.at ?? 0));
        await scene.settle();
        const findings = scene.findings();
        const blocks = scene.counter.calls.filter(({ kind }) => kind === 'block');
        noteFigures(context, `C4 ${name}`, {
          ...findings,
          takeoverMs,
          blockMs,
          blockCalls: blocks.length,
        });
        const { lost, duplicated, paidTwice, wrongAnswers } = findings;
        expect({ lost, duplicated, paidTwice, wrongAnswers, calls: blocks.length }).toEqual({
          lost: 0,
          duplicated: 0,
          paidTwice: 0,
          wrongAnswers: 0,
          calls: 1,
        });
        // Nobody waited for the end of the blockade.
        expect(takeoverMs).toBeLessThan(blockMs);
      }),
  );
});
