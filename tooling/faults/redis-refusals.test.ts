/** D5: what a Redis says that cannot save, or that still loads, to each of the adapters on it. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeRedisBus } from '@promethean/adapter-redis-bus';
import { makeRedisJournal } from '@promethean/adapter-redis-journal';
import { makeRedisLease } from '@promethean/adapter-redis-lease';
import { makeRedisState } from '@promethean/adapter-redis-state';
import { PantheonError } from '@promethean/pantheon-core';
import { noteFigures } from '@promethean/services/figures';
import { describeWithRedisServer } from '@promethean/services/vitest';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { actorOf } from './desk.ts';
import { until } from './workers/until.ts';

const { script } = actorOf([]);
/** Longer than an adapter waits before it says no. */
const TIMEOUT_MS = 120_000;

/** One write to each of the adapters, and their end. */
const openAll = (url: string, namespace: string) => {
  const options = { url, namespace, timeoutMs: 1_000 };
  const bus = makeRedisBus({ url, namespace, sendTimeoutMs: 1_000, commandTimeoutMs: 1_000 });
  const state = makeRedisState({ ...options, scripts: [script] });
  const journal = makeRedisJournal(options);
  const leases = makeRedisLease(options);
  let count = 0;
  const writes: Readonly<Record<string, () => Promise<unknown>>> = {
    bus: () => bus.send({ from: 'ada', to: 'bob', content: 'x', id: `m${(count += 1)}` }),
    state: () => state.spawn(script, 'be useful', { id: `a${(count += 1)}` }),
    journal: () => journal.open({ tickId: `t${(count += 1)}`, actorId: 'ada' }),
    leases: async () => (await leases.acquire(`l${(count += 1)}`))?.release(),
  };
  return {
    writes,
    close: async () => {
      for (const port of [bus, leases, journal, state]) await port.close();
    },
  };
};

/** What a write came to: `done`, or the code and the sentence of its error. */
const endOf = (write: () => Promise<unknown>): Promise<string> =>
  write().then(
    () => 'done',
    (error: unknown) =>
      PantheonError.is(error)
        ? `${error.code}${error.retryable ? ', retryable' : ''}: ${error.message}`
        : `foreign: ${String(error)}`,
  );

const allDone = (writes: Readonly<Record<string, () => Promise<unknown>>>): Promise<void> =>
  until(async () => {
    const ends = await Promise.all(Object.values(writes).map(endOf));
    return ends.every((end) => end === 'done');
  }, 'every adapter to write again');

describeWithRedisServer(
  'a Redis that refuses',
  (redis) => {
    test(
      'D5 MISCONF: it cannot save, says so, and is written to when it can',
      { timeout: TIMEOUT_MS },
      async (context) => {
        const admin = new Redis(redis().url);
        const { writes, close } = openAll(redis().url, 'misconf');
        await allDone(writes);
        const [, folder = ''] = await admin.config('GET', 'dir');
        // A file cannot take the place of a folder.
        const obstacle = join(folder, 'dump.rdb');
        mkdirSync(obstacle);
        const saved = async (): Promise<string | undefined> =>
          /rdb_last_bgsave_status:(\w+)/.exec(await admin.info('persistence'))?.[1];
        await admin.config('SET', 'save', '3600 1');
        await admin.bgsave();
        await until(async () => (await saved()) === 'err', 'the save to fail');
        const ends: Record<string, string> = {};
        for (const [name, write] of Object.entries(writes)) ends[name] = await endOf(write);
        rmSync(obstacle, { recursive: true });
        await admin.bgsave();
        await until(async () => (await saved()) === 'ok', 'the save to succeed');
        await allDone(writes);
        await close();
        admin.disconnect();
        const named = Object.values(ends).filter((end) =>
          /^unavailable, retryable: .*MISCONF/.test(end),
        );
        noteFigures(context, 'D5 MISCONF', {
          adapters: Object.keys(writes).length,
          unavailable: named.length,
          resumed: Object.keys(writes).length,
        });
        expect(named).toEqual(Object.values(ends));
        expect(named).toHaveLength(4);
      },
    );

    test(
      'D5 LOADING: it still reads its file, and is used when it has',
      { timeout: TIMEOUT_MS },
      async (context) => {
        const admin = new Redis(redis().url);
        admin.on('error', () => undefined); // It is killed on purpose.
        const { writes, close } = openAll(redis().url, 'loading');
        await allDone(writes);
        const text = 'x'.repeat(2_000);
        await admin.mset(new Map(Array.from({ length: 400 }, (_, n) => [`filler${n}`, text])));
        await admin.bgrewriteaof();
        const isRewritten = async (): Promise<boolean> =>
          /aof_rewrite_in_progress:0/.test(await admin.info('persistence'));
        await until(isRewritten, 'one file to load');
        await redis().kill();
        let isLoaded = false;
        const starting = redis()
          .start()
          .then(() => (isLoaded = true));
        const ends: string[] = [];
        while (!isLoaded)
          ends.push(...(await Promise.all(Object.values(writes).map((write) => endOf(write)))));
        await starting;
        const since = performance.now();
        await allDone(writes);
        const resumeMs = Math.round(performance.now() - since);
        await close();
        admin.disconnect();
        const refused = ends.filter((end) => end !== 'done');
        const other = refused.filter((end) => !end.startsWith('unavailable, retryable'));
        noteFigures(context, 'D5 LOADING', {
          refused: refused.length,
          unclassified: other.length,
          resumeMs,
        });
        expect(other).toEqual([]);
        expect(refused.length).toBeGreaterThan(0);
        expect(resumeMs).toBeLessThan(10_000);
      },
    );
  },
  {
    // Slow to load: some milliseconds a key, and an answer to whoever asks meanwhile.
    args: [
      '--appendonly',
      'yes',
      '--appendfsync',
      'always',
      '--key-load-delay',
      '10000',
      '--loading-process-events-interval-bytes',
      '1024',
    ],
  },
);
