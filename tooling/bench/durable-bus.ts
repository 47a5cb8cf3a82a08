/** W4, a durable bus on Redis: messages a second from end to end, and how late they are at a steady thousand a second. */
import { hasRedis, startRedis } from '@promethean/services';
import { Redis } from 'ioredis';
import { BATCHES, CONTESTANTS, OURS, QUEUE, REDIS } from './durable-bus-contestants.ts';
import { median } from './median.ts';
import { inOwnProcess } from './own-process.ts';
import type { Workload } from './result.ts';

const APART = 'apart';
const TOGETHER = 'together';
const STEADY = 'steady';
const MODES = [APART, TOGETHER, STEADY] as const;
type Mode = (typeof MODES)[number];

const title = 'W4: a durable bus on Redis';

export const durableBus: Workload = async ({ quick, repetitions }) => {
  if (!hasRedis())
    return {
      title,
      notes: ['There is no redis-server on this machine; this workload is left out.'],
      tables: [],
      targets: [],
    };
  const sliceMs: Readonly<Record<Mode, number>> = {
    apart: quick ? 20 : 500,
    together: quick ? 20 : 500,
    steady: quick ? 200 : 2_000,
  };
  const modes: readonly Mode[] = quick ? [APART, STEADY] : MODES;
  const figures = new Map<string, number[]>();
  const redis = await startRedis();
  process.env[REDIS] = redis.url;
  const client = new Redis(redis.url);
  try {
    for (let repetition = 0; repetition < repetitions; repetition += 1) {
      for (const { name, isSingle } of CONTESTANTS) {
        for (const mode of modes) {
          if (mode === STEADY && (!isSingle || (quick && name !== OURS))) continue;
          // None finds what another left behind.
          await client.flushall();
          const args = [name, mode, String(sliceMs[mode])];
          const figure = await inOwnProcess<number>('durable-bus-child.ts', args);
          const key = `${name} ${mode}`;
          figures.set(key, [...(figures.get(key) ?? []), figure]);
        }
      }
    }
  } finally {
    await client.quit();
    await redis.close();
  }
  const of = (name: string, mode: Mode): number | undefined => {
    const values = figures.get(`${name} ${mode}`);
    return values === undefined ? undefined : median(values);
  };
  const times = (name: string, mode: Mode): number => (of(OURS, mode) ?? 0) / (of(name, mode) ?? 0);
  return {
    title,
    tables: [
      {
        title:
          'Messages a second, the consumer in a process of its own or in the same; and p99 milliseconds from send to handler at 1,000 a second',
        columns: ['own process', 'same process', 'p99'],
        rows: CONTESTANTS.map(({ name }) => ({
          name,
          values: MODES.map((mode) => of(name, mode)),
        })),
      },
    ],
    targets: [
      {
        what: `${OURS}: throughput, x ${QUEUE}`,
        actual: times(QUEUE, APART),
        limit: 5,
        sense: 'least',
      },
      {
        what: `${OURS}: throughput, x ${BATCHES}`,
        actual: times(BATCHES, APART),
        limit: 0.5,
        sense: 'least',
      },
      {
        what: `${OURS}: p99 at 1,000 a second, ms`,
        actual: of(OURS, STEADY) ?? Number.NaN,
        limit: 2,
        sense: 'most',
      },
    ],
  };
};
