/** What a journal on Redis keeps when the network, the server or another process fails. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { JournalTick, PantheonError } from '@promethean/pantheon-core';
import { startProxy } from '@promethean/services';
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { closedAfterAll, describeWithRedisServer, failureOf } from '@promethean/services/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { makeRedisJournal, type RedisJournal, type RedisJournalOptions } from '../src/index.ts';
import { record } from './recorder.ts';

const LONG = { timeout: 120_000 };
/** As often as the catalogue says with `npm run faults`. */
const KILLS = IS_FULL ? 20 : 5;

const tick = (tickId: string, cause?: string): JournalTick => ({
  tickId,
  actorId: 'ada',
  ...(cause !== undefined && { cause }),
});

describeWithRedisServer(
  'a journal in Redis under faults',
  (redis) => {
    let admin: Redis;
    beforeAll(() => {
      admin = new Redis(redis().url);
      admin.on('error', () => undefined); // It is stopped on purpose.
    });
    afterAll(() => admin.disconnect());
    const closed = closedAfterAll();
    const open = (namespace: string, options: Partial<RedisJournalOptions> = {}): RedisJournal => {
      const address = options.client === undefined ? { url: redis().url } : {};
      return closed(makeRedisJournal({ ...address, namespace, ...options }));
    };

    /** Ticks that are worked on whatever happens; what was acknowledged is noted. */
    const makeWork = (
      journal: RedisJournal,
      worker: number,
    ): {
      readonly run: (isDone: () => boolean) => Promise<void>;
      readonly check: (
        reader: RedisJournal,
      ) => Promise<{ steps: number; failed: number; lost: number; reopened: number }>;
    } => {
      const acked: { id: string; attempt: number; steps: [string, number][]; isOver: boolean }[] =
        [];
      let runs = 0;
      let failed = 0;
      /** Calls again and again: each call may be repeated. */
      const insist = async <T>(call: () => Promise<T>): Promise<T> => {
        for (;;) {
          try {
            return await call();
          } catch (error) {
            const { code, retryable } = error as PantheonError;
            expect(['outcome-unknown', 'unavailable']).toContain(code);
            expect(retryable).toBe(true);
            failed += 1;
          }
        }
      };
      return {
        run: async (isDone) => {
          for (let n = 0; !isDone(); n += 1) {
            const id = `${worker}-${n}`;
            const before = failed;
            const opening = await insist(() => journal.open(tick(id, `m ${id}`)));
            const one = {
              id,
              attempt: opening.attempt,
              steps: [] as [string, number][],
              isOver: false,
            };
            // A call that failed may have counted, and so may the one after it.
            if (failed === before) expect(opening.attempt).toBe(1);
            acked.push(one);
            for (const name of ['a', 'b', 'c']) {
              const value = await insist(() => opening.step(name, () => (runs += 1)));
              one.steps.push([name, value]);
            }
            if (n % 3 === 0) continue;
            await insist(() => opening.complete('ok'));
            one.isOver = true;
          }
        },
        check: async (reader) => {
          let lost = 0;
          let reopened = 0;
          const left = new Set((await reader.unfinished()).map(({ tickId }) => tickId));
          for (const { id, attempt, steps, isOver } of acked) {
            const read = await reader.read(id);
            const kept = read?.steps.map(({ name, value }) => [name, value]) ?? [];
            if (JSON.stringify(kept) !== JSON.stringify(steps)) lost += 1;
            if ((read?.status === 'ok') !== isOver || left.has(id) === isOver) lost += 1;
            reopened += (read?.attempt ?? 0) - attempt;
          }
          return { steps: acked.flatMap(({ steps }) => steps).length, failed, lost, reopened };
        },
      };
    };

    test('scripts that Redis has forgotten are sent again', async () => {
      const journal = open('noscript');
      await admin.script('FLUSH');
      const opening = await journal.open(tick('t1'));
      await admin.script('FLUSH');
      expect(await opening.step('a', () => 1)).toBe(1);
      await admin.script('FLUSH');
      expect(await journal.unfinished()).toHaveLength(1);
      await admin.script('FLUSH');
      await opening.complete('ok');
      await admin.script('FLUSH');
      expect((await journal.read('t1'))?.status).toBe('ok');
    });

    test('calls whose answers were lost are repeated and count once', async () => {
      const client = new Redis(redis().url, { lazyConnect: true });
      const evalsha = client.evalsha.bind(client) as (...args: unknown[]) => Promise<unknown>;
      let losing = 0;
      let meanwhile = async (): Promise<void> => undefined;
      const deaf = async (...args: unknown[]): Promise<unknown> => {
        const answer = await evalsha(...args);
        if (losing === 0) return answer;
        losing -= 1;
        await meanwhile();
        throw new Error('Connection is closed.');
      };
      const journal = open('lost-answer', {
        client: Object.assign(client, { evalsha: deaf }) as Redis,
      });
      losing = 2;
      const opening = await journal.open(tick('t1', 'm1'));
      expect(opening.attempt).toBe(1);
      losing = 1;
      expect((await journal.open(tick('t2', 'm1'))).attempt).toBe(2);
      let runs = 0;
      losing = 2;
      expect(await opening.step('a', () => (runs += 1))).toBe(1);
      losing = 1;
      await opening.complete('ok');
      expect(await journal.read('t1')).toMatchObject({ status: 'ok', steps: [{ value: 1 }] });

      // Another one records the step while the answer is on its way to nowhere: ours was first.
      const ours = await journal.open(tick('t3'));
      const theirs = await open('lost-answer').open(tick('t3'));
      losing = 1;
      meanwhile = async () => {
        expect(await theirs.step('a', () => 'theirs')).toBe('ours');
      };
      expect(await ours.step('a', () => 'ours')).toBe('ours');

      meanwhile = async () => undefined;
      losing = 3;
      const error = await failureOf(ours.step('b', () => 'b'));
      expect(error).toMatchObject({ code: 'outcome-unknown', retryable: true });
      expect(await ours.step('b', () => 'another')).toBe('b');
      await journal.close();
      await client.quit();
    });

    test(
      'D2 a connection that is cut again and again loses no step and records none twice',
      LONG,
      async (context) => {
        const proxy = await startProxy(redis().port);
        const journal = open('cut', { url: `redis://127.0.0.1:${proxy.port}`, timeoutMs: 30_000 });
        const work = Array.from({ length: 4 }, (_, n) => makeWork(journal, n));
        let cuts = 0;
        const working = Promise.all(work.map(({ run }) => run(() => cuts >= 60)));
        while (cuts < 60) {
          // Now and then after a few answers, so that cuts fall anywhere in a call.
          await new Promise((resolve) => setTimeout(resolve, 5 + (cuts % 7) * 3));
          if (proxy.connections() === 0) continue;
          proxy.cut();
          cuts += 1;
        }
        await working;
        let [steps, unknown, lost, reopened] = [0, 0, 0, 0];
        const reader = open('cut');
        for (const { check } of work) {
          const result = await check(reader);
          steps += result.steps;
          unknown += result.failed;
          lost += result.lost;
          reopened += result.reopened;
        }
        noteFigures(context, 'D2', { cuts, steps, unknown, lost, repeated: reopened });
        expect({ lost, reopened }).toEqual({ lost: 0, reopened: 0 });
        await proxy.close();
      },
    );

    test(
      'D3 a network that has gone silent ends every call, and the next ones work when it is back',
      LONG,
      async (context) => {
        const proxy = await startProxy(redis().port);
        const journal = open('silent', {
          url: `redis://127.0.0.1:${proxy.port}`,
          timeoutMs: 2_000,
        });
        const opening = await journal.open(tick('t1'));
        proxy.set({ kind: 'blackhole' });
        const started = performance.now();
        const [reading, writing] = await Promise.all([
          failureOf(journal.read('t1')),
          failureOf(opening.step('a', () => 'lost')),
        ]);
        const endedMs = Math.round(performance.now() - started);
        expect(reading).toMatchObject({ code: 'unavailable', retryable: true });
        expect(writing).toMatchObject({ code: 'outcome-unknown', retryable: true });
        proxy.set({ kind: 'pass' });
        const back = performance.now();
        await vi.waitFor(() => journal.read('t1'), 20_000);
        const resumeMs = Math.round(performance.now() - back);
        noteFigures(context, 'D3', { endedMs, resumeMs, lost: 0 });
        expect(endedMs).toBeLessThan(10_000);
        expect(await opening.step('a', () => 'recorded')).toBe('recorded');
        await journal.close();
        await proxy.close();
      },
    );

    test(
      'D1 a server that is killed while eight write, and comes back, has all that was acknowledged',
      LONG,
      async (context) => {
        const work = Array.from({ length: 8 }, (_, n) =>
          makeWork(open('kill', { timeoutMs: 20_000 }), n),
        );
        let isDone = false;
        const working = Promise.all(work.map(({ run }) => run(() => isDone)));
        const reader = open('kill', { timeoutMs: 20_000 });
        for (let kill = 1; kill <= KILLS; kill += 1) {
          // Each is killed under load, with more ticks in it than before.
          await vi.waitFor(
            async () => expect((await reader.unfinished()).length).toBeGreaterThan(kill * 20),
            { timeout: 60_000, interval: 5 },
          );
          await redis().kill();
          const refused = await failureOf(open('kill', { timeoutMs: 100 }).unfinished());
          expect(refused).toMatchObject({ code: 'unavailable', retryable: true });
          await redis().start();
        }
        isDone = true;
        await working;
        let [steps, unknown, lost] = [0, 0, 0];
        for (const { check } of work) {
          const result = await check(reader);
          steps += result.steps;
          unknown += result.failed;
          lost += result.lost;
        }
        noteFigures(context, 'D1', { kills: KILLS, steps, unknown, lost });
        expect(steps).toBeGreaterThan(0);
        expect(lost).toBe(0);
      },
    );

    test(
      'D5 what Redis refuses for now is unavailable, with nothing half done',
      LONG,
      async (context) => {
        const journal = open('refusals');
        const opening = await journal.open(tick('t1'));
        await admin.config('SET', 'maxmemory', '1');
        const memory = await failureOf(opening.step('a', () => 1));
        expect(memory).toMatchObject({ code: 'unavailable', retryable: true });
        expect(memory.message).toContain('OOM');
        expect((await failureOf(journal.open(tick('t2', 'm2')))).code).toBe('unavailable');
        expect((await journal.unfinished()).map(({ tickId }) => tickId)).toEqual(['t1']);
        // What makes room is taken.
        await opening.complete('failed');
        await admin.config('SET', 'maxmemory', '0');
        expect(await journal.read('t1')).toMatchObject({ status: 'failed', steps: [] });
        expect(await journal.unfinished()).toEqual([]);

        await admin.call('REPLICAOF', '127.0.0.1', '1');
        await admin.config('SET', 'replica-serve-stale-data', 'yes');
        const readonly = await failureOf(journal.open(tick('t2', 'm2')));
        expect(readonly).toMatchObject({ code: 'unavailable', retryable: true });
        expect(readonly.message).toContain('READONLY');
        await admin.call('REPLICAOF', 'NO', 'ONE');
        expect((await journal.open(tick('t2', 'm2'))).attempt).toBe(1);
        noteFigures(context, 'D5', { refusals: 3, unclassified: 0, halfDone: 0 });
      },
    );

    test('a server that drops keys when its memory is full is refused, unless that is accepted', async () => {
      await admin.config('SET', 'maxmemory', '512mb', 'maxmemory-policy', 'volatile-lru');
      try {
        const error = await failureOf(open('evicting').open(tick('t1')));
        expect(error).toMatchObject({ code: 'unavailable', retryable: false });
        expect(error.message).toContain('drops ticks');
        await open('evicting', { allowEviction: true }).open(tick('t1'));
      } finally {
        await admin.config('SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction');
      }
    });

    test('three processes that do the same ticks agree on every step', LONG, async () => {
      const causes = 200;
      const children = ['first', 'second'].map((name) => {
        const child = spawn(
          process.execPath,
          [
            '--conditions=@promethean/source',
            `${import.meta.dirname}/recorder.ts`,
            redis().url,
            'processes',
            name,
            `${causes}`,
          ],
          { stdio: ['ignore', 'pipe', 'inherit'] },
        );
        return Promise.all([text(child.stdout), once(child, 'exit')]);
      });
      const journal = open('processes');
      const own = await record(journal, 'third', causes);
      for (const [printed, exit] of await Promise.all(children)) {
        expect(exit).toEqual([0, null]);
        expect(JSON.parse(printed)).toEqual(own);
      }
      const left = await journal.unfinished();
      expect(left.map(({ attempt }) => attempt)).toEqual(Array.from({ length: causes }, () => 3));
    });

    test('records beside round trips of the driver alone', LONG, async (context) => {
      const journal = open('rate');
      const value = { value: { text: 'done '.repeat(20) } };
      const json = JSON.stringify(value);
      const [rounds, steps] = [100, 7];
      const raw: number[] = [];
      const recorded: number[] = [];
      await admin.config('SET', 'appendfsync', 'everysec');
      for (let repetition = 0; repetition < 5; repetition += 1) {
        let started = performance.now();
        for (let n = 0; n < rounds * (steps + 2); n += 1)
          await admin.hset(`rate-${repetition}`, `step ${n}`, json);
        raw.push(performance.now() - started);
        started = performance.now();
        for (let n = 0; n < rounds; n += 1) {
          const opening = await journal.open(tick(`t${repetition}-${n}`, `m${repetition}-${n}`));
          for (let step = 0; step < steps; step += 1)
            await opening.step(`step ${step}`, () => value);
          await opening.complete('ok');
        }
        recorded.push(performance.now() - started);
      }
      await admin.config('SET', 'appendfsync', 'always');
      const perSecond = (times: readonly number[]): number =>
        Math.round((rounds * (steps + 2) * 1_000) / Math.min(...times));
      const figures = { rawPerSecond: perSecond(raw), recordsPerSecond: perSecond(recorded) };
      const ratio = figures.recordsPerSecond / figures.rawPerSecond;
      noteFigures(context, 'W5', { ...figures, ratio: ratio.toFixed(2) });
      // Each record is one round trip; twice as many would show here on any machine.
      expect(ratio).toBeGreaterThan(0.1);
    });

    test('I2 nothing is left on the server when journals were closed', async () => {
      const clients = async (): Promise<number> =>
        ((await admin.client('LIST')) as string).trim().split('\n').length;
      const before = await clients();
      const journals = Array.from({ length: 30 }, () => open('connections'));
      await Promise.all(journals.map((journal) => journal.ready()));
      await Promise.all(journals.map((journal) => journal.close()));
      await vi.waitFor(async () => expect(await clients()).toBeLessThanOrEqual(before), 20_000);
    });
  },
  { args: ['--appendonly', 'yes', '--appendfsync', 'always'] },
);
