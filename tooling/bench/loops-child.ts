/** `node loops-child.ts <contestant> <loops> <turns>`: runs that many loops of one second and prints what they cost. */
import { defineScript, makeOrchestrator } from '@promethean/pantheon-core';
import type { Actor, IScheduler, OrchestratorDeps } from '@promethean/pantheon-core';
import { makeMemoryScheduler, makeMemoryState } from '@promethean/pantheon-core/memory';
import { makeNaiveLoop } from './naive-loop.ts';
import { collectGarbage } from './own-process.ts';
import { makeTurnDesk } from './turn-desk.ts';

/** What a run of loops came to. */
export interface LoopFigures {
  /** Heap of one loop, with the function that stops it. */
  readonly bytes: number;
  /** CPU milliseconds for one second of all loops. */
  readonly cpuMs: number;
  readonly latestMs: number;
  readonly missed: number;
  /** CPU milliseconds for one tick of each actor without any loop; 0 where there is no tick. */
  readonly tickMs: number;
}

const INTERVAL_MS = 1_000;
const [contestant = '', loops = '', turns = ''] = process.argv.slice(2);
const count = Number(loops);

/** Turns so far, and the start, of each loop. */
const done = new Uint32Array(count);
const startedAt = new Float64Array(count);
let latestMs = 0;

const turned = (n: number): void => {
  done[n] = (done[n] ?? 0) + 1;
  const due = (startedAt[n] ?? 0) + (done[n] ?? 0) * INTERVAL_MS;
  latestMs = Math.max(latestMs, performance.now() - due);
};

const script = defineScript({
  name: 'looper',
  contextSources: [],
  talents: [
    {
      name: 'all',
      behaviors: [
        {
          name: 'tick',
          mode: 'passive',
          // The one thing that the specification's loop and ours both hand over.
          plan: ({ goal }) => {
            turned(Number(goal));
            return { actions: [] };
          },
        },
      ],
    },
  ],
});

const hostIntervals: IScheduler = {
  every: (intervalMs, task) => {
    const timer = setInterval(task, intervalMs);
    return () => clearInterval(timer);
  },
  once: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};

const state = makeMemoryState();
const actors: Actor[] = [];
if (contestant.includes('actor')) {
  for (let n = 0; n < count; n += 1) actors.push(await state.spawn(script, String(n)));
}
const deps: OrchestratorDeps = {
  ...makeTurnDesk(0).deps,
  context: { compile: async () => [] },
  state,
  schedule: makeMemoryScheduler(),
};
const naive = makeNaiveLoop({ ...deps, schedule: hostIntervals });
const orchestrator = makeOrchestrator(deps);

const START: Readonly<Record<string, (n: number, task: () => unknown) => () => void>> = {
  'setInterval each': (_n, task) => hostIntervals.every(INTERVAL_MS, task),
  'every of the memory scheduler': (_n, task) => deps.schedule.every(INTERVAL_MS, task),
  'naive actor loops': (n) => naive.startActorLoop(actors[n] as Actor, INTERVAL_MS),
  'actor loops': (n) => orchestrator.startActorLoop(actors[n] as Actor, INTERVAL_MS),
};
const start = START[contestant] as (typeof START)[string];

const stops = Array.from({ length: count }, () => (): void => {});
const stopAll = (): void => {
  for (const stop of stops) stop();
  stops.fill(() => {});
};

const nothing = (): void => {};
await collectGarbage();
const before = process.memoryUsage().heapUsed;
for (let n = 0; n < count; n += 1) stops[n] = start(n, nothing);
await collectGarbage();
const bytes = (process.memoryUsage().heapUsed - before) / count;
stopAll();

for (let n = 0; n < count; n += 1) {
  startedAt[n] = performance.now();
  done[n] = 0;
  stops[n] = start(n, () => turned(n));
}
latestMs = 0;
const cpu = process.cpuUsage();
const began = performance.now();
// Half an interval beyond the last turn, so that none is cut off.
await new Promise((resolve) => {
  setTimeout(resolve, (Number(turns) + 0.5) * INTERVAL_MS);
});
const seconds = (performance.now() - began) / 1_000;
const { user, system } = process.cpuUsage(cpu);
const missed = done.reduce((sum, turnsDone) => sum + Math.max(0, Number(turns) - turnsDone), 0);
stopAll();

const tickAll = async (): Promise<number> => {
  const since = process.cpuUsage();
  for (const { id } of actors) {
    const actor = await state.get(id);
    if (actor !== undefined) await orchestrator.tickActor(actor);
  }
  const spent = process.cpuUsage(since);
  return (spent.user + spent.system) / 1_000;
};

const figures: LoopFigures = {
  bytes,
  cpuMs: (user + system) / 1_000 / Math.floor(seconds),
  latestMs,
  missed,
  tickMs: contestant === 'actor loops' ? await tickAll() : 0,
};
process.stdout.write(JSON.stringify(figures));
process.exit(0);
