/**
 * Lets contestants do the same work in turns, each in a process of its own: what disturbs the machine disturbs all of them alike.
 */
import { median } from './median.ts';
import { inOwnProcess } from './own-process.ts';
import type { Effort } from './result.ts';

/** One kind of work. */
export interface Discipline {
  /** Does it this many times, and throws where it was not really done. */
  readonly run: (times: number) => Promise<void>;
  /** The work is handed out in multiples of this. Default 1. */
  readonly batch?: number;
}

/** Everything that one contestant does, by the name of the discipline. */
export type Disciplines = Readonly<Record<string, Discipline>>;

/** What one piece of work costs, in microseconds. */
export interface Cost {
  readonly cpuUs: number;
  readonly wallUs: number;
}

/** The medians of all repetitions. */
export type Standings = (contestant: string, discipline: string) => Cost;

/** `workload` is a file of this folder that exports `enter`; see `contestant.ts`. A slice of work takes `fullSliceMs` of CPU time. */
export const hold = async (
  workload: string,
  contestants: readonly string[],
  { quick, repetitions }: Effort,
  fullSliceMs = 100,
): Promise<Standings> => {
  const runs = new Map<string, Record<string, Cost>[]>(contestants.map((name) => [name, []]));
  const sliceMs = quick ? 2 : fullSliceMs;
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    for (const [name, costs] of runs) {
      costs.push(await inOwnProcess('contestant.ts', [workload, name, String(sliceMs)]));
    }
  }
  return (contestant, discipline) => {
    const costs = (runs.get(contestant) ?? []).map((run) => run[discipline] as Cost);
    return {
      cpuUs: median(costs.map(({ cpuUs }) => cpuUs)),
      wallUs: median(costs.map(({ wallUs }) => wallUs)),
    };
  };
};
