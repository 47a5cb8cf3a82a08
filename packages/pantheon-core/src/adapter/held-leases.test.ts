import { describe, expect, test } from 'vitest';
import { PantheonError } from '../core/errors.ts';
import type { Lease } from '../core/ports.ts';
import { makeManualTimers, type ManualTimers } from '../memory/index.ts';
import { type HeldLeases, type LeaseStore, makeHeldLeases } from './held-leases.ts';

interface Calls {
  readonly renewals: number[];
  readonly releases: string[];
}

interface Bench extends Calls {
  readonly timers: ManualTimers;
  readonly leases: HeldLeases;
}

/** A port on a store that notes what is asked of it, and when. */
const bench = (store: (timers: ManualTimers) => Partial<LeaseStore> = () => ({})): Bench => {
  const timers = makeManualTimers();
  const calls: Calls = { renewals: [], releases: [] };
  const { take, renew, release } = store(timers);
  const leases = makeHeldLeases(
    {
      take: take ?? (async () => 7),
      renew: (...args) => {
        calls.renewals.push(timers.now());
        return renew?.(...args) ?? Promise.resolve(true);
      },
      release: async (name, token) => {
        calls.releases.push(`${name} ${token}`);
        await release?.(name, token);
      },
    },
    { timers, newNonce: () => 'nonce' },
  );
  return { ...calls, timers, leases };
};

const after = <T>(timers: ManualTimers, ms: number, value: T): Promise<T> =>
  new Promise((resolve) => timers.set(() => resolve(value), ms));

/** A lease of 300 ms. */
const hold = async ({ leases }: Bench, onLost?: () => void): Promise<Lease> => {
  const lease = await leases.acquire('a', { ttlMs: 300, onLost });
  if (lease === undefined) throw new Error('the name must be free');
  return lease;
};

const away = (): Promise<never> => Promise.reject(new PantheonError('unavailable', 'away'));

describe('a term', () => {
  test('begins before its request was sent', async () => {
    const one = bench((timers) => ({
      take: () => after(timers, 200, 7),
      renew: away,
    }));
    const acquiring = hold(one);
    await one.timers.advance(200);
    const lease = await acquiring;
    expect([lease.isHeld(), lease.epoch, lease.token]).toEqual([true, 7, '7:nonce']);
    await one.timers.advance(39);
    expect(lease.isHeld()).toBe(true);
    await one.timers.advance(1);
    expect(lease.isHeld()).toBe(false);
  });

  test('that is over before its answer comes is not waited for, and is given back', async () => {
    const one = bench((timers) => ({ take: () => after(timers, 500, 7) }));
    const acquiring = hold(one).catch((error: unknown) => error);
    await one.timers.advance(240);
    expect(await acquiring).toMatchObject({ code: 'unavailable', retryable: true });
    expect(one.releases).toEqual([]);
    await one.timers.advance(260);
    expect(one.releases).toEqual(['a 7:nonce']);
    expect(one.timers.pending()).toBe(0);
  });

  test('is of 30 seconds where nothing is said', async () => {
    const one = bench();
    await one.leases.acquire('a');
    await one.timers.advance(30_000);
    expect(one.renewals).toEqual([10_000, 20_000, 30_000]);
  });
});

describe('renewals', () => {
  test('are sent every third of the term, however long their answers take', async () => {
    const one = bench((timers) => ({ renew: () => after(timers, 70, true) }));
    const lease = await hold(one);
    await one.timers.advance(1_000);
    expect(one.renewals).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]);
    expect(lease.isHeld()).toBe(true);
  });

  test('that are answered later than the next is due are sent without a pause', async () => {
    const one = bench((timers) => ({ renew: () => after(timers, 110, true) }));
    const lease = await hold(one);
    await one.timers.advance(1_000);
    expect(one.renewals.slice(0, 4)).toEqual([100, 210, 320, 430]);
    expect(lease.isHeld()).toBe(true);
  });

  test('that fail are sent again every tenth of the term, up to 80 % of it', async () => {
    const one = bench(() => ({ renew: away }));
    let lostAt: number | undefined;
    await hold(one, () => {
      lostAt = one.timers.now();
    });
    await one.timers.advance(1_000);
    expect(one.renewals).toEqual([100, 130, 160, 190, 220]);
    expect(lostAt).toBe(240);
  });

  test('that succeed after some have failed keep the lease', async () => {
    let fails = 2;
    const one = bench(() => ({
      renew: () => ((fails -= 1) >= 0 ? away() : Promise.resolve(true)),
    }));
    const lease = await hold(one);
    await one.timers.advance(500);
    expect(one.renewals).toEqual([100, 130, 160, 260, 360, 460]);
    expect(lease.isHeld()).toBe(true);
  });

  test('that say that the name is not ours lose it at once', async () => {
    const one = bench(() => ({ renew: () => Promise.resolve(false) }));
    let lostAt: number | undefined;
    const lease = await hold(one, () => {
      lostAt = one.timers.now();
    });
    await one.timers.advance(500);
    expect([lostAt, lease.isHeld(), one.renewals]).toEqual([100, false, [100]]);
  });

  test('that succeed after the loss change nothing', async () => {
    const one = bench((timers) => ({ renew: () => after(timers, 200, true) }));
    let losses = 0;
    const lease = await hold(one, () => (losses += 1));
    await one.timers.advance(1_000);
    expect([losses, lease.isHeld(), one.renewals]).toEqual([1, false, [100]]);
    expect(one.timers.pending()).toBe(0);
  });
});

test('a paused process is told the truth by the first that asks, and loses once', async () => {
  const one = bench();
  let losses = 0;
  const lease = await hold(one, () => (losses += 1));
  one.timers.stall(240);
  expect([lease.isHeld(), losses]).toEqual([false, 1]);
  await one.timers.advance(1_000);
  expect([lease.isHeld(), losses, one.renewals]).toEqual([false, 1, []]);
});

test('a promise of onLost that rejects reaches nobody', async () => {
  const one = bench(() => ({ renew: () => Promise.resolve(false) }));
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  const { process } = globalThis as unknown as {
    readonly process: Record<'on' | 'off', (event: string, listener: typeof note) => void>;
  };
  process.on('unhandledRejection', note);
  const lease = await hold(one, () => Promise.reject(new Error('nobody listens')) as never);
  await one.timers.advance(200);
  process.off('unhandledRejection', note);
  expect([lease.isHeld(), unhandled]).toEqual([false, []]);
});

describe('release', () => {
  test('is sent once, and again where it failed', async () => {
    let isAway = true;
    const one = bench(() => ({ release: () => (isAway ? away() : Promise.resolve()) }));
    const lease = await hold(one);
    await expect(lease.release()).rejects.toMatchObject({ code: 'unavailable' });
    expect([lease.isHeld(), one.timers.pending()]).toEqual([false, 0]);
    isAway = false;
    await lease.release();
    await lease.release();
    expect(one.releases).toEqual(['a 7:nonce', 'a 7:nonce']);
  });

  test('ends what a renewal on its way would go on with', async () => {
    const one = bench((timers) => ({ renew: () => after(timers, 50, true) }));
    let losses = 0;
    const lease = await hold(one, () => (losses += 1));
    await one.timers.advance(120);
    await lease.release();
    await one.timers.advance(1_000);
    expect([losses, one.renewals, one.timers.pending()]).toEqual([0, [100], 0]);
  });
});

describe('close', () => {
  test('releases what is held and what is being acquired', async () => {
    let asked = 0;
    const one = bench((timers) => ({
      take: () => ((asked += 1) === 1 ? Promise.resolve(1) : after(timers, 50, asked)),
    }));
    const lease = await hold(one);
    const acquiring = one.leases.acquire('b').catch((error: unknown) => error);
    const closing = one.leases.close();
    await one.timers.advance(50);
    await closing;
    expect(await acquiring).toMatchObject({ code: 'closed' });
    expect(one.releases).toEqual(['a 1:nonce', 'b 2:nonce']);
    expect([lease.isHeld(), one.timers.pending()]).toEqual([false, 0]);
    await expect(one.leases.acquire('a')).rejects.toMatchObject({ code: 'closed' });
  });

  test('does not fail where the store is away', async () => {
    const one = bench(() => ({ release: away }));
    await hold(one);
    await expect(one.leases.close()).resolves.toBeUndefined();
    await expect(one.leases.close()).resolves.toBeUndefined();
  });

  test('leaves a lost lease to its term', async () => {
    const one = bench(() => ({ renew: () => Promise.resolve(false) }));
    const lease = await hold(one);
    await one.timers.advance(100);
    await one.leases.close();
    await lease.release();
    expect(one.releases).toEqual([]);
  });
});

test('a held lease has one timer', async () => {
  const one = bench((timers) => ({ renew: () => Promise.resolve(timers.now() > 0) }));
  const held = await Promise.all(
    Array.from({ length: 1_000 }, (_, n) => one.leases.acquire(`name ${n}`, { ttlMs: 300 })),
  );
  expect(one.timers.pending()).toBe(1_000);
  await one.timers.advance(950);
  expect(one.timers.pending()).toBe(1_000);
  await Promise.all(held.map(async (lease) => lease?.release()));
  expect(one.timers.pending()).toBe(0);
});

test('a nonce has 128 random bits', async () => {
  const store: LeaseStore = {
    take: async () => 7,
    renew: async () => true,
    release: async () => undefined,
  };
  const leases = makeHeldLeases(store, { timers: makeManualTimers() });
  const tokens = await Promise.all(
    Array.from({ length: 100 }, async (_, n) => (await leases.acquire(`name ${n}`))?.token ?? ''),
  );
  expect(tokens.filter((token) => !/^7:[0-9a-f]{32}$/.test(token))).toEqual([]);
  expect(new Set(tokens).size).toBe(100);
  await leases.close();
});
