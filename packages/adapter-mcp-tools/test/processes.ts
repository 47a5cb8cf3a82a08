/** What tests ask the operating system about processes. */
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

/** Whether a process runs. One that has ended and only waits to be reaped does not. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false; // It ended in between.
  }
};

/** The process that started another: for a stdio server, its guard. */
export const parentOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
};

/** Waits until a condition holds, and tells how long it took. Throws after ten seconds. */
export const until = async (what: string, holds: () => boolean): Promise<number> => {
  const startedAt = performance.now();
  while (!holds()) {
    if (performance.now() - startedAt > 10_000) throw new Error(`Waited 10 s for ${what}.`);
    await wait(5);
  }
  return Math.round(performance.now() - startedAt);
};

/** The most memory that this process had while `run` ran, beyond what it had before, in megabytes. */
export const memoryOf = async (run: () => Promise<unknown>): Promise<number> => {
  const before = process.memoryUsage.rss();
  let most = before;
  const look = (): void => {
    most = Math.max(most, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 5);
  try {
    await run();
  } finally {
    clearInterval(timer);
    look();
  }
  return Math.round((most - before) / 1e6);
};
