import type { JournalTick } from '@promethean/pantheon-core';
import { describeWithRedis, describeWithRedisServer } from '@promethean/services/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeRedisJournal, type RedisJournal, type RedisJournalOptions } from './index.ts';

const tick = (tickId: string, cause?: string, actorId = 'ada'): JournalTick => ({
  tickId,
  actorId,
  ...(cause !== undefined && { cause }),
});

describe('options', () => {
  const url = 'redis://127.0.0.1:1';
  test.each<readonly [what: string, options: RedisJournalOptions, message: string]>([
    ['no address', {}, 'exactly one of url, redis and client'],
    ['two addresses', { url, redis: { port: 1 } }, 'exactly one of url, redis and client'],
    ['a url of something else', { url: 'http://x' }, 'url must look like redis://'],
    ['an empty namespace', { url, namespace: '' }, 'namespace must not be empty'],
    ['no time at all', { url, timeoutMs: 0 }, 'timeoutMs must be a whole number from 1'],
    ['less than no time', { url, keepFinishedMs: -1 }, 'keepFinishedMs must be a whole number'],
    ['no client', { client: {} as never }, 'client must be a Redis or a Cluster'],
  ])('%s is refused', (_, options, message) => {
    expect(() => makeRedisJournal(options)).toThrow(message);
  });

  test('making one connects nothing, and it closes without having been used', async () => {
    await makeRedisJournal({ url }).close();
  });
});

describeWithRedis('ticks in Redis', (redis) => {
  let client: Redis;
  let count = 0;
  const opened: RedisJournal[] = [];
  beforeAll(() => {
    client = new Redis(redis().url);
  });
  afterAll(async () => {
    for (const journal of opened) await journal.close();
    await client.quit();
  });
  const freshNamespace = (): string => {
    count += 1;
    return `test-${process.pid}-${Date.now()}-${count}`;
  };
  const open = (options: Partial<RedisJournalOptions> = {}): RedisJournal => {
    const address = options.url === undefined ? { client } : {};
    const journal = makeRedisJournal({ ...address, namespace: freshNamespace(), ...options });
    opened.push(journal);
    return journal;
  };

  test('namespaces do not see each other, whatever they are called', async () => {
    const base = freshNamespace();
    const names = ['a', 'a:', 'a*', '{x}', 'a%3A', '?', 'a:journal:'].map((name) => base + name);
    const journals = names.map((namespace) => open({ namespace }));
    for (const [n, journal] of journals.entries())
      await (await journal.open(tick('t1', 'm1'))).step('a', () => n);
    for (const [n, journal] of journals.entries()) {
      expect(await journal.unfinished()).toHaveLength(1);
      expect((await journal.read('t1'))?.steps.map(({ value }) => value)).toEqual([n]);
    }
  });

  test('what a tick leaves ends by itself when it is finished, and never before', async () => {
    const namespace = freshNamespace();
    const keys = async (): Promise<readonly string[]> =>
      (await client.keys(`{${namespace}}*`)).toSorted();
    const journal = open({ namespace, keepFinishedMs: 3_600_000 });
    const record = await journal.open(tick('t1', 'm:1'));
    await record.step('a', () => 1);
    const kept = [`{${namespace}}:journal:id:t1`, `{${namespace}}:journal:tick:cause:ada:m%3A1`];
    expect(await keys()).toEqual([...kept, `{${namespace}}:journal:unfinished`]);
    for (const key of await keys()) expect(await client.pttl(key)).toBe(-1);
    await record.complete('ok');
    expect(await keys()).toEqual(kept);
    // An hour from its completion, whatever is done with it afterwards.
    await (await journal.open(tick('t2', 'm:1'))).step('b', () => 2);
    for (const key of kept) {
      expect(await client.pttl(key)).toBeGreaterThan(3_000_000);
      expect(await client.pttl(key)).toBeLessThanOrEqual(3_600_000);
    }
  });

  test('a finished tick is forgotten in its time, with its id and its cause; others stay', async () => {
    const namespace = freshNamespace();
    const journal = open({ namespace, keepFinishedMs: 100 });
    const done = await journal.open(tick('t1', 'm1'));
    await done.step('a', () => 1);
    await (await journal.open(tick('t2', 'm2'))).step('a', () => 2);
    await done.complete('ok');
    await vi.waitFor(async () => expect(await journal.read('t1')).toBeUndefined(), 20_000);
    const again = await journal.open(tick('t1', 'm1'));
    expect([again.tickId, again.attempt, again.status]).toEqual(['t1', 1, undefined]);
    expect(await again.step('a', () => 'anew')).toBe('anew');
    expect((await journal.open(tick('t3', 'm2'))).tickId).toBe('t2');
  });

  test('a tick that is gone records nothing more, and may be completed', async () => {
    const journal = open({ keepFinishedMs: 0 });
    const record = await journal.open(tick('t1'));
    await record.complete('ok');
    const late = record.step('a', () => 1);
    await expect(late).rejects.toMatchObject({ code: 'unavailable', retryable: false });
    await expect(late).rejects.toThrow('t1 is no longer in Redis');
    await record.complete('failed');
    expect(await journal.read('t1')).toBeUndefined();
    expect((await journal.open(tick('t1'))).attempt).toBe(1);
  });

  test('a tick is read with the times of the server, and its steps in order', async () => {
    const journal = open();
    const record = await journal.open({ ...tick('t1'), input: { userMessage: 'hello' } });
    const [seconds, micros] = await client.time();
    const now = Number(seconds) * 1_000 + Number(micros) / 1_000;
    for (let n = 0; n < 12; n += 1) await record.step(`step ${11 - n}`, () => ({ n }));
    await record.complete('partial');
    const read = await journal.read('t1');
    expect(read).toMatchObject({ tickId: 't1', actorId: 'ada', attempt: 1, status: 'partial' });
    expect(read?.input).toEqual({ userMessage: 'hello' });
    expect(read).not.toHaveProperty('cause');
    expect(Math.abs((read?.openedAt as number) - now)).toBeLessThan(20_000);
    expect(read?.completedAt).toBeGreaterThanOrEqual(read?.openedAt as number);
    expect(read?.steps.map(({ name, value }) => [name, value])).toEqual(
      Array.from({ length: 12 }, (_, n) => [`step ${11 - n}`, { n }]),
    );
    for (const id of ['nobody', '', 'x'.repeat(300), '\ud800'])
      expect(await journal.read(id)).toBeUndefined();
  });

  test('odd texts come back exactly as they were', async () => {
    const journal = open();
    const values = ['', 'a:b:"c"', '9'.repeat(30), -0.1, 1e300, { b: [] }, 'ä\u2028🙂'];
    const record = await journal.open(tick('t1'));
    for (const [n, value] of values.entries()) await record.step(`${n}:s:`, () => value as never);
    const resumed = await journal.open(tick('t1'), { resume: true });
    for (const [n, value] of values.entries())
      expect(await resumed.step(`${n}:s:`, () => 'anew' as never)).toEqual(value);
  });

  test('what cannot be a key is refused before anything is asked', async () => {
    const journal = makeRedisJournal({ url: 'redis://127.0.0.1:1' });
    for (const bad of [tick(''), tick('a', ''), tick('a', 'b', '\ud800'), tick('x'.repeat(257))])
      await expect(journal.open(bad)).rejects.toMatchObject({ code: 'journal-invalid' });
    await journal.close();
  });

  test('hundreds of unfinished ticks are listed page by page, oldest first', async () => {
    const journal = open();
    const ids = Array.from({ length: 250 }, (_, n) => `t${(n * 7) % 250}`);
    for (const id of ids) await journal.open({ ...tick(id, `m ${id}`), input: id });
    expect((await journal.unfinished()).map(({ tickId, input }) => [tickId, input])).toEqual(
      ids.map((id) => [id, id]),
    );
    for (const id of ids.slice(0, 200))
      await (await journal.open(tick(id, `m ${id}`), { resume: true })).complete('ok');
    expect((await journal.unfinished()).map(({ tickId }) => tickId)).toEqual(ids.slice(200));
  });

  test('forty openings of one cause by twenty ports are one tick, each counted once', async () => {
    const namespace = freshNamespace();
    const ports = Array.from({ length: 20 }, () => open({ namespace, url: redis().url }));
    const records = await Promise.all(
      [...ports, ...ports].map((port, n) => port.open(tick(`t${n}`, 'm1'))),
    );
    expect(new Set(records.map(({ tickId }) => tickId)).size).toBe(1);
    expect(records.map(({ attempt }) => attempt).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 40 }, (_, n) => n + 1),
    );
    const values = await Promise.all(records.map((record, n) => record.step('a', () => n)));
    expect(new Set(values).size, 'the value that was recorded first holds for all').toBe(1);
    expect((await ports[0]!.read(records[0]!.tickId))?.steps).toHaveLength(1);
  });

  test('keys have the prefix of the client, in scripts as well', async () => {
    const prefixed = new Redis(redis().url, { keyPrefix: `${freshNamespace()}-prefix:` });
    const namespace = freshNamespace();
    const journal = makeRedisJournal({ client: prefixed, namespace });
    const record = await journal.open(tick('t1', 'm1'));
    await record.step('a', () => 1);
    await record.complete('ok');
    expect((await journal.read('t1'))?.steps).toHaveLength(1);
    expect(await client.keys(`{${namespace}}*`)).toEqual([]);
    await journal.close();
    await prefixed.quit();
  });
});

describeWithRedisServer('a Redis that keeps nothing', (redis) => {
  test('an operator is told once that a crash would lose the journal', async () => {
    const sentences: string[] = [];
    const journal = makeRedisJournal({
      url: redis().url,
      onWarning: (sentence) => {
        sentences.push(sentence);
        throw new Error('the reporter is broken');
      },
    });
    await Promise.all([journal.ready(), journal.open(tick('t1')), journal.unfinished()]);
    await journal.ready();
    await journal.close();
    expect(sentences).toEqual([
      'Redis runs without appendonly: a crash of Redis loses the ticks since its last snapshot.',
    ]);
  });
});
