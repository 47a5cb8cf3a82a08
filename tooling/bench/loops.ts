/** W3, loops: many at an interval of one second, bare ones and those of actors whose ticks do nothing. */
import type { LoopFigures } from './loops-child.ts';
import { median } from './median.ts';
import { inOwnProcess } from './own-process.ts';
import type { Workload } from './result.ts';

const INTERVALS = 'setInterval each';
const EVERY = 'every of the memory scheduler';
const NAIVE = 'naive actor loops';
const OURS = 'actor loops';
const CONTESTANTS = [INTERVALS, EVERY, NAIVE, OURS] as const;
/** Each repetition has several turns of every loop, and takes as long as they do. */
const MOST_REPETITIONS = 3;

export const loops: Workload = async ({ quick, repetitions }) => {
  const sizes = quick ? [100] : [10_000, 100_000];
  const turns = quick ? 1 : 3;
  const runs = new Map<string, LoopFigures[]>();
  for (let repetition = 0; repetition < Math.min(repetitions, MOST_REPETITIONS); repetition += 1) {
    for (const size of sizes) {
      for (const name of CONTESTANTS) {
        const args = [name, String(size), String(turns)];
        const figures = await inOwnProcess<LoopFigures>('loops-child.ts', args);
        const key = `${name} ${size}`;
        runs.set(key, [...(runs.get(key) ?? []), figures]);
      }
    }
  }
  const of = (name: string, size: number, figure: keyof LoopFigures): number =>
    median((runs.get(`${name} ${size}`) ?? []).map((figures) => figures[figure]));
  const largest = sizes.at(-1) as number;
  return {
    title: 'W3: loops of one second',
    tables: sizes.map((size) => ({
      title: `${size.toLocaleString('en')} loops`,
      columns: ['CPU ms a second', 'greatest lateness ms', 'bytes a loop', 'turns missed'],
      rows: CONTESTANTS.map((name) => ({
        name,
        values: [
          of(name, size, 'cpuMs'),
          of(name, size, 'latestMs'),
          of(name, size, 'bytes'),
          of(name, size, 'missed'),
        ],
      })),
    })),
    targets: [
      {
        what: `${OURS}: CPU, x that of every and of the ticks alone`,
        actual:
          of(OURS, largest, 'cpuMs') / (of(EVERY, largest, 'cpuMs') + of(OURS, largest, 'tickMs')),
        limit: 1.5,
        sense: 'most',
      },
      {
        what: `${EVERY}: lateness, x setInterval`,
        actual: of(EVERY, largest, 'latestMs') / of(INTERVALS, largest, 'latestMs'),
        limit: 1,
        sense: 'most',
      },
      {
        what: `${OURS}: lateness, x naive loops on setInterval`,
        actual: of(OURS, largest, 'latestMs') / of(NAIVE, largest, 'latestMs'),
        limit: 1,
        sense: 'most',
      },
      {
        what: `${EVERY}: bytes a loop`,
        actual: of(EVERY, largest, 'bytes'),
        limit: 150,
        sense: 'most',
      },
      {
        what: `${OURS}: bytes a loop`,
        actual: of(OURS, largest, 'bytes'),
        limit: 150,
        sense: 'most',
      },
      {
        what: `${OURS}: turns missed`,
        actual: of(OURS, largest, 'missed'),
        limit: 0,
        sense: 'most',
      },
    ],
  };
};
