/** One contestant, in a process of its own: `node contestant.ts <workload file> <contestant> <slice ms>` prints what its work costs. */
import type { Cost, Discipline, Disciplines } from './contest.ts';
import { median } from './median.ts';

const SLICES = 3;
/** Slices of work before anything counts: the engine compiles the better, the longer it has watched. */
const WARM_UP = 5;

const measure = async ({ run }: Discipline, times: number): Promise<Cost> => {
  const cpu = process.cpuUsage();
  const wall = performance.now();
  await run(times);
  const elapsed = performance.now() - wall;
  const { user, system } = process.cpuUsage(cpu);
  return { cpuUs: (user + system) / times, wallUs: (elapsed * 1_000) / times };
};

/** How much work fills a slice; finding it out is the warm-up. */
const calibrate = async (discipline: Discipline, sliceMs: number): Promise<number> => {
  const { batch = 1 } = discipline;
  const enoughUs = sliceMs * 1_000;
  for (let times = batch, spentUs = 0; ; times *= 2) {
    const { cpuUs } = await measure(discipline, times);
    spentUs += cpuUs * times;
    if (spentUs >= WARM_UP * enoughUs)
      return Math.max(1, Math.round(enoughUs / cpuUs / batch)) * batch;
  }
};

const [workload = '', name = '', slice = ''] = process.argv.slice(2);
const { enter } = (await import(new URL(workload, import.meta.url).href)) as {
  readonly enter: (contestant: string) => Promise<Disciplines>;
};
const costs: Record<string, Cost> = {};
for (const [key, discipline] of Object.entries(await enter(name))) {
  const times = await calibrate(discipline, Number(slice));
  const slices: Cost[] = [];
  for (let n = 0; n < SLICES; n += 1) slices.push(await measure(discipline, times));
  costs[key] = {
    cpuUs: median(slices.map(({ cpuUs }) => cpuUs)),
    wallUs: median(slices.map(({ wallUs }) => wallUs)),
  };
}
process.stdout.write(JSON.stringify(costs));
// Some rivals keep a handle open.
process.exit(0);
