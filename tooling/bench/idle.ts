/** The memory of actors that do nothing: fresh ones, and those that have had their first turn. */
import { median } from './median.ts';
import { inOwnProcess } from './own-process.ts';
import type { Workload } from './result.ts';

const CONTESTANTS = ['raw record', 'naive actor', 'Pantheon'] as const;
const LIMIT_BYTES = 400;

export const idle: Workload = async ({ quick, repetitions }) => {
  const moments = [
    { title: `fresh, of 100,000`, args: [quick ? '1000' : '100000', 'before'] },
    { title: `after a turn, of 10,000`, args: [quick ? '500' : '10000', 'after'] },
  ];
  const runs = new Map<string, number[]>();
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    for (const { title, args } of moments) {
      for (const name of CONTESTANTS) {
        const key = `${name} ${title}`;
        const bytes = await inOwnProcess<number>('idle-child.ts', [name, ...args]);
        runs.set(key, [...(runs.get(key) ?? []), bytes]);
      }
    }
  }
  const of = (name: string, title: string): number => median(runs.get(`${name} ${title}`) ?? []);
  return {
    title: 'W6: memory of an idle actor',
    tables: [
      {
        title: 'Bytes of heap an actor',
        columns: moments.map(({ title }) => title),
        rows: CONTESTANTS.map((name) => ({
          name,
          values: moments.map(({ title }) => of(name, title)),
        })),
      },
    ],
    targets: moments.map(({ title }) => ({
      what: `bytes of an idle actor, ${title}`,
      actual: of('Pantheon', title),
      limit: LIMIT_BYTES,
      sense: 'most',
    })),
  };
};
