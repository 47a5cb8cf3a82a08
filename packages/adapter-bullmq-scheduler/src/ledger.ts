import { randomUUID } from 'node:crypto';
import { errorMessage, PantheonError } from '@promethean/pantheon-core';
import type { IQueueBackend, JobJson, MinimalJob } from 'bullmq';
import { isRefusal, type Live, type RedisLink } from './redis-link.ts';

/** What the processes of a cluster know of a schedule. */
interface Known {
  /** Milliseconds since the epoch, by the clock that they share. */
  readonly now: number;
  /** Where the schedule starts: the same for all of them. */
  readonly start: string;
}

/** Where the processes that have the same schedule agree who runs which of its instants. */
export interface Ledger {
  /**
   * Says that this process has the schedule for the next `ttlMs`, and asks where it starts. A schedule that no process has starts
   * at `start`, or where that is undefined `ageMs` ago.
   */
  readonly enter: (ttlMs: number, ageMs: number, start?: string) => Promise<Known>;
  /** Whether this process shall run the instant. False when another has it, had it, or still runs an earlier one. */
  readonly claim: (instant: string) => Promise<boolean>;
  /** Keeps a run ours. `outcome-unknown` when it was not kept in time, so that others may have gone on. */
  readonly renew: (instant: string) => Promise<void>;
  /** The run is over; with what it failed. `outcome-unknown` as above. */
  readonly finish: (instant: string, error?: unknown) => Promise<void>;
  /** From here on, a process that joins starts the schedule anew. */
  readonly restart: (start: string) => Promise<void>;
  /** This process does not have the schedule any more. The last one takes all of it out of Redis. */
  readonly leave: () => Promise<void>;
}

// KEYS presence, start, meta. ARGV member, ttl, age, start or '', the time or '', most events.
const ENTER = `
local now = tonumber(ARGV[5])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local start = redis.call('GET', KEYS[2])
local alone = redis.call('ZCARD', KEYS[1]) == 0
if not start or alone then
  start = ARGV[4]
  if start == '' then start = string.format('%.0f', now - ARGV[3]) end
  redis.call('SET', KEYS[2], start)
end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('HSETNX', KEYS[3], 'opts.maxLenEvents', ARGV[6])
return { string.format('%.0f', now), start }`;

// KEYS start. ARGV the start that is over.
const RESTART = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 0`;

// KEYS presence, completed, failed, wait, active, and all others. ARGV member, prefix of the jobs, the time or ''.
// BullMQ's own way of removing a queue pauses it first and needs several steps; a process that joins between them would be lost.
const LEAVE = `
local now = tonumber(ARGV[3]) or tonumber(redis.call('TIME')[1]) * 1000
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) > 0 then return 0 end
local function drop(ids)
  for _, id in ipairs(ids) do redis.call('DEL', ARGV[2] .. id, ARGV[2] .. id .. ':lock') end
end
drop(redis.call('ZRANGE', KEYS[2], 0, -1))
drop(redis.call('ZRANGE', KEYS[3], 0, -1))
drop(redis.call('LRANGE', KEYS[4], 0, -1))
drop(redis.call('LRANGE', KEYS[5], 0, -1))
for _, key in ipairs(KEYS) do redis.call('DEL', key) end
return 1`;

/** BullMQ gives up a run's claim to this name when the run ends: while it is taken, no other instant is. */
const OPEN = 'open';
/** Events are for whoever watches the queue; these few keep the stream small. */
const MOST_EVENTS = '100';

export interface LedgerOptions {
  readonly link: RedisLink;
  /** The name of the schedule's queue. */
  readonly queue: string;
  /** While one instant runs, no other is claimed. */
  readonly isExclusive: boolean;
  readonly leaseMs: number;
  /** Runs that are remembered. */
  readonly keep: number;
  /** The shared clock. Default: that of Redis. */
  readonly now: (() => number) | undefined;
}

/**
 * A ledger in Redis. Each schedule is a queue of BullMQ, and each instant a job whose id is the instant: adding it twice adds it
 * once, and moving it to the active ones hands it to one process under a lock.
 */
export const makeRedisLedger = (options: LedgerOptions): Ledger => {
  const { link, queue, isExclusive, leaseMs, keep, now } = options;
  const member = randomUUID();
  /** Instants that may be locked by us although no run of them is open here: an answer was lost. */
  const owed = new Set<string>();
  let bound: { readonly live: Live; readonly jobs: IQueueBackend } | undefined;

  const use = <T>(what: string, act: (jobs: IQueueBackend, live: Live) => Promise<T>): Promise<T> =>
    link.use(`${what} of ${queue}`, (live) => {
      if (bound?.live !== live) bound = { live, jobs: live.backend.forQueue(queue) };
      return act(bound.jobs, live);
    });
  const time = (): string => (now === undefined ? '' : String(Math.floor(now())));

  const end = (jobs: IQueueBackend, instant: string, failure?: string): Promise<unknown> => {
    // Of the job, BullMQ reads the id and the options only.
    const job = { id: instant, opts: { attempts: 1 } } as MinimalJob;
    return failure === undefined
      ? jobs.moveToCompleted(job, null, { count: keep }, member, false)
      : jobs.moveToFailed(job, failure, { count: keep }, member, false);
  };

  /** Gives up what may be ours. A refusal says that it is not. */
  const giveUp = async (jobs: IQueueBackend, instant: string, why: string): Promise<void> => {
    try {
      await end(jobs, instant, why);
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
    owed.delete(instant);
  };

  const take = async (jobs: IQueueBackend, instant: string): Promise<boolean> => {
    // Three rounds: what is in the way is taken away in one, and may be there again once.
    for (let round = 0; round < 3; round += 1) {
      const holder = await jobs.addJob(jobOf(instant, isExclusive), instant);
      const [, found] = (await jobs.moveToActive(member)) as [unknown?, (string | 0)?];
      if (found === instant) return true;
      if (typeof found === 'string') {
        await giveUp(jobs, found, 'The process that proposed this run never began it.');
        continue;
      }
      // Another's run is open. Removing it is refused as long as its lock is kept.
      if (holder === instant || (await jobs.remove(holder, false)) === 0) return false;
    }
    return false;
  };

  return {
    enter: (ttlMs, ageMs, start = '') =>
      use('for the start', async (jobs, { client }) => {
        const [at, from] = (await client.eval(
          ENTER,
          3,
          jobs.toKey('presence'),
          jobs.toKey('start'),
          jobs.toKey('meta'),
          member,
          ttlMs,
          Math.max(0, Math.floor(ageMs)),
          start,
          time(),
          MOST_EVENTS,
        )) as [string, string];
        return { now: Number(at), start: from };
      }),
    claim: (instant) =>
      use('for a run', async (jobs) => {
        for (const id of owed) await giveUp(jobs, id, 'The end of this run could not be told.');
        owed.add(instant);
        const isOurs = await take(jobs, instant);
        owed.delete(instant);
        return isOurs;
      }),
    renew: (instant) =>
      use('to prolong a run', async (jobs) => {
        if ((await jobs.extendLock(instant, member, leaseMs)) !== 1) throw lostRun(queue, instant);
      }),
    finish: async (instant, error) => {
      owed.add(instant);
      await use('to end a run', async (jobs) => {
        try {
          await end(jobs, instant, error === undefined ? undefined : errorMessage(error));
        } catch (refusal) {
          throw isRefusal(refusal) ? lostRun(queue, instant, refusal) : refusal;
        }
      });
      owed.delete(instant);
    },
    restart: (start) =>
      use('to restart', async (jobs, { client }) => {
        await client.eval(RESTART, 1, jobs.toKey('start'), start);
      }),
    leave: () =>
      use('to leave', async (jobs, { client }) => {
        const keys = ['presence', 'completed', 'failed', 'wait', 'active'].map((key) =>
          jobs.toKey(key),
        );
        const rest = Object.entries(jobs.keys).flatMap(([name, key]) => (name === '' ? [] : [key]));
        const all = new Set([...keys, jobs.toKey('start'), jobs.toKey(`de:${OPEN}`), ...rest]);
        await client.eval(LEAVE, all.size, ...all, member, jobs.toKey(''), time());
      }),
  };
};

const lostRun = (queue: string, instant: string, cause?: unknown): PantheonError =>
  new PantheonError(
    'outcome-unknown',
    `The run ${instant} of ${queue} was not prolonged within its lease, so another process may have gone on. A task must not block its process for as long as leaseMs.`,
    { cause },
  );

const jobOf = (instant: string, isExclusive: boolean): JobJson => ({
  id: instant,
  name: 'run',
  data: '{}',
  opts: { attempts: 1, ...(isExclusive ? { deduplication: { id: OPEN } } : {}) },
  ...(isExclusive ? { deduplicationId: OPEN } : {}),
  progress: 0,
  attemptsMade: 0,
  attemptsStarted: 0,
  timestamp: Date.now(),
  failedReason: '',
  returnvalue: '',
  stalledCounter: 0,
});

/** The ledger of a schedule that only this process has. */
export const makeOwnLedger = (now: () => number): Ledger => ({
  enter: async (_ttlMs, ageMs) => ({ now: now(), start: String(now() - ageMs) }),
  claim: async () => true,
  renew: async () => undefined,
  finish: async () => undefined,
  restart: async () => undefined,
  leave: async () => undefined,
});
