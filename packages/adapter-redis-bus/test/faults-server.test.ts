/** What a server does to us: it dies, refuses, forgets. */
import { PantheonError } from '@promethean/pantheon-core';
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { startProxy } from '@promethean/services';
import { describeWithRedisServer, failureOf } from '@promethean/services/vitest';
import { expect, test } from 'vitest';
import { makeRedisBus } from '../src/index.ts';
import { prefixOf } from '../src/keys.ts';
import { until } from './inspect.ts';
import { makeTally, startLoad } from './load.ts';
import { inScene, letter } from './scene.ts';

/** The sizes of the catalogue with `npm run faults`, smaller ones with `npm test`. */
const SIZES = IS_FULL
  ? { kills: 20, awayMs: 3_000, outageMs: 30_000, cutMs: 30_000, pauseMs: 5_000, open: 100_000 }
  : {
      kills: 5,
      awayMs: 0,
      outageMs: 4_000,
      cutMs: 3_000,
      pauseMs: 1_500,
      open: 10_000,
    };

const passes = (ms: number): Promise<void> => {
  const since = performance.now();
  return until(() => performance.now() - since >= ms, `${ms} ms`, ms + 15_000);
};

const QUICK = {
  pollMs: 200,
  commandTimeoutMs: 1_000,
  maxReconnectDelayMs: 200,
  sendTimeoutMs: 3_000,
};

describeWithRedisServer(
  'Redis with appendfsync everysec',
  (redis) => {
    test(
      `D1 is killed ${SIZES.kills} times: sends never hang, and only what was accepted just before can be lost`,
      async (context) =>
        inScene(
          redis().url,
          async ({ bus }) => {
            const [sender, worker] = [bus(), bus()];
            const tally = makeTally();
            worker.subscribe(tally.handle, { group: 'workers' });
            await worker.ready();
            const load = startLoad(sender, 10);
            let resumeMs = 0;
            const kills: number[] = [];
            for (let n = 0; n < SIZES.kills; n += 1) {
              const before = tally.total();
              await until(() => tally.total() > before + 100, 'work');
              kills.push(performance.now());
              await redis().kill();
              await passes((SIZES.awayMs * (n % 4)) / 3);
              await redis().start();
              const back = performance.now();
              const seen = tally.total();
              await until(() => tally.total() > seen + 20, 'work after the restart');
              resumeMs = Math.max(resumeMs, performance.now() - back);
            }
            await load.stop();
            // What was accepted after the last kill is still on its way, and cannot be lost.
            const lastKill = kills.at(-1) ?? 0;
            const isOld = (id: string): boolean => (load.accepted.get(id) ?? 0) <= lastKill;
            await until(
              () => worker.stats().held === 0 && tally.lost(load).every(isOld),
              `rest: ${JSON.stringify({ ...worker.stats(), position: undefined })}`,
            );
            const lost = tally.lost(load);
            const ages = lost.map((id) => {
              const at = load.accepted.get(id) as number;
              return (kills.find((kill) => kill >= at) ?? Number.POSITIVE_INFINITY) - at;
            });
            noteFigures(context, 'D1', {
              kills: SIZES.kills,
              accepted: load.accepted.size,
              lost: lost.length,
              oldestLostMs: Math.round(Math.max(0, ...ages)),
              repeated: tally.repeated(),
              disordered: tally.disordered(),
              resumeMs: Math.round(resumeMs),
              longestSendMs: load.longestMs(),
            });
            expect(Math.max(0, ...ages)).toBeLessThanOrEqual(2_000);
            expect(tally.disordered()).toBe(0);
            expect(resumeMs).toBeLessThan(10_000);
            expect(load.longestMs()).toBeLessThan(10_000);
          },
          QUICK,
        ),
      SIZES.kills * 15_000,
    );
  },
  { args: ['--appendonly', 'yes', '--appendfsync', 'everysec'] },
);

describeWithRedisServer(
  'Redis with appendfsync always',
  (redis) => {
    test(
      `D1 is killed ${SIZES.kills} times: nothing that was accepted is lost`,
      async (context) =>
        inScene(
          redis().url,
          async ({ bus }) => {
            const [sender, worker] = [bus(), bus()];
            const tally = makeTally();
            worker.subscribe(tally.handle, { group: 'workers' });
            await worker.ready();
            const load = startLoad(sender, 10);
            for (let n = 0; n < SIZES.kills; n += 1) {
              const before = tally.total();
              await until(() => tally.total() > before + 60, 'work');
              await redis().kill();
              await passes((SIZES.awayMs * (n % 4)) / 3);
              await redis().start();
            }
            await load.stop();
            await until(
              () => tally.lost(load).length === 0 && worker.stats().held === 0,
              'everything',
            );
            noteFigures(context, 'D1-always', {
              kills: SIZES.kills,
              accepted: load.accepted.size,
              lost: tally.lost(load).length,
              repeated: tally.repeated(),
              disordered: tally.disordered(),
            });
            expect(tally.disordered()).toBe(0);
          },
          QUICK,
        ),
      SIZES.kills * 15_000,
    );
  },
  { args: ['--appendonly', 'yes', '--appendfsync', 'always'] },
);

describeWithRedisServer(
  'a Redis that fails',
  (redis) => {
    test(
      'D4 is away for longer than the watchdog',
      async (context) =>
        inScene(
          redis().url,
          async ({ bus }) => {
            const [sender, worker] = [bus(), bus()];
            const tally = makeTally();
            const plain = makeTally();
            worker.subscribe(tally.handle, { group: 'workers' });
            worker.subscribe(plain.handle);
            await worker.ready();
            const load = startLoad(sender, 5);
            await until(() => tally.total() > 50, 'work');
            await redis().kill();
            await passes(SIZES.outageMs);
            await redis().start();
            const back = performance.now();
            const seen = tally.total();
            await until(() => tally.total() > seen, 'work after the outage');
            const resumeMs = Math.round(performance.now() - back);
            await load.stop();
            const lost = (): number => tally.lost(load).length + plain.lost(load).length;
            await until(() => lost() === 0, 'everything');
            noteFigures(context, 'D4', {
              outageMs: SIZES.outageMs,
              resumeMs,
              lost: lost(),
              repeated: plain.repeated(),
              unavailable: load.rejected.get('unavailable') ?? 0,
              longestSendMs: load.longestMs(),
            });
            expect(resumeMs).toBeLessThan(10_000);
            expect(load.rejected.get('unavailable') ?? 0).toBeGreaterThan(0);
            expect(plain.repeated()).toBe(0);
          },
          { ...QUICK, commandTimeoutMs: 500, sendTimeoutMs: 1_000 },
        ),
      SIZES.outageMs + 60_000,
    );

    test('D4 who comes back first after a long outage does not find the others dead', async () => {
      const [near, far] = [await startProxy(redis().port), await startProxy(redis().port)];
      try {
        await inScene(
          redis().url,
          async ({ namespace, client, bus, failures }) => {
            const sender = bus({ url: `redis://127.0.0.1:${near.port}` });
            const listener = bus({ url: `redis://127.0.0.1:${far.port}` });
            const seen: string[] = [];
            listener.subscribe(({ content }) => void seen.push(content));
            await listener.ready();
            await sender.send(letter('before'));
            await until(() => seen.length === 1, 'a message before the outage');
            near.set({ kind: 'blackhole' });
            far.set({ kind: 'blackhole' });
            await redis().kill();
            await redis().start();
            // As if it had been away for longer than all leases.
            const leases = `${prefixOf(namespace)}leases`;
            for (const token of await client.zrange(leases, '0', '-1'))
              await client.zadd(leases, 1, token);
            near.set({ kind: 'pass' });
            for (let n = 0; n < 20; n += 1) await sender.send(letter(`${n}`));
            far.set({ kind: 'pass' });
            await until(() => seen.length === 21, 'all messages', 60_000);
            expect(failures).toEqual([]);
          },
          { ...QUICK, leaseMs: 120_000, sendTimeoutMs: 30_000 },
        );
      } finally {
        await near.close();
        await far.close();
      }
    }, 120_000);

    test(
      'D5 CLIENT KILL every 200 ms and CLIENT PAUSE: nothing is lost or out of order',
      async (context) =>
        inScene(
          redis().url,
          async ({ client, bus }) => {
            const [sender, worker] = [bus(), bus()];
            const tally = makeTally();
            const plain = makeTally();
            worker.subscribe(tally.handle, { group: 'workers' });
            worker.subscribe(plain.handle);
            await worker.ready();
            const load = startLoad(sender, 10);
            const since = performance.now();
            let killed = 0;
            while (performance.now() - since < SIZES.cutMs) {
              killed += Number(
                await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
              );
              await new Promise((resolve) => setTimeout(resolve, 200));
            }
            const perSecond = worker.stats().connections / (SIZES.cutMs / 1_000);
            await client.call('CLIENT', 'PAUSE', `${SIZES.pauseMs}`);
            await load.stop();
            await until(
              () => tally.lost(load).length === 0 && plain.lost(load).length === 0,
              'everything',
            );
            noteFigures(context, 'D5', {
              killed,
              accepted: load.accepted.size,
              lost: tally.lost(load).length + plain.lost(load).length,
              repeated: tally.repeated(),
              plainRepeated: plain.repeated(),
              disordered: tally.disordered() + plain.disordered(),
              pausedMs: SIZES.pauseMs,
              connectionsPerSecond: Math.round(perSecond),
            });
            expect(plain.repeated()).toBe(0);
            expect(tally.disordered() + plain.disordered()).toBe(0);
            // Two connections of one bus.
            expect(perSecond / 2).toBeLessThan(20);
          },
          { ...QUICK, commandTimeoutMs: 3_000 },
        ),
      SIZES.cutMs + 60_000,
    );

    test(
      'D5 READONLY, a changed password and a full memory are refusals with their reason, and pass',
      async (context) =>
        inScene(
          redis().url,
          async ({ client, bus }) => {
            const address = new URL(redis().url);
            address.username = 'bus';
            address.password = 'first';
            await client.acl('SETUSER', 'bus', 'on', '>first', '~*', '+@all');
            const one = bus({ url: address.href });
            const tally = makeTally();
            const gates: (() => void)[] = [];
            one.subscribe(
              (message) => {
                tally.handle(message);
                return message.content === '0'
                  ? new Promise<void>((resolve) => gates.push(resolve))
                  : undefined;
              },
              { group: 'workers' },
            );
            await one.ready();
            await one.send(letter('0'));
            await until(() => gates.length === 1, 'a handler that runs');
            const refusal = async (): Promise<string> => {
              const error = await one.send(letter('refused')).then(
                () => undefined,
                (reason: unknown) => reason,
              );
              return PantheonError.is(error, 'unavailable') && error.retryable
                ? error.message
                : String(error);
            };

            await client.config('SET', 'maxmemory', '1');
            const full = await refusal();
            // What was handled can be acknowledged all the same.
            gates[0]?.();
            await until(() => one.stats().held === 0, 'the acknowledgement');
            const acknowledged = one.stats().acknowledged;
            await client.config('SET', 'maxmemory', '0');

            await client.replicaof('127.0.0.1', '1');
            const readonly = await refusal();
            await client.replicaof('NO', 'ONE');
            await until(async () => (await refusal()) === 'undefined', 'sending after READONLY');

            await client.acl('SETUSER', 'bus', 'resetpass', '>second');
            const attempts = async (): Promise<number> =>
              Number(
                /total_connections_received:(\d+)/.exec(String(await client.info('stats')))?.[1],
              );
            const before = await attempts();
            const since = performance.now();
            await client.client('KILL', 'USER', 'bus');
            const wrong = await refusal();
            const perSecond = ((await attempts()) - before) / ((performance.now() - since) / 1_000);
            await client.acl('SETUSER', 'bus', 'resetpass', '>first');
            await until(async () => (await refusal()) === 'undefined', 'sending with the password');
            noteFigures(context, 'D5-refused', {
              acknowledgedWithoutMemory: acknowledged,
              attemptsPerSecond: Math.round(perSecond),
            });
            expect(full).toMatch(/OOM/);
            expect(acknowledged).toBe(1);
            expect(readonly).toMatch(/READONLY/);
            expect(wrong).toMatch(/WRONGPASS|NOAUTH/);
            // Two connections of one bus.
            expect(perSecond).toBeLessThan(40);
          },
          { ...QUICK, sendTimeoutMs: 1_500 },
        ),
      40_000,
    );

    test(
      'D6 FLUSHALL and a deleted inbox are told loudly, and new messages flow',
      async (context) =>
        inScene(
          redis().url,
          async ({ namespace, client, bus, failures }) => {
            const [sender, worker] = [bus(), bus()];
            const tally = makeTally();
            const plain = makeTally();
            const gates: (() => void)[] = [];
            worker.subscribe(
              (message) => {
                tally.handle(message);
                return message.content === '0'
                  ? new Promise<void>((resolve) => gates.push(resolve))
                  : undefined;
              },
              { group: 'workers' },
            );
            worker.subscribe(plain.handle);
            await worker.ready();
            await sender.send(letter('0'));
            await sender.send(letter('1'));
            await until(() => gates.length === 1, 'a handler that runs');
            await client.del(`${prefixOf(namespace)}in:workers:bob`);
            gates[0]?.();
            await until(() => failures.length > 0, 'the report of the deletion');
            await sender.send(letter('2'));
            await until(
              () => tally.total() >= 2 && plain.total() === 3,
              'a message after the deletion',
            );
            await client.flushall();
            // Each bus finds out by itself: what is sent before the worker has is a dead letter.
            const lossReports = () =>
              failures.filter(({ error }) => (error as Error).message.includes('FLUSHALL')).length;
            await until(() => lossReports() === 2, 'the reports of the loss, by both buses');
            await until(
              () => worker.stats().isConnected && sender.stats().isConnected,
              'both buses',
            );
            const seen = tally.total();
            await sender.send(letter('3'));
            await until(
              () => tally.total() > seen && plain.total() === 4,
              'a message after FLUSHALL',
            );
            const reports = failures.map(({ error }) => (error as Error).message).join('\n');
            noteFigures(context, 'D6', { reports: failures.length, alive: 1 });
            expect(reports).toMatch(/deleted from Redis by somebody else/);
            expect(reports).toMatch(/FLUSHALL/);
            expect(plain.repeated()).toBe(0);
          },
          { ...QUICK, leaseMs: 900 },
        ),
      40_000,
    );

    test(
      `D10 ${SIZES.open} messages of a dead member, some deleted: all others are taken over, and it ends`,
      async (context) =>
        inScene(
          redis().url,
          async ({ namespace, client, bus, member }) => {
            const hangs = ['x'];
            const victim = await member({
              name: 'victim',
              hangs,
              options: { leaseMs: 1_500, concurrency: SIZES.open },
            });
            const sender = bus();
            const parts = Array.from({ length: SIZES.open / 500 }, (_, part) => part);
            for (const part of parts)
              await Promise.all(
                Array.from({ length: 500 }, (_, n) =>
                  sender.send(letter('x', `r${part * 500 + n}`)),
                ),
              );
            await until(
              async () => (await victim.stats()).running === SIZES.open,
              'all in the hands of the victim',
              SIZES.open * 3,
            );
            await victim.kill();
            const prefix = prefixOf(namespace);
            for (let n = 0; n < 100; n += 1)
              await client.xtrim(`${prefix}in:workers:r${n}`, 'MAXLEN', 0);
            const heir = bus();
            const tally = makeTally();
            const since = performance.now();
            heir.subscribe(tally.handle, { group: 'workers' });
            await until(
              () => tally.total() === SIZES.open - 100 && heir.stats().held === 0,
              'the heir',
              SIZES.open * 3,
            );
            noteFigures(context, 'D10', {
              pending: SIZES.open,
              deleted: 100,
              takenOver: tally.handled.size,
              repeated: tally.repeated(),
              takeoverMs: Math.round(performance.now() - since),
            });
            expect(tally.repeated()).toBe(0);
            await until(
              async () => (await client.hlen(`${prefix}hold:workers`)) === 0,
              'nothing held',
            );
            expect(await client.zcard(`${prefix}ready:workers`)).toBe(0);
          },
          { leaseMs: 1_500, pollMs: 200 },
        ),
      SIZES.open * 9,
    );
  },
  { args: ['--appendonly', 'yes', '--appendfsync', 'always'] },
);

describeWithRedisServer('a Redis that is not as the bus needs it', (redis) => {
  test('a user who may not write streams is told so, and what was refused is sent when it may', async () =>
    inScene(redis().url, async ({ bus, client }) => {
      await client.call('ACL', 'SETUSER', 'reader', 'on', '>secret', '~*', '+@all', '-xadd');
      const url = `redis://reader:secret@127.0.0.1:${redis().port}`;
      const member = bus();
      const seen: string[] = [];
      member.subscribe(({ content }) => void seen.push(content), { group: 'workers' });
      await member.ready();
      const sender = bus({ url });
      const refused = await failureOf(sender.send(letter('hello', 'bob', 'id-1')));
      expect(refused).toMatchObject({ code: 'send-unknown', retryable: true });
      expect(refused.message).toContain("can't run this command");
      await client.call('ACL', 'SETUSER', 'reader', '+xadd');
      await sender.send(letter('hello', 'bob', 'id-1'));
      await until(() => seen.length > 0, 'the message');
      expect(seen).toEqual(['hello']);
    }));

  test('a key that somebody else made is an error of every send, not a message that nobody gets', async () =>
    inScene(redis().url, async ({ bus, client, namespace }) => {
      const sender = bus();
      const seen: string[] = [];
      sender.subscribe(({ content }) => void seen.push(content));
      await sender.ready();
      await client.set(`${prefixOf(namespace)}all`, 'not a stream');
      const refused = await failureOf(sender.send(letter('hello', 'bob', 'id-1')));
      expect(refused.message).toContain('WRONGTYPE');
      await client.del(`${prefixOf(namespace)}all`);
      await sender.send(letter('hello', 'bob', 'id-1'));
      await until(() => seen.length > 0, 'the message');
      expect(seen).toEqual(['hello']);
    }));

  test('what cannot be reached is named with what to look at, and does not hold up a close', async () => {
    const nowhere = await startProxy(redis().port);
    await nowhere.close();
    const cases: readonly [url: string, message: RegExp][] = [
      [`redis://127.0.0.1:${nowhere.port}`, /ECONNREFUSED.*Check that Redis runs, its address/],
      [`redis://u:hunter2@127.0.0.1:${redis().port}`, /WRONGPASS[^.]*\. Check the user/],
      [`rediss://127.0.0.1:${redis().port}`, /no connection to Redis\. .*expects TLS/],
    ];
    for (const [url, message] of cases) {
      const bus = makeRedisBus({ url, sendTimeoutMs: 500, closeTimeoutMs: 600_000 });
      bus.subscribe(() => undefined, { group: 'workers' });
      const error = await failureOf(bus.send(letter('hello')));
      expect(error).toMatchObject({ code: 'unavailable', retryable: true });
      expect(error.message).toMatch(message);
      expect(error.message).not.toContain('hunter2');
      await bus.close();
    }
  });
});
