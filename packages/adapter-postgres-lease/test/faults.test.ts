import { fork } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { startProxy } from '@promethean/services';
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { withClient } from '@promethean/services/schemas';
import { describeWithPostgres, describeWithPostgresServer } from '@promethean/services/vitest';
import { expect, onTestFinished, test } from 'vitest';
import { makeLeases, STALLED, taken, takenOver } from './fixtures.ts';

describeWithPostgres('on a server', (postgres) => {
  test('of two that race for a name 200 times, one wins each time', async (context) => {
    const { url } = postgres();
    const first = await makeLeases(url);
    const second = await makeLeases(url, { schema: first.schema });
    const wins = [0, 0];
    let doubles = 0;
    const tokens = new Set<string>();
    let epoch = 0;
    for (let race = 0; race < 200; race += 1) {
      const name = `n${race % 10}`;
      const asked = await Promise.all([first.acquire(name), second.acquire(name)]);
      const winner = asked[0] === undefined ? 1 : 0;
      const lease = asked[winner];
      if (asked[0] !== undefined && asked[1] !== undefined) doubles += 1;
      wins[winner] = (wins[winner] as number) + 1;
      expect(lease?.isHeld()).toBe(true);
      expect(lease?.epoch).toBeGreaterThan(epoch);
      epoch = lease?.epoch as number;
      tokens.add(lease?.token as string);
      await lease?.release();
    }
    noteFigures(context, 'C9 postgres lease', {
      races: 200,
      first: wins[0] as number,
      second: wins[1] as number,
      doubles,
      tokens: tokens.size,
    });
    expect([doubles, tokens.size]).toEqual([0, 200]);
  }, 60_000);

  test('a process that is stopped loses its lease after the term, and knows it when it goes on', async (context) => {
    const { url } = postgres();
    const leases = await makeLeases(url);
    const ttlMs = 3_000;
    const holder = fork(
      new URL('./holder.ts', import.meta.url),
      [url, leases.schema, 'a', `${ttlMs}`],
      { execArgv: ['--conditions=@promethean/source'] },
    );
    const exit = once(holder, 'exit');
    onTestFinished(async () => {
      holder.kill('SIGKILL');
      await exit;
    });
    const [token] = (await once(holder, 'message')) as [string];
    // It renews by itself.
    const heldUntil = performance.now() + ttlMs * 1.5;
    while (performance.now() < heldUntil) {
      expect(await leases.acquire('a')).toBeUndefined();
      await pause(100);
    }
    holder.kill('SIGSTOP');
    const stoppedAt = performance.now();
    const next = await takenOver(leases, 'a');
    const takeoverMs = Math.round(performance.now() - stoppedAt);
    holder.kill('SIGCONT');
    const answer = once(holder, 'message');
    holder.send('do you hold it?');
    const [isHeld] = (await answer) as [boolean];
    noteFigures(context, 'C3 postgres lease', { ttlMs, takeoverMs, heldByBoth: Number(isHeld) });
    expect(isHeld).toBe(false);
    expect(next.token).not.toBe(token);
    expect(next.isHeld()).toBe(true);
  }, 60_000);

  test('a holder that is cut off is not sure any more before another one gets the name', async (context) => {
    const { url } = postgres();
    const proxy = await startProxy(Number(new URL(url).port));
    onTestFinished(() => proxy.close());
    const other = await makeLeases(url);
    const cutOff = await makeLeases(url, {
      schema: other.schema,
      url: String(Object.assign(new URL(url), { port: `${proxy.port}` })),
      statementTimeoutMs: 300,
      connectTimeoutMs: 300,
    });
    const ttlMs = 2_000;
    let lostAt = 0;
    const lease = await taken(cutOff, 'a', {
      ttlMs,
      onLost: () => void (lostAt = performance.now()),
    });
    proxy.set({ kind: 'blackhole' });
    const cutAt = performance.now();
    const next = await takenOver(other, 'a');
    const takeoverMs = Math.round(performance.now() - cutAt);
    expect(lease.isHeld()).toBe(false);
    noteFigures(context, 'C7 postgres lease', {
      ttlMs,
      lostMs: Math.round(lostAt - cutAt),
      takeoverMs,
    });
    expect(lostAt).toBeGreaterThan(0);
    expect(next.token).not.toBe(lease.token);
  }, 60_000);

  test('a slow network of 300 ms takes no lease away', async (context) => {
    const { url } = postgres();
    const proxy = await startProxy(Number(new URL(url).port));
    onTestFinished(() => proxy.close());
    const other = await makeLeases(url);
    proxy.set({ kind: 'delay', delayMs: 300 });
    const slow = await makeLeases(url, {
      schema: other.schema,
      url: String(Object.assign(new URL(url), { port: `${proxy.port}` })),
    });
    let lost = 0;
    const ttlMs = 6_000;
    const lease = await taken(slow, 'a', { ttlMs, onLost: () => void (lost += 1) });
    const heldAt = performance.now();
    while (performance.now() < heldAt + ttlMs * 1.5) {
      expect([lease.isHeld(), await other.acquire('a')]).toEqual([true, undefined]);
      await pause(200);
    }
    noteFigures(context, 'D9 postgres lease', { delayMs: 300, ttlMs, lost });
    expect(lost).toBe(0);
  }, 60_000);
});

describeWithPostgresServer('on a server that fails', (postgres) => {
  test('a server that crashes and comes back within the term takes no lease away, and gives none twice', async (context) => {
    const times = IS_FULL ? 10 : 3;
    const { url } = postgres();
    const holder = await makeLeases(url, { connectTimeoutMs: 2_000 });
    const other = await makeLeases(url, { schema: holder.schema, connectTimeoutMs: 2_000 });
    let lost = 0;
    const ttlMs = 20_000;
    const lease = await taken(holder, 'a', { ttlMs, onLost: () => void (lost += 1) });
    let refused = 0;
    for (let crashes = 0; crashes < times; crashes += 1) {
      await postgres().crash();
      await expect(other.acquire('b', { ttlMs: 1_000 })).rejects.toMatchObject({ retryable: true });
      await postgres().start();
      if ((await other.acquire('a')) === undefined) refused += 1;
    }
    noteFigures(context, 'E1 postgres lease', { crashes: times, refused, lost });
    expect([lease.isHeld(), lost, refused]).toEqual([true, 0, times]);
    await lease.release();
    const next = await taken(other, 'a');
    expect(next.epoch).toBeGreaterThan(lease.epoch);
  }, 60_000);

  test('sessions that are terminated every 500 ms take no lease away', async (context) => {
    const { url } = postgres();
    const holder = await makeLeases(url);
    const stalled = await makeLeases(url, { schema: holder.schema, timers: STALLED });
    let lost = 0;
    const ttlMs = 5_000;
    const options = { ttlMs, onLost: () => void (lost += 1) };
    const leases = await Promise.all(
      Array.from({ length: 20 }, (_, n) => taken(holder, `n${n}`, options)),
    );
    await taken(stalled, 'died', { ttlMs });
    const startedAt = performance.now();
    let terminated = 0;
    await withClient(url, async (client) => {
      while (performance.now() < startedAt + ttlMs * 2) {
        const { rowCount } = await client.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pantheon'",
        );
        terminated += rowCount ?? 0;
        await pause(500);
      }
    });
    noteFigures(context, 'E2 postgres lease', { leases: 20, terminated, lost });
    expect([lost, leases.filter((lease) => lease.isHeld()).length]).toEqual([0, 20]);
    await taken(await makeLeases(url, { schema: holder.schema }), 'died');
  }, 60_000);
});
