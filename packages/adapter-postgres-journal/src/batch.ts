/** Group commit: what is asked for in one turn of the process is one statement, and answered when that is committed. */
import { PantheonError } from '@promethean/pantheon-core';

/** Settings of `makeBatch`. */
export interface BatchOptions<Job, Answer> {
  /** Does the jobs in one transaction, and answers them in their order. What it throws, none of them was done. */
  readonly send: (jobs: readonly Job[]) => Promise<readonly Answer[]>;
  /** What a job is about. Jobs about the same are done one after the other, in the order in which they came. */
  readonly keysOf: (job: Job) => readonly string[];
  /** About how many characters a job sends. */
  readonly sizeOf: (job: Job) => number;
}

/** Does a job, together with others. */
export type Batch<Job, Answer> = (job: Job) => Promise<Answer>;

interface Waiting<Job, Answer> {
  readonly job: Job;
  readonly keys: readonly string[];
  readonly size: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** Of what is sent at once. Beyond that a statement is not faster, only larger. */
const [MAX_JOBS, MAX_SIZE] = [500, 1_000_000];
/** Statements under way. What comes while all are goes with the next one, so that batches grow with the load. */
const ABREAST = 3;

/** Whether nothing was done, and will not be another time. */
const isRefused = (error: unknown): boolean =>
  PantheonError.is(error, 'unavailable') && !error.retryable;

export const makeBatch = <Job, Answer>({
  send,
  keysOf,
  sizeOf,
}: BatchOptions<Job, Answer>): Batch<Job, Answer> => {
  let waiting: Waiting<Job, Answer>[] = [];
  const busy = new Set<string>();
  let underWay = 0;
  let timer: NodeJS.Immediate | undefined;

  const take = (): readonly Waiting<Job, Answer>[] => {
    const taken: Waiting<Job, Answer>[] = [];
    const left: Waiting<Job, Answer>[] = [];
    const passed = new Set<string>();
    let size = 0;
    for (const one of waiting) {
      const fits = taken.length === 0 || (taken.length < MAX_JOBS && size + one.size <= MAX_SIZE);
      if (fits && !one.keys.some((key) => busy.has(key) || passed.has(key))) {
        taken.push(one);
        size += one.size;
        for (const key of one.keys) busy.add(key);
      } else {
        left.push(one);
        for (const key of one.keys) passed.add(key);
      }
    }
    waiting = left;
    return taken;
  };

  const deliver = async (batch: readonly Waiting<Job, Answer>[]): Promise<void> => {
    try {
      const answers = await send(batch.map(({ job }) => job));
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as Answer);
    } catch (error) {
      // One that the database does not take must not fail the others.
      if (batch.length > 1 && isRefused(error)) for (const one of batch) await deliver([one]);
      else for (const { reject } of batch) reject(error);
    }
  };

  const flush = (): void => {
    timer = undefined;
    while (underWay < ABREAST) {
      const batch = take();
      if (batch.length === 0) return;
      underWay += 1;
      void deliver(batch).finally(() => {
        underWay -= 1;
        for (const { keys } of batch) for (const key of keys) busy.delete(key);
        flush();
      });
    }
  };

  return (job) =>
    new Promise<Answer>((resolve, reject) => {
      waiting.push({ job, keys: keysOf(job), size: sizeOf(job), resolve, reject });
      timer ??= setImmediate(flush);
    });
};
