/** Group commit: what is asked for in one turn of the process is committed together, and answered when it is on the disk. */
import type { DatabaseSync } from 'node:sqlite';
import { PantheonError } from '@promethean/pantheon-core';

interface Job {
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface Batch {
  /** Runs the work in the next transaction; resolves when that is committed. What it throws of ours fails it alone. */
  readonly run: <T>(work: () => T) => Promise<T>;
  /** Commits what waits. */
  readonly flush: () => void;
}

/** `open` gives the database, `failed` makes an error of ours of one that ended a whole transaction. */
export const makeBatch = (
  open: () => DatabaseSync,
  failed: (error: unknown) => PantheonError,
): Batch => {
  let jobs: Job[] = [];
  let timer: NodeJS.Immediate | undefined;

  const commit = (waiting: readonly Job[]): void => {
    const answers: (() => void)[] = [];
    let database: DatabaseSync | undefined;
    try {
      database = open();
      database.exec('BEGIN IMMEDIATE');
      for (const { work, resolve, reject } of waiting) {
        try {
          const value = work();
          answers.push(() => resolve(value));
        } catch (error) {
          // Refused before it wrote anything; the others are not touched.
          if (!PantheonError.is(error)) throw error;
          answers.push(() => reject(error));
        }
      }
      database.exec('COMMIT');
    } catch (error) {
      if (database?.isTransaction === true) database.exec('ROLLBACK');
      const failure = failed(error);
      for (const { reject } of waiting) reject(failure);
      return;
    }
    for (const answer of answers) answer();
  };

  const flush = (): void => {
    clearImmediate(timer);
    timer = undefined;
    const waiting = jobs;
    jobs = [];
    if (waiting.length > 0) commit(waiting);
  };

  return {
    flush,
    run: <T>(work: () => T) =>
      new Promise<T>((resolve, reject) => {
        jobs.push({ work, resolve: resolve as (value: unknown) => void, reject });
        timer ??= setImmediate(flush);
      }),
  };
};
