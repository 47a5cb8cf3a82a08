/** What leases in Redis promise when the network, the server or the holder fails. */
import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { Lease } from '@promethean/pantheon-core';
import { startProxy } from '@promethean/services';
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { closedAfterAll, describeWithRedisServer } from '@promethean/services/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { makeRedisLease, type RedisLease, type RedisLeaseOptions } from '../src/index.ts';

const LONG = { timeout: 120_000 };
/** As often as the catalogue says with `npm run faults`. */
const KILLS = IS_FULL ? 20 : 3;

/** A lease that must be there. */
const taken = async (leases: RedisLease, name: string, ttlMs: number): Promise<Lease> => {
  const lease = await leases.acquire(name, { ttlMs });
  if (lease === undefined) throw new Error(`${name} is held by somebody`);
  return lease;
};

/** Asks until the name is free. */
const takenOver = (leases: RedisLease, name: string, ttlMs: number): Promise<Lease> =>
  vi.waitFor(() => taken(leases, name, ttlMs), { timeout: 60_000, interval: 20 });

describeWithRedisServer(
  'leases in Redis under faults',
  (redis) => {
    let admin: Redis;
    beforeAll(() => {
      admin = new Redis(redis().url);
      admin.on('error', () => undefined); // It is stopped on purpose.
    });
    afterAll(() => admin.disconnect());
    const closed = closedAfterAll();
    const open = (namespace: string, options: Partial<RedisLeaseOptions> = {}): RedisLease => {
      const address = options.client === undefined ? { url: redis().url } : {};
      return closed(makeRedisLease({ ...address, namespace, ...options }));
    };

    test(
      'C9 of two that ask at once, one gets the name, two hundred times',
      LONG,
      async (context) => {
        const ports = [open('race'), open('race')];
        await Promise.all(ports.map((leases) => leases.ready()));
        const tokens = new Set<string>();
        const figures = { races: 0, winners: 0, double: 0, none: 0 };
        for (let race = 0; race < 200; race += 1) {
          // Each goes first as often as the other.
          const order = race % 2 === 0 ? ports : ports.toReversed();
          const leases = await Promise.all(
            order.map((port) => port.acquire('a', { ttlMs: 30_000 })),
          );
          const winners = leases.filter((lease) => lease !== undefined);
          figures.races += 1;
          figures.winners += winners.length;
          if (winners.length > 1) figures.double += 1;
          if (winners.length === 0) figures.none += 1;
          for (const winner of winners) {
            expect(winner.epoch).toBe(race + 1);
            tokens.add(winner.token);
            await winner.release();
          }
        }
        noteFigures(context, 'C9', figures);
        expect(figures).toEqual({ races: 200, winners: 200, double: 0, none: 0 });
        expect(tokens.size).toBe(200);
      },
    );

    test(
      'C7 a holder that is cut off gives up before its term ends, and another takes over after it',
      LONG,
      async (context) => {
        const ttlMs = 1_500;
        const proxy = await startProxy(redis().port);
        const far = open('split', { url: `redis://127.0.0.1:${proxy.port}` });
        const near = open('split');
        let lostAt = 0;
        const lease = await far.acquire('a', {
          ttlMs,
          onLost: () => {
            lostAt = performance.now();
          },
        });
        const cutAt = performance.now();
        proxy.set({ kind: 'blackhole' });
        const next = await takenOver(near, 'a', ttlMs);
        const takeoverMs = Math.round(performance.now() - cutAt);
        // The store's clock began the term when the last renewal arrived; the holder's, before it was sent.
        expect(lease?.isHeld()).toBe(false);
        expect(lostAt).toBeGreaterThan(0);
        const sureMs = Math.round(lostAt - cutAt);
        expect(sureMs).toBeLessThan(takeoverMs);
        expect(next.token).not.toBe(lease?.token);
        expect(next.epoch).toBe(2);

        proxy.cut();
        proxy.set({ kind: 'pass' });
        await lease?.release();
        expect(next.isHeld()).toBe(true);
        expect(await near.acquire('a'), 'a late release leaves the next holder alone').toBe(
          undefined,
        );
        noteFigures(context, 'C7', { ttlMs, sureMs, takeoverMs, overlaps: 0 });
        expect(takeoverMs).toBeLessThan(ttlMs + 10_000);
        await next.release();
        await far.close();
        await proxy.close();
      },
    );

    test('D9 a slow network keeps its leases', LONG, async (context) => {
      const ttlMs = 6_000;
      const proxy = await startProxy(redis().port);
      // On each way.
      proxy.set({ kind: 'delay', delayMs: 150 });
      const far = open('slow', { url: `redis://127.0.0.1:${proxy.port}` });
      const near = open('slow');
      await far.ready();
      let lost = 0;
      const names = Array.from({ length: 10 }, (_, n) => `a${n}`);
      const onLost = (): void => void (lost += 1);
      const started = performance.now();
      const held = await Promise.all(names.map((name) => far.acquire(name, { ttlMs, onLost })));
      // Longer than a term: each has been renewed several times.
      await expect
        .poll(() => performance.now() - started, { timeout: 60_000 })
        .toBeGreaterThan(ttlMs * 1.4);
      for (const name of names) expect(await near.acquire(name)).toBeUndefined();
      expect(held.map((lease) => lease?.isHeld())).toEqual(names.map(() => true));
      noteFigures(context, 'D9', { latencyMs: 300, ttlMs, leases: names.length, lost });
      expect(lost).toBe(0);
      await far.close();
      for (const name of names) await (await taken(near, name, ttlMs)).release();
      await proxy.close();
    });

    test(
      'D1 a server that is killed and comes back still knows who holds what',
      LONG,
      async (context) => {
        const [ttlMs, timeoutMs] = [60_000, 30_000];
        const [one, other] = [open('restart', { timeoutMs }), open('restart', { timeoutMs })];
        const lease = await taken(one, 'a', ttlMs);
        let lost = 0;
        for (let kills = 0; kills < KILLS; kills += 1) {
          await redis().kill();
          const refused = other.acquire('b', { ttlMs });
          await redis().start();
          // Asked for while it was away, answered when it is back.
          const late = await refused;
          expect(late?.epoch).toBe(kills + 1);
          await late?.release();
          expect(await other.acquire('a')).toBeUndefined();
          if (!lease.isHeld()) lost += 1;
        }
        noteFigures(context, 'D1', { kills: KILLS, lost });
        expect(lost).toBe(0);
        await lease.release();
        expect((await taken(other, 'a', ttlMs)).epoch).toBe(2);
      },
    );

    test(
      'M13 a server that lost its last writes counts twice, and the tokens differ all the same',
      LONG,
      async (context) => {
        const [one, other] = [open('tail'), open('tail')];
        await (await taken(one, 'a', 60_000)).release();
        const dir = (await admin.config('GET', 'dir'))[1] as string;
        const folder = join(dir, 'appendonlydir');
        const file = readdirSync(folder).find((name) => name.endsWith('.incr.aof')) as string;
        const before = statSync(join(folder, file)).size;

        let lost = 0;
        const first = await one.acquire('a', { ttlMs: 3_000, onLost: () => void (lost += 1) });
        await redis().kill();
        truncateSync(join(folder, file), before);
        await redis().start();

        // The server has forgotten the first one, which does not know that yet.
        const second = await takenOver(other, 'a', 60_000);
        expect([first?.epoch, second.epoch]).toEqual([2, 2]);
        expect(second.token).not.toBe(first?.token);
        await expect.poll(() => first?.isHeld(), { timeout: 20_000 }).toBe(false);
        expect(lost).toBe(1);
        await first?.release();
        expect(second.isHeld()).toBe(true);
        expect(await one.acquire('a')).toBeUndefined();
        await second.release();
        noteFigures(context, 'M13', { sameEpoch: 1, sameToken: 0, freedByTheOther: 0 });
      },
    );

    test('a taking whose answer was lost is repeated, and is the same lease', async () => {
      const client = new Redis(redis().url, { lazyConnect: true });
      const evalsha = client.evalsha.bind(client) as (...args: unknown[]) => Promise<unknown>;
      let losing = 2;
      const deaf = async (...args: unknown[]): Promise<unknown> => {
        const answer = await evalsha(...args);
        if (losing === 0) return answer;
        losing -= 1;
        throw new Error('Connection is closed.');
      };
      const leases = open('lost-answer', {
        client: Object.assign(client, { evalsha: deaf }) as Redis,
      });
      const lease = await taken(leases, 'a', 30_000);
      expect(lease.epoch).toBe(1);
      losing = 1;
      await lease.release();
      expect((await taken(leases, 'a', 30_000)).epoch).toBe(2);
      await leases.close();
      await client.quit();
    });

    test('a server that drops keys when its memory is full is refused, unless that is accepted', async () => {
      await admin.config('SET', 'maxmemory', '512mb', 'maxmemory-policy', 'volatile-ttl');
      try {
        await expect(open('evicting').acquire('a')).rejects.toMatchObject({
          code: 'unavailable',
          retryable: false,
          message: expect.stringContaining('drops leases') as string,
        });
        const accepted = open('evicting', { allowEviction: true });
        await (await taken(accepted, 'a', 30_000)).release();
      } finally {
        await admin.config('SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction');
      }
    });

    test('I2 nothing is left on the server when ports were closed, and their names are free', async () => {
      const clients = async (): Promise<number> =>
        ((await admin.client('LIST')) as string).trim().split('\n').length;
      const before = await clients();
      const ports = Array.from({ length: 30 }, () => open('connections'));
      await Promise.all(ports.map((port, n) => taken(port, `a${n}`, 60_000)));
      await Promise.all(ports.map((port) => port.close()));
      await vi.waitFor(async () => expect(await clients()).toBeLessThanOrEqual(before), 20_000);
      expect(await admin.keys('{connections:*}:holder')).toEqual([]);
    });
  },
  { args: ['--appendonly', 'yes', '--appendfsync', 'always'] },
);
