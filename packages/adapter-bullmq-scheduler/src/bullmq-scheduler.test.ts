import { describeWithRedis } from '@promethean/services/vitest';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { makeSteppedTime } from '../test/stepped-time.ts';
import { type BullmqSchedulerOptions, makeBullmqScheduler } from './index.ts';

const SECOND = 1_000;
const MINUTE = 60_000;

const code = (name: string): Error => expect.objectContaining({ code: name }) as Error;

const makeGate = () => {
  let open = (): void => undefined;
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open };
};

describe('options', () => {
  const url = 'redis://127.0.0.1:1';

  test.each([
    [{}, 'exactly one'],
    [{ url, redis: {} }, 'exactly one'],
    [{ url: 'localhost' }, 'url'],
    [{ client: {} as never }, 'client'],
    [{ url, namespace: '' }, 'namespace'],
    [{ url, leaseMs: 0 }, 'leaseMs'],
    [{ url, keepRuns: -1 }, 'keepRuns'],
    [{ url, misfireAfterMs: 1.5 }, 'misfireAfterMs'],
    [{ url, closeTimeoutMs: 0 }, 'closeTimeoutMs'],
  ])('%o throws option-invalid and names what is wrong', (options, named) => {
    expect(() => makeBullmqScheduler(options)).toThrow(
      expect.objectContaining({
        code: 'option-invalid',
        message: expect.stringContaining(named) as string,
      }) as Error,
    );
  });

  test('a name, a task and a misfire policy that are none throw option-invalid', async () => {
    const scheduler = makeBullmqScheduler({ url });
    expect(() => scheduler.named('')).toThrow(code('option-invalid'));
    const { every, cron } = scheduler.named('job');
    expect(() => every(1_000, undefined as never)).toThrow(code('option-invalid'));
    expect(() => cron('* * * * *', () => 1, { misfire: 'never' as 'skip' })).toThrow(
      code('option-invalid'),
    );
    await scheduler.close();
  });
});

describe('without Redis', () => {
  test('ready rejects with unavailable, and what has no name runs', async () => {
    const scheduler = makeBullmqScheduler({ url: 'redis://127.0.0.1:1', connectTimeoutMs: 100 });
    await expect(scheduler.ready()).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    const ran = new Promise<void>((resolve) => scheduler.once(1, resolve));
    await ran;
    await scheduler.close();
  });

  test('a named schedule reports unavailable, and can be ended', async () => {
    const errors: unknown[] = [];
    const scheduler = makeBullmqScheduler({
      url: 'redis://127.0.0.1:1',
      connectTimeoutMs: 100,
      onError: (error) => errors.push(error),
    });
    const end = scheduler.named('job').every(10, () => 1);
    await vi.waitFor(() => expect(errors).toContainEqual(code('unavailable')), 10_000);
    end();
    await scheduler.close();
    expect(errors.every((error) => (error as { code?: string }).code === 'unavailable')).toBe(true);
  });
});

describeWithRedis('named schedules', (redis) => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });
  let made = 0;

  /** Schedulers in one stepped time at noon, as processes of one cluster have them. */
  const makeCluster = (count: number, options: BullmqSchedulerOptions = {}) => {
    const client = new Redis(redis().url);
    const time = makeSteppedTime(client);
    const wallAtZero = Date.UTC(2026, 5, 1, 12);
    const now = (): number => wallAtZero + time.timers.now();
    made += 1;
    const { namespace = `test ${process.pid} ${made}` } = options;
    const schedulers = Array.from({ length: count }, () =>
      makeBullmqScheduler({ client, timers: time.timers, now, ...options, namespace }),
    );
    closers.push(async () => {
      await Promise.all(schedulers.map((scheduler) => scheduler.close()));
      client.disconnect();
    });
    const runs: string[] = [];
    return {
      schedulers,
      runs,
      ...time,
      client,
      namespace,
      keys: () => client.keys(`{${encodeURIComponent(namespace)}}*`),
      /** Notes who ran, and at which time of day. */
      note: (who: number) => () =>
        void runs.push(`${who} ${new Date(now()).toISOString().slice(14, 19)}`),
    };
  };

  test('each instant runs once, in whichever scheduler asks first', async () => {
    const { schedulers, runs, advance, note } = makeCluster(3);
    schedulers.forEach((scheduler, who) => scheduler.named('job').every(SECOND, note(who)));
    await advance(5.5 * SECOND);
    expect(runs.map((run) => run.slice(2))).toEqual(['00:01', '00:02', '00:03', '00:04', '00:05']);
  });

  test('one that joins later keeps to the start of the first', async () => {
    const { schedulers, runs, advance, note } = makeCluster(2);
    const [first, second] = schedulers;
    const endFirst = first?.named('job').every(10 * SECOND, note(0));
    await advance(13 * SECOND);
    second?.named('job').every(10 * SECOND, note(1));
    await advance(1);
    endFirst?.();
    await advance(20 * SECOND);
    expect(runs).toEqual(['0 00:10', '1 00:20', '1 00:30']);
  });

  test('names, kinds and intervals are told apart', async () => {
    const { schedulers, runs, advance } = makeCluster(2);
    schedulers.forEach((scheduler) => {
      for (const name of ['a', 'b', 'a/every', '*']) {
        scheduler.named(name).every(2 * SECOND, () => runs.push(`${name} 2`));
        scheduler.named(name).every(3 * SECOND, () => runs.push(`${name} 3`));
      }
    });
    await advance(3.5 * SECOND);
    expect(runs.sort()).toEqual(
      ['a', 'b', 'a/every', '*'].flatMap((name) => [`${name} 2`, `${name} 3`]).sort(),
    );
  });

  test('what has no name runs in every process', async () => {
    const { schedulers, runs, advance, note } = makeCluster(2);
    schedulers.forEach((scheduler, who) => {
      scheduler.every(SECOND, note(who));
      scheduler.once(SECOND, note(who));
      scheduler.cron('1 * * * * *', note(who));
    });
    await advance(1.5 * SECOND);
    expect(runs.sort()).toEqual([0, 1].flatMap((who) => Array(3).fill(`${who} 00:01`)));
  });

  test('an instant is skipped while a run is open in another scheduler', async () => {
    const { schedulers, runs, advance, note } = makeCluster(2);
    const gate = makeGate();
    schedulers.forEach((scheduler, who) =>
      scheduler.named('job').every(SECOND, () => {
        note(who)();
        return runs.length === 1 ? gate.promise : undefined;
      }),
    );
    await advance(3.5 * SECOND);
    expect(runs).toHaveLength(1);
    gate.open();
    await advance(SECOND);
    expect(runs.map((run) => run.slice(2))).toEqual(['00:01', '00:04']);
  });

  test('once runs once for all that called before it ran, and again for a call after', async () => {
    const { schedulers, runs, advance, note, keys } = makeCluster(3);
    const call = (who: number) => schedulers[who]?.named('job').once(5 * SECOND, note(who));
    call(0);
    await advance(2 * SECOND);
    call(1);
    await advance(2 * SECOND);
    call(2);
    await advance(10 * SECOND);
    expect(runs).toEqual(['0 00:05']);
    expect(await keys()).toEqual([]);
    call(1);
    await advance(6 * SECOND);
    expect(runs).toEqual(['0 00:05', '1 00:19']);
  });

  test('a task that calls once for itself goes on', async () => {
    const { schedulers, runs, advance } = makeCluster(1);
    const { once } = schedulers[0]!.named('job');
    const again = (): void => {
      runs.push('run');
      if (runs.length < 5) once(0, again);
    };
    once(0, again);
    await advance(SECOND);
    expect(runs).toHaveLength(5);
  });

  test('an ended schedule leaves the others theirs, and the last one takes it out of Redis', async () => {
    const { schedulers, runs, advance, note, keys } = makeCluster(2);
    const ends = schedulers.map((scheduler, who) =>
      scheduler.named('job').every(SECOND, note(who)),
    );
    await advance(1.5 * SECOND);
    ends[0]?.();
    await advance(2 * SECOND);
    expect(runs.slice(1)).toEqual(['1 00:02', '1 00:03']);
    expect((await keys()).length).toBeGreaterThan(0);
    ends[1]?.();
    await advance(2 * SECOND);
    expect(runs).toHaveLength(3);
    expect(await keys()).toEqual([]);
  });

  test('a long run is prolonged, and a failing one goes to onError and to the record', async () => {
    const errors: unknown[] = [];
    const { schedulers, advance, client, keys } = makeCluster(1, {
      leaseMs: 3_000,
      onError: (error) => errors.push(error),
    });
    const gate = makeGate();
    schedulers[0]?.named('job').every(MINUTE, async () => {
      await gate.promise;
      throw new Error('it failed');
    });
    await advance(MINUTE);
    const lock = (await keys()).find((key) => key.endsWith(':lock')) as string;
    await client.pexpire(lock, 1_500);
    await advance(1_100);
    expect(await client.pttl(lock)).toBeGreaterThan(1_500);
    gate.open();
    await advance(SECOND);
    expect(errors).toEqual([new Error('it failed')]);
    const failed = (await keys()).find((key) => key.endsWith(':failed')) as string;
    const [id] = await client.zrange(failed, '0', '-1');
    expect(await client.hget(failed.replace(/failed$/, id as string), 'failedReason')).toBe(
      'it failed',
    );
  });

  test('a run whose lease was lost is reported with outcome-unknown', async () => {
    const errors: unknown[] = [];
    const { schedulers, advance, client, keys } = makeCluster(1, {
      onError: (error) => errors.push(error),
    });
    const gate = makeGate();
    schedulers[0]?.named('job').every(MINUTE, () => gate.promise);
    await advance(MINUTE);
    await client.del((await keys()).find((key) => key.endsWith(':lock')) as string);
    gate.open();
    await advance(SECOND);
    expect(errors).toEqual([code('outcome-unknown')]);
  });

  test('a schedule goes on at its times after Redis lost everything', async () => {
    const { schedulers, runs, advance, note, client } = makeCluster(1);
    schedulers[0]?.named('job').every(10 * SECOND, note(0));
    await advance(11 * SECOND);
    await client.flushall();
    await advance(20 * SECOND);
    expect(runs).toEqual(['0 00:10', '0 00:20', '0 00:30']);
  });

  test.each([
    ['skip', []],
    ['once', ['0 35:00']],
    ['all', ['0 35:00', '0 35:00', '0 35:00']],
  ] as const)(
    'misfire %s after 35 minutes in which nothing could run',
    async (misfire, expected) => {
      const { schedulers, runs, advance, stall, note } = makeCluster(1);
      schedulers[0]?.named('job').cron('*/10 * * * *', note(0), { misfire });
      await advance(1);
      stall(35 * MINUTE - 1);
      await advance(SECOND);
      expect(runs).toEqual(expected);
      runs.length = 0;
      await advance(10 * MINUTE);
      expect(runs).toEqual(['0 40:00']);
    },
  );

  test('all runs the missed ones one after the other', async () => {
    const { schedulers, runs, advance, stall, note } = makeCluster(1);
    const gates = Array.from({ length: 4 }, makeGate);
    schedulers[0]?.named('job').cron(
      '*/10 * * * *',
      () => {
        note(0)();
        return gates[runs.length - 1]?.promise;
      },
      { misfire: 'all' },
    );
    await advance(1);
    stall(35 * MINUTE);
    await advance(SECOND);
    expect(runs).toHaveLength(1);
    for (const [at, gate] of gates.entries()) {
      gate.open();
      await advance(SECOND);
      expect(runs).toHaveLength(Math.min(at + 2, 3));
    }
  });

  test('what another process ran is not made up for', async () => {
    const punctual = makeCluster(1);
    const late = makeCluster(1, { namespace: punctual.namespace });
    const policy = { misfire: 'all' } as const;
    late.schedulers[0]?.named('job').cron('* * * * *', late.note(1), policy);
    await late.advance(0);
    punctual.schedulers[0]?.named('job').cron('* * * * *', punctual.note(0), policy);
    await punctual.advance(3 * MINUTE);
    expect(punctual.runs).toHaveLength(3);
    late.stall(4 * MINUTE);
    await late.advance(SECOND);
    expect(late.runs).toEqual(['1 04:00']);
  });

  test('waits for a time that is further away than a timer reaches', async () => {
    const { schedulers, runs, advance, note } = makeCluster(1);
    schedulers[0]?.named('job').cron('0 0 1 7 *', note(0));
    await advance(29.4 * 24 * 60 * MINUTE);
    expect(runs).toEqual([]);
    await advance(0.2 * 24 * 60 * MINUTE);
    expect(runs).toEqual(['0 00:00']);
    // Tens of thousands of looks at Redis: seconds on an idle machine, a minute on a busy one.
  }, 240_000);

  test('connects with the first named schedule, and disconnects with the last', async () => {
    const control = new Redis(redis().url);
    const count = async (): Promise<number> =>
      Number(/connected_clients:(\d+)/.exec(await control.info('clients'))?.[1]);
    const before = await count();
    const scheduler = makeBullmqScheduler({
      url: redis().url,
      namespace: `sockets ${process.pid}`,
    });
    scheduler.every(1_000, () => 1);
    expect(await count()).toBe(before);
    const end = scheduler.named('job').every(1_000, () => 1);
    await vi.waitFor(async () => expect(await count()).toBe(before + 1), 10_000);
    end();
    await vi.waitFor(async () => expect(await count()).toBe(before), 10_000);
    await scheduler.close();
    control.disconnect();
  });
});
