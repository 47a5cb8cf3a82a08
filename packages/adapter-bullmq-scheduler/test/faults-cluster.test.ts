import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { describeWithRedisServer } from '@promethean/services/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  type Cluster,
  type ClusterOptions,
  instantsOf,
  overlaps,
  startCluster,
} from './cluster.ts';

const queueOf = ({
  namespace,
  kind,
  timing,
}: Omit<ClusterOptions, 'url' | 'processes'>): string => {
  const text = kind === 'cron' ? `${timing} UTC` : timing;
  return `{${namespace}}:job/${kind}/${encodeURIComponent(text).replaceAll('*', '%2A')}/0`;
};

/** Waits until Redis remembers every run that was told. A second run of an instant would be told and not be remembered, for ever. */
const settledInstants = async (
  client: Redis,
  queue: string,
  cluster: Cluster,
): Promise<{ readonly instants: readonly number[]; readonly ended: number }> => {
  let instants: readonly number[] = [];
  let ended = 0;
  await vi.waitFor(async () => {
    ended = cluster.runs.filter((run) => run.ended !== undefined).length;
    instants = await instantsOf(client, queue);
    expect(instants.length).toBeGreaterThanOrEqual(ended);
  }, 20_000);
  return { instants, ended };
};

describeWithRedisServer(
  'many processes on one Redis',
  (redis) => {
    let client: Redis;
    beforeAll(() => {
      client = new Redis(redis().url);
      client.on('error', () => undefined);
    });
    afterAll(() => client.disconnect());

    test.for([
      [2, 'every', '100', 50],
      [3, 'every', '100', 50],
      [2, 'cron', '* * * * * *', 5],
      [3, 'cron', '* * * * * *', 5],
    ] as const)(
      '%i processes run each instant of %s(%s) once, and leave nothing behind',
      { timeout: 120_000 },
      async ([processes, kind, timing, most], context) => {
        const options = { namespace: `each-${processes}-${kind}`, kind, timing };
        const cluster = await startCluster({ url: redis().url, processes, ...options });
        await vi.waitFor(() => expect(cluster.runs.length).toBeGreaterThanOrEqual(most), 60_000);
        const { instants, ended } = await settledInstants(client, queueOf(options), cluster);
        const step = kind === 'every' ? 100 : 1_000;
        const steps = instants.slice(1).map((instant, at) => instant - (instants[at] as number));
        expect(await cluster.close()).toEqual(Array.from({ length: processes }, () => 0));
        const left = await client.keys(`{${options.namespace}}*`);
        noteFigures(context, 'R-LOOP-8', {
          processes,
          schedule: kind,
          instants: instants.length,
          duplicated: Math.max(0, ended - instants.length),
          missed: steps.reduce((sum, gap) => sum + gap / step - 1, 0),
          overlapping: overlaps(cluster.runs),
          keysLeft: left.length,
        });
        expect(steps.filter((gap) => gap <= 0 || gap % step !== 0)).toEqual([]);
        expect(overlaps(cluster.runs)).toBe(0);
        expect(cluster.errors).toEqual([]);
        expect(left).toEqual([]);
      },
    );

    test(
      'a process that is killed in the middle of a run holds the others up for its lease at most',
      { timeout: 120_000 },
      async (context) => {
        const options = {
          namespace: 'killed',
          kind: 'every',
          timing: '200',
          leaseMs: 2_000,
        } as const;
        const cluster = await startCluster({
          url: redis().url,
          processes: 3,
          runMs: 150,
          ...options,
        });
        await vi.waitFor(() => expect(cluster.runs.length).toBeGreaterThan(5), 60_000);
        const count = cluster.runs.length;
        await vi.waitFor(() => expect(cluster.runs.length).toBeGreaterThan(count), {
          timeout: 20_000,
          interval: 5,
        });
        const victim = cluster.runs.at(-1)?.pid as number;
        const killedAt = performance.timeOrigin + performance.now();
        cluster.kill(victim);
        const next = (): number | undefined =>
          cluster.runs.find(({ pid, begun }) => pid !== victim && begun > killedAt)?.begun;
        await vi.waitFor(() => expect(next()).toBeDefined(), 20_000);
        await vi.waitFor(() => expect(cluster.runs.length).toBeGreaterThan(count + 10), 20_000);
        const resumeMs = Math.round((next() as number) - killedAt);
        expect(await cluster.close()).toEqual([0, 0]);
        noteFigures(context, 'kill -9', {
          leaseMs: 2_000,
          resumeMs,
          overlapping: overlaps(cluster.runs),
        });
        expect(resumeMs).toBeLessThan(12_000);
        expect(overlaps(cluster.runs)).toBe(0);
      },
    );

    test.for([
      ['a restart of Redis', IS_FULL ? 30_000 : 3_000],
      ['a Redis that does not answer for longer than a command waits', 8_000],
    ] as const)(
      '%s is survived without a second run',
      { timeout: 120_000 },
      async ([what, forMs], context) => {
        const options = { namespace: `outage-${forMs}`, kind: 'every', timing: '100' } as const;
        const cluster = await startCluster({ url: redis().url, processes: 2, ...options });
        await vi.waitFor(() => expect(cluster.runs.length).toBeGreaterThan(10), 60_000);
        const outage = new Promise((resolve) => setTimeout(resolve, forMs));
        if (what === 'a restart of Redis') {
          await redis().kill();
          await outage;
          await redis().start();
        } else {
          process.kill(redis().pid(), 'SIGSTOP');
          await outage;
          process.kill(redis().pid(), 'SIGCONT');
        }
        const backAt = performance.timeOrigin + performance.now();
        const after = (): readonly number[] =>
          cluster.runs.map(({ begun }) => begun).filter((begun) => begun > backAt);
        await vi.waitFor(() => expect(after().length).toBeGreaterThan(20), 60_000);
        const resumeMs = Math.round(Math.min(...after()) - backAt);
        const { instants, ended } = await settledInstants(client, queueOf(options), cluster);
        expect(await cluster.close()).toEqual([0, 0]);
        noteFigures(context, 'D4', {
          what,
          outageMs: forMs,
          resumeMs,
          duplicated: Math.max(0, ended - instants.length),
          overlapping: overlaps(cluster.runs),
          errors: cluster.errors.length,
        });
        expect(resumeMs).toBeLessThan(10_000);
        expect(overlaps(cluster.runs)).toBe(0);
        expect(cluster.errors.filter((error) => !/could not be asked|lease/.test(error))).toEqual(
          [],
        );
      },
    );
  },
  { args: ['--appendonly', 'yes', '--appendfsync', 'always'] },
);
