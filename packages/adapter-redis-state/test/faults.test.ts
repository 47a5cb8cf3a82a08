/** What a state on Redis keeps when the network, the server or another process fails. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PantheonError } from '@promethean/pantheon-core';
import { startProxy } from '@promethean/services';
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import {
  closedAfterAll,
  describeWithRedisCluster,
  describeWithRedisServer,
  failureOf,
} from '@promethean/services/vitest';
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { makeRedisState, type RedisState, type RedisStateOptions } from '../src/index.ts';
import { clerk, write } from './writers.ts';

const scripts = [clerk];
const LONG = { timeout: 120_000 };
/** As often as the catalogue says with `npm run faults`. */
const KILLS = IS_FULL ? 20 : 3;

describeWithRedisServer(
  'actors in Redis under faults',
  (redis) => {
    let admin: Redis;
    beforeAll(() => {
      admin = new Redis(redis().url);
      admin.on('error', () => undefined); // It is stopped on purpose.
    });
    afterAll(() => admin.disconnect());
    const closed = closedAfterAll();
    const open = (namespace: string, options: Partial<RedisStateOptions> = {}): RedisState => {
      const address = options.client === undefined ? { url: redis().url } : {};
      return closed(makeRedisState({ ...address, scripts, namespace, ...options }));
    };

    test('scripts that Redis has forgotten are sent again', async () => {
      const state = open('noscript');
      for (const id of ['a', 'b']) {
        await admin.script('FLUSH');
        await state.spawn(clerk, 'x', { id });
        await admin.script('FLUSH');
        await state.update(id, { state: 'paused' });
        await admin.script('FLUSH');
        expect(await state.list({ state: 'paused' })).toHaveLength(1);
        await admin.script('FLUSH');
        expect(await state.remove(id)).toBe(true);
      }
    });

    test(
      'D2 a connection that is cut again and again loses no update and repeats none',
      LONG,
      async (context) => {
        const proxy = await startProxy(redis().port);
        const state = open('cut', { url: `redis://127.0.0.1:${proxy.port}`, timeoutMs: 30_000 });
        await state.spawn(clerk, 'x', { id: 'a' });
        let isDone = false;
        let cuts = 0;
        const cutting = (async () => {
          while (!isDone) {
            // Now and then after a few answers, so that cuts fall anywhere in a call.
            await new Promise((resolve) => setTimeout(resolve, 5 + (cuts % 7) * 3));
            if (proxy.connections() > 0) {
              proxy.cut();
              cuts += 1;
            }
          }
        })();
        let done = 0;
        let unknown = 0;
        while (cuts < 60) {
          try {
            const { version } = await state.update('a', { metadata: { count: done } });
            done += 1;
            expect(version, 'every update is one version').toBeGreaterThan(done);
          } catch (error) {
            expect(error).toMatchObject({ code: 'outcome-unknown', retryable: false });
            unknown += 1;
          }
        }
        isDone = true;
        await cutting;
        const applied = ((await open('cut').get('a'))?.version ?? 0) - 1;
        const lost = Math.max(0, done - applied);
        const repeated = Math.max(0, applied - done - unknown);
        noteFigures(context, 'D2', { cuts, done, unknown, lost, repeated });
        expect({ lost, repeated }).toEqual({ lost: 0, repeated: 0 });
        await proxy.close();
      },
    );

    /** A client whose answers to the next writes are lost on their way, after `meanwhile`. */
    const makeDeafClient = (
      meanwhile: () => Promise<unknown>,
    ): { client: Redis; lose: (answers: number) => void } => {
      const client = new Redis(redis().url, { lazyConnect: true });
      let losing = 0;
      const evalsha = client.evalsha.bind(client) as (...args: unknown[]) => Promise<unknown>;
      const deaf = async (...args: unknown[]): Promise<unknown> => {
        const answer = await evalsha(...args);
        if (losing === 0) return answer;
        losing -= 1;
        await meanwhile();
        throw new Error('Connection is closed.');
      };
      return {
        client: Object.assign(client, { evalsha: deaf }) as Redis,
        lose: (answers) => {
          losing = answers;
        },
      };
    };

    test('an update whose answer was lost is recognised and not repeated', async () => {
      const { client, lose } = makeDeafClient(async () => undefined);
      const state = open('lost-answer', { client });
      await state.spawn(clerk, 'x', { id: 'a' });
      lose(2);
      expect((await state.update('a', { state: 'paused' })).version).toBe(2);
      lose(1);
      expect((await state.update('a', {}, { expectedVersion: 2 })).version).toBe(3);
      lose(1);
      expect((await state.spawn(clerk, 'y', { metadata: { n: 1 } })).goals).toEqual(['y']);
      expect(await state.list()).toHaveLength(2);
      lose(1);
      expect(await state.remove('a')).toBe(true);
      await state.close();
      await client.quit();
    });

    test('an update whose answer was lost and that others have covered has an unknown outcome', async () => {
      const other = open('covered');
      const { client, lose } = makeDeafClient(() => other.update('a', { metadata: { other: 1 } }));
      const state = open('covered', { client });
      await state.spawn(clerk, 'x', { id: 'a' });
      lose(1);
      const error = await failureOf(state.update('a', { state: 'paused' }));
      expect(error).toMatchObject({ code: 'outcome-unknown', retryable: false });
      lose(1);
      const safe = await failureOf(state.update('a', {}, { expectedVersion: 3 }));
      expect(safe).toMatchObject({ code: 'outcome-unknown', retryable: true });
      // Each was carried out once.
      expect(await other.get('a')).toMatchObject({ version: 5, state: 'paused' });
      await state.close();
      await client.quit();
    });

    test(
      'D3 a network that has gone silent ends every call, and the next ones work when it is back',
      LONG,
      async (context) => {
        const proxy = await startProxy(redis().port);
        const state = open('silent', { url: `redis://127.0.0.1:${proxy.port}`, timeoutMs: 1_000 });
        await state.spawn(clerk, 'x', { id: 'a' });
        proxy.set({ kind: 'blackhole' });
        const started = performance.now();
        const [reading, writing] = await Promise.all([
          failureOf(state.get('a')),
          failureOf(state.update('a', { state: 'paused' })),
        ]);
        const endedMs = Math.round(performance.now() - started);
        expect(reading.code).toBe('unavailable');
        expect(writing.code).toBe('outcome-unknown');
        proxy.set({ kind: 'pass' });
        const back = performance.now();
        await vi.waitFor(() => state.get('a'), 20_000);
        noteFigures(context, 'D3', {
          endedMs,
          resumeMs: Math.round(performance.now() - back),
          lost: 0,
        });
        expect(endedMs).toBeLessThan(10_000);
        expect(await state.get('a')).toMatchObject({ state: 'idle', version: 1 });
        await state.close();
        await proxy.close();
      },
    );

    test(
      'D1 a server that is killed and started again has every actor, and is found again',
      LONG,
      async (context) => {
        const state = open('restart', { timeoutMs: 20_000 });
        await state.spawn(clerk, 'x', { id: 'a' });
        let acked = 0;
        let slowestMs = 0;
        for (let kills = 0; kills < KILLS; kills += 1) {
          for (let n = 0; n < 20; n += 1) {
            acked += 1;
            await state.update('a', { metadata: { acked } });
          }
          await redis().kill();
          const refused = await failureOf(open('restart', { timeoutMs: 100 }).get('a'));
          expect(refused).toMatchObject({ code: 'unavailable', retryable: true });
          expect(refused.message).toContain('ECONNREFUSED');
          // Asked for while it is away, answered when it is back.
          const waiting = state.get('a');
          await redis().start();
          const started = performance.now();
          expect(await waiting).toMatchObject({ version: acked + 1, metadata: { acked } });
          slowestMs = Math.max(slowestMs, Math.round(performance.now() - started));
        }
        noteFigures(context, 'D1', { kills: KILLS, acked, lost: 0, resumeMs: slowestMs });
      },
    );

    test(
      'D5 what Redis refuses for now is unavailable, with its own sentence',
      LONG,
      async (context) => {
        const state = open('refusals');
        await state.spawn(clerk, 'x', { id: 'a' });
        const before = await state.get('a');

        await admin.config('SET', 'maxmemory', '1');
        const memory = await failureOf(state.update('a', { state: 'paused' }));
        expect(memory).toMatchObject({ code: 'unavailable', retryable: true });
        expect(memory.message).toContain('OOM');
        expect((await failureOf(state.spawn(clerk, 'x'))).code).toBe('unavailable');
        expect(await state.get('a'), 'reading goes on').toEqual(before);
        await admin.config('SET', 'maxmemory', '0');

        await admin.call('REPLICAOF', '127.0.0.1', '1');
        await admin.config('SET', 'replica-serve-stale-data', 'yes');
        const readonly = await failureOf(state.update('a', { state: 'paused' }));
        expect(readonly.code).toBe('unavailable');
        expect(readonly.message).toContain('READONLY');
        await admin.call('REPLICAOF', 'NO', 'ONE');

        await admin.config('SET', 'requirepass', 'hunter2');
        const secret = `redis://:${encodeURIComponent('wrong-password')}@127.0.0.1:${redis().port}`;
        for (const url of [redis().url, secret]) {
          const stranger = open('refusals', { url, timeoutMs: 500 });
          const denied = await failureOf(stranger.get('a'));
          expect(denied.code).toBe('unavailable');
          expect(denied.message).toMatch(/NOAUTH|WRONGPASS/);
          expect(
            JSON.stringify({ ...denied, cause: { ...(denied.cause as object) } }),
          ).not.toContain('wrong-password');
        }
        await admin.config('SET', 'requirepass', '');

        expect(await state.update('a', { state: 'paused' })).toMatchObject({ version: 2 });
        noteFigures(context, 'D5', { refusals: 5, unclassified: 0, halfDone: 0 });
      },
    );

    test('a server that drops keys when its memory is full is refused, unless that is accepted', async () => {
      await admin.config('SET', 'maxmemory', '512mb');
      await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
      try {
        const error = await failureOf(open('evicting').ready());
        expect(error).toMatchObject({ code: 'unavailable', retryable: false });
        expect(error.message).toContain('maxmemory-policy allkeys-lru');
        await open('evicting', { allowEviction: true }).ready();
      } finally {
        await admin.config('SET', 'maxmemory-policy', 'noeviction');
        await admin.config('SET', 'maxmemory', '0');
      }
    });

    test(
      'E5 fifty writers of two processes update one actor a hundred times each',
      LONG,
      async (context) => {
        const state = open('writers', { timeoutMs: 60_000 });
        await state.spawn(clerk, 'x', { id: 'shared' });
        const child = spawn(
          process.execPath,
          [
            '--conditions=@promethean/source',
            `${import.meta.dirname}/writers.ts`,
            redis().url,
            'writers',
            '25',
            '25',
            '100',
          ],
          { stdio: ['ignore', 'inherit', 'inherit'] },
        );
        const ended = once(child, 'exit');
        await write(state, 0, 25, 100);
        expect(await ended).toEqual([0, null]);
        const { version = 0, metadata = {} } = (await state.get('shared')) ?? {};
        noteFigures(context, 'E5', { updates: 5_000, applied: version - 1, lost: 5_001 - version });
        expect(version).toBe(5_001);
        expect(Object.values(metadata)).toEqual(Array.from({ length: 50 }, () => 100));
      },
    );

    test('E5 increments that expect a version add up', LONG, async () => {
      const states = [open('sum'), open('sum')];
      await states[0]!.spawn(clerk, 'x', { id: 'a', metadata: { sum: 0 } });
      const increment = async (state: RedisState): Promise<void> => {
        for (;;) {
          const actor = (await state.get('a'))!;
          try {
            const sum = (actor.metadata!['sum'] as number) + 1;
            await state.update('a', { metadata: { sum } }, { expectedVersion: actor.version });
            return;
          } catch (error) {
            if (!PantheonError.is(error, 'state-conflict')) throw error;
          }
        }
      };
      const writers = Array.from({ length: 10 }, async (_, n) => {
        for (let round = 0; round < 20; round += 1) await increment(states[n % 2]!);
      });
      await Promise.all(writers);
      expect((await states[0]!.get('a'))?.metadata).toEqual({ sum: 200 });
    });

    test('I2 nothing is left on the server when it was closed, and a process of its own ends', async () => {
      const before = (await admin.client('LIST')) as string;
      const states = Array.from({ length: 50 }, () => open('connections'));
      await Promise.all(states.map((state) => state.ready()));
      await Promise.all(states.map((state) => state.close()));
      const clients = (text: string): number => text.trim().split('\n').length;
      await vi.waitFor(
        async () => expect(clients((await admin.client('LIST')) as string)).toBe(clients(before)),
        10_000,
      );
    });
  },
  { args: ['--appendonly', 'yes', '--appendfsync', 'always'] },
);

describeWithRedisCluster('actors in a Redis Cluster', (redis) => {
  test('nothing is lost or done twice while their slot moves to another node', async (context) => {
    const client = new Cluster([...redis().addresses], {
      retryDelayOnFailover: 0,
      redisOptions: { autoResendUnfulfilledCommands: false },
    });
    const state = makeRedisState({ client, namespace: 'moving', scripts, timeoutMs: 30_000 });
    await state.spawn(clerk, 'x', { id: 'a' });
    let isMoved = false;
    let updates = 0;
    let spawns = 1;
    const insist = async (call: () => Promise<unknown>): Promise<void> => {
      // What takes part in several keys may be told to try again for longer than the client does.
      for (;;)
        if (
          await call().then(
            () => true,
            (error: Error) => repeated(error),
          )
        )
          return;
    };
    const repeated = (error: Error): false => {
      expect(error).toMatchObject({ retryable: true });
      return false;
    };
    const updating = (async () => {
      while (!isMoved) {
        await state.update('a', { metadata: { updates } });
        updates += 1;
      }
    })();
    const spawning = (async () => {
      while (!isMoved) {
        await insist(() => state.spawn(clerk, 'x', { id: `b${spawns}` }));
        spawns += 1;
      }
    })();
    await redis().moveSlot('{moving}:state:all', async () => {
      const before = updates;
      await vi.waitFor(() => expect(updates).toBeGreaterThan(before + 20), 20_000);
    });
    isMoved = true;
    await Promise.all([updating, spawning]);
    const { version = 0 } = (await state.get('a')) ?? {};
    const listed = (await state.list()).length;
    const figures = { updates, lost: updates + 1 - version, spawns, unlisted: spawns - listed };
    noteFigures(context, 'slot moved', figures);
    expect(figures).toMatchObject({ lost: 0, unlisted: 0 });
    await state.close();
    await client.quit();
  });
});
