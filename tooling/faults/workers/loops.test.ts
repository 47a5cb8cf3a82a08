/** C9: two processes start the same loops at the same moment. */
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { expect, test } from 'vitest';
import { inScene } from './scene.ts';
import { describeSets } from './sets.ts';
import { until } from './until.ts';

const LOOPS = IS_FULL ? 200 : 20;
const INTERVAL_MS = 250;
const TURNS = 6;

describeSets('workers that loop', ['redis', 'postgres'], 2, (name, set) => {
  test(
    `C9 two workers on ${name} start the same ${LOOPS} loops at once: each turns in one of them`,
    { timeout: 600_000 },
    (context) =>
      // Nobody dies: a term that a slow machine does not miss.
      inScene({ ...set(), actors: LOOPS, terms: { leaseMs: 30_000 } }, async (scene) => {
        const workers = await Promise.all([scene.crew.hire(), scene.crew.hire()]);
        const loop = { do: 'loop', actors: scene.actors, intervalMs: INTERVAL_MS } as const;
        await Promise.all(workers.map((worker) => worker.tell(loop)));
        const turnsOf = (actor: string) =>
          scene.counter.calls.filter(({ kind, actor: of }) => kind === 'turn' && of === actor);
        await until(
          () => scene.actors.every((actor) => turnsOf(actor).length >= TURNS),
          'the turns of all loops',
        );
        const holders = scene.actors.map(
          (actor) => new Set(turnsOf(actor).map(({ worker }) => worker)).size,
        );
        const doubleStarts = holders.filter((count) => count !== 1).length;
        const { overlaps } = scene.findings();
        const first = scene.counter.calls[0]?.worker;
        const byFirst = scene.actors.filter((actor) => turnsOf(actor)[0]?.worker === first).length;
        // When the holders stop, the others turn them: released, and not left to the end of the term.
        const [leaving, staying] = workers;
        const before = scene.counter.calls.length;
        const exit = await leaving.stop();
        await until(
          () =>
            scene.actors.every((actor) =>
              scene.counter.calls
                .slice(before)
                .some(({ actor: of, worker }) => of === actor && worker === staying.name),
            ),
          'the takeover of all loops',
          25_000,
        );
        noteFigures(context, `C9 ${name}`, {
          loops: LOOPS,
          doubleStarts,
          overlaps,
          byFirst,
          exit: exit ?? 'none',
        });
        expect({ doubleStarts, overlaps, exit }).toEqual({ doubleStarts: 0, overlaps: 0, exit: 0 });
      }),
  );
});
