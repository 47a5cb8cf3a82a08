import { startProxy } from '@promethean/services';
import { noteFigures } from '@promethean/services/figures';
import { describeWithRedisServer } from '@promethean/services/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type BullmqScheduler, makeBullmqScheduler } from '../src/index.ts';
import { instantsOf } from './cluster.ts';
import { makeSteppedTime } from './stepped-time.ts';

const HOUR = 3_600_000;

describeWithRedisServer('faults of a named schedule', (redis) => {
  let control: Redis;
  beforeAll(() => {
    control = new Redis(redis().url);
    control.on('error', () => undefined);
  });
  afterAll(() => control.disconnect());

  /** A scheduler in stepped time whose wall clock can be set. */
  const makeStepped = (namespace: string, wallAtZero: number) => {
    const client = new Redis(redis().url);
    const time = makeSteppedTime(client);
    let offset = wallAtZero;
    const now = (): number => offset + time.timers.now();
    const scheduler = makeBullmqScheduler({ client, namespace, timers: time.timers, now });
    return {
      cron: scheduler.named('job').cron,
      now,
      advance: time.advance,
      jump: (ms: number) => {
        offset += ms;
      },
      close: async () => {
        await scheduler.close();
        client.disconnect();
      },
    };
  };

  test('bad intervals throw at once and never run', async (context) => {
    const scheduler = makeBullmqScheduler({ url: redis().url, namespace: 'B1' });
    const { every, once } = scheduler.named('job');
    let calls = 0;
    const bad = [NaN, -1, 0, 1.5, '5', null, undefined, Infinity, 2 ** 31, 2 ** 53, 1e308, {}];
    for (const value of bad) {
      const refused = expect.objectContaining({ code: 'interval-invalid' }) as Error;
      expect(() => every(value as number, () => (calls += 1))).toThrow(refused);
      if (value !== 0) expect(() => once(value as number, () => (calls += 1))).toThrow(refused);
    }
    every(2 ** 31 - 1, () => (calls += 1));
    await scheduler.ready();
    await scheduler.close();
    noteFigures(context, 'B1', { refused: bad.length, calls });
    expect(calls).toBe(0);
  });

  test('a process that was blocked for three seconds does not catch up', async (context) => {
    const scheduler = makeBullmqScheduler({ url: redis().url, namespace: 'B5' });
    await scheduler.ready();
    const runs: number[] = [];
    scheduler.named('job').every(50, () => runs.push(performance.now()));
    await vi.waitFor(() => expect(runs.length).toBeGreaterThan(3), 20_000);
    const until = performance.now() + 3_000;
    while (performance.now() < until);
    const before = runs.length;
    await vi.waitFor(() => expect(runs.length).toBeGreaterThan(before + 5), 20_000);
    await scheduler.close();
    const burst = runs.filter((at) => at >= until && at < until + 60).length;
    noteFigures(context, 'B5', { blockedMs: 3_000, intervalMs: 50, burst });
    // One that is late, and the one or two that are due in 60 ms: the sixty that were missed are not made up for.
    expect(burst).toBeLessThanOrEqual(3);
  });

  test('every second through a clock that is set an hour on and an hour back', async (context) => {
    const stepped = makeStepped('B11-jump', Date.UTC(2026, 5, 1, 12));
    const runs: string[] = [];
    stepped.cron('* * * * * *', () => runs.push(new Date(stepped.now()).toISOString()));
    await stepped.advance(3_000);
    stepped.jump(HOUR);
    await stepped.advance(3_000);
    stepped.jump(-HOUR);
    await stepped.advance(3_000);
    await stepped.close();
    noteFigures(context, 'B11', {
      clock: '+1 h, -1 h',
      fires: runs.length,
      twice: runs.length - new Set(runs).size,
    });
    expect(runs).toHaveLength(6);
    expect(new Set(runs).size).toBe(6);
  });

  test('half past two through both changes of the clock in Berlin', async (context) => {
    const fires: number[] = [];
    for (const day of [Date.UTC(2026, 9, 24, 12), Date.UTC(2027, 2, 27, 12)]) {
      const stepped = makeStepped(`B11-${day}`, day);
      let runs = 0;
      stepped.cron('30 2 * * *', () => (runs += 1), { timezone: 'Europe/Berlin' });
      await stepped.advance(24 * HOUR);
      await stepped.close();
      fires.push(runs);
    }
    noteFigures(context, 'B11', { autumn: fires[0] ?? 0, spring: fires[1] ?? 0 });
    expect(fires).toEqual([1, 1]);
  });

  const troubles: readonly {
    readonly what: string;
    readonly begin: () => Promise<unknown>;
    readonly end: () => Promise<unknown>;
  }[] = [
    {
      what: 'connections killed every 200 ms for 3 s',
      begin: async () => {
        const until = performance.now() + 3_000;
        while (performance.now() < until) {
          await control.call('CLIENT', 'KILL', 'TYPE', 'normal');
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
      },
      end: async () => undefined,
    },
    {
      what: 'CLIENT PAUSE 3000',
      begin: () => control.client('PAUSE', 3_000),
      end: () => control.client('UNPAUSE'),
    },
    {
      what: 'READONLY',
      begin: () => control.replicaof('127.0.0.1', 1),
      end: () => control.replicaof('NO', 'ONE'),
    },
    {
      what: 'OOM',
      begin: () => control.config('SET', 'maxmemory', 1),
      end: () => control.config('SET', 'maxmemory', 0),
    },
    {
      what: 'NOAUTH',
      begin: async () => {
        await control.config('SET', 'requirepass', 'secret');
        await control.call('CLIENT', 'KILL', 'TYPE', 'normal');
      },
      end: () => control.config('SET', 'requirepass', ''),
    },
  ];

  test('a client of the caller that gets no answers any more holds no schedule up for ever', async (context) => {
    const proxy = await startProxy(redis().port);
    const client = new Redis(proxy.port, '127.0.0.1');
    const errors: unknown[] = [];
    const scheduler = makeBullmqScheduler({
      client,
      namespace: 'silent',
      commandTimeoutMs: 200,
      onError: (error) => errors.push(error),
    });
    let runs = 0;
    scheduler.named('job').every(100, () => (runs += 1));
    await vi.waitFor(() => expect(runs).toBeGreaterThan(3), 20_000);
    proxy.set({ kind: 'blackhole' });
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(1), 20_000);
    proxy.set({ kind: 'pass' });
    proxy.cut();
    const before = runs;
    const backAt = performance.now();
    await vi.waitFor(() => expect(runs).toBeGreaterThan(before), 30_000);
    const resumeMs = Math.round(performance.now() - backAt);
    await scheduler.close();
    client.disconnect();
    await proxy.close();
    noteFigures(context, 'D2', { what: 'half-open connection', resumeMs, errors: errors.length });
    for (const error of errors) expect(error).toMatchObject({ code: 'unavailable' });
  }, 90_000);

  const connectionsSoFar = async (): Promise<number> =>
    Number(/total_connections_received:(\d+)/.exec(await control.info('stats'))?.[1]);

  test.for(troubles)(
    '$what: errors are unavailable, and both go on',
    { timeout: 90_000 },
    async (trouble, context) => {
      const errors: unknown[] = [];
      const runs: { readonly by: number; readonly at: number }[] = [];
      const schedulers: BullmqScheduler[] = [];
      for (const by of [0, 1]) {
        const scheduler = makeBullmqScheduler({
          url: redis().url,
          namespace: trouble.what,
          keepRuns: 1_000,
          onError: (error) => errors.push(error),
        });
        schedulers.push(scheduler);
        await scheduler.ready();
        scheduler.named('job').every(100, () => void runs.push({ by, at: performance.now() }));
      }
      await vi.waitFor(() => expect(runs.length).toBeGreaterThan(5), 20_000);
      const before = await connectionsSoFar();
      const beganAt = performance.now();
      await trouble.begin();
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      const tries = ((await connectionsSoFar()) - before) / ((performance.now() - beganAt) / 1_000);
      await trouble.end();
      const backAt = performance.now();
      const after = () => runs.filter(({ at }) => at > backAt);
      await vi.waitFor(() => expect(after().length).toBeGreaterThan(20), 30_000);
      const resumeMs = Math.round((after()[0]?.at as number) - backAt);
      const queue = `{${encodeURIComponent(trouble.what)}}:job/every/100/0`;
      let twice = 0;
      await vi.waitFor(async () => {
        const ran = runs.length;
        twice = Math.max(0, ran - (await instantsOf(control, queue)).length);
        expect(twice).toBe(0);
      }, 20_000);
      await Promise.all(schedulers.map((scheduler) => scheduler.close()));
      noteFigures(context, 'D5', {
        what: trouble.what,
        resumeMs,
        triesPerSecond: Math.round(tries),
        errors: errors.length,
        twice,
      });
      expect(resumeMs).toBeLessThan(10_000);
      expect(tries).toBeLessThanOrEqual(2 * 20);
      for (const error of errors) {
        expect(error).toMatchObject({
          code: expect.stringMatching(/^(unavailable|outcome-unknown)$/) as string,
        });
      }
      const left = await control.keys('*');
      expect(left).toEqual([]);
    },
  );
});
