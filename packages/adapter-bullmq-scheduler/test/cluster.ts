import { type ChildProcess, fork } from 'node:child_process';
import type { Redis } from 'ioredis';
import { vi } from 'vitest';

/** What a run told. */
export interface Run {
  readonly pid: number;
  readonly begun: number;
  ended?: number;
}

export interface Cluster {
  readonly pids: readonly number[];
  readonly runs: readonly Run[];
  readonly errors: readonly string[];
  /** Ends one process at once. */
  readonly kill: (pid: number) => void;
  /** Asks the others to close, and waits for their ends; their exit codes. */
  readonly close: () => Promise<readonly (number | null)[]>;
}

export interface ClusterOptions {
  readonly url: string;
  readonly namespace: string;
  readonly processes: number;
  readonly kind: 'every' | 'cron';
  readonly timing: string;
  readonly runMs?: number;
  readonly leaseMs?: number;
}

export const startCluster = async (options: ClusterOptions): Promise<Cluster> => {
  const { url, namespace, processes, kind, timing, runMs = 0, leaseMs = 15_000 } = options;
  const runs: Run[] = [];
  const errors: string[] = [];
  const children = new Map<number, ChildProcess>();
  let ready = 0;
  const start = (): void => {
    const child = fork(
      new URL('./process.ts', import.meta.url),
      [url, namespace, kind, timing, String(runMs), String(leaseMs)],
      { execArgv: ['--conditions=@promethean/source'] },
    );
    const pid = child.pid as number;
    children.set(pid, child);
    let open: Run | undefined;
    child.on('message', (news: { begun?: number; ended?: number; error?: string }) => {
      if (news.begun !== undefined) {
        open = { pid, begun: news.begun };
        runs.push(open);
      } else if (news.ended !== undefined && open !== undefined) open.ended = news.ended;
      else if (news.error !== undefined) errors.push(news.error);
      else ready += 1;
    });
  };
  for (let count = 0; count < processes; count += 1) start();
  await vi.waitFor(() => {
    if (ready < processes) throw new Error('not all are ready');
  }, 30_000);
  return {
    pids: [...children.keys()],
    runs,
    errors,
    kill: (pid) => {
      children.get(pid)?.kill('SIGKILL');
      children.delete(pid);
    },
    close: () =>
      Promise.all(
        [...children.values()].map(
          (child) =>
            new Promise<number | null>((resolve) => {
              child.once('exit', (code) => resolve(code));
              child.send('close');
            }),
        ),
      ),
  };
};

/** The instants that Redis remembers as run, in milliseconds since the epoch. */
export const instantsOf = async (client: Redis, prefix: string): Promise<readonly number[]> => {
  const ids = [
    ...(await client.zrange(`${prefix}:completed`, '0', '-1')),
    ...(await client.zrange(`${prefix}:failed`, '0', '-1')),
  ];
  return ids.map((id) => Number(id.slice(3))).sort((a, b) => a - b);
};

/** How many runs began while another was open. */
export const overlaps = (runs: readonly Run[]): number => {
  const sorted = [...runs].sort((a, b) => a.begun - b.begun);
  return sorted.filter((run, at) => {
    const before = sorted[at - 1];
    return before?.ended !== undefined && before.ended > run.begun + 1;
  }).length;
};
