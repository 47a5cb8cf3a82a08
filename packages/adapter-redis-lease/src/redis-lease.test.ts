import { describeWithRedis, describeWithRedisServer } from '@promethean/services/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeRedisLease, type RedisLease, type RedisLeaseOptions } from './index.ts';

describe('options', () => {
  const url = 'redis://127.0.0.1:1';
  test.each<readonly [what: string, options: RedisLeaseOptions, message: string]>([
    ['no address', {}, 'exactly one of url, redis and client'],
    ['two addresses', { url, redis: { port: 1 } }, 'exactly one of url, redis and client'],
    ['a url of something else', { url: 'http://x' }, 'url must look like redis://'],
    ['an empty namespace', { url, namespace: '' }, 'namespace must not be empty'],
    ['no time at all', { url, timeoutMs: 0 }, 'timeoutMs must be a whole number from 1'],
    ['no client', { client: {} as never }, 'client must be a Redis or a Cluster'],
  ])('%s is refused', (_, options, message) => {
    expect(() => makeRedisLease(options)).toThrow(message);
  });

  test('making one connects nothing, and it closes without having been used', async () => {
    await makeRedisLease({ url }).close();
  });
});

describeWithRedis('leases in Redis', (redis) => {
  let client: Redis;
  let count = 0;
  const opened: RedisLease[] = [];
  beforeAll(() => {
    client = new Redis(redis().url);
  });
  afterAll(async () => {
    for (const leases of opened) await leases.close();
    await client.quit();
  });
  const freshNamespace = (): string => {
    count += 1;
    return `test-${process.pid}-${Date.now()}-${count}`;
  };
  const open = (options: Partial<RedisLeaseOptions> = {}): RedisLease => {
    const leases = makeRedisLease({ client, namespace: freshNamespace(), ...options });
    opened.push(leases);
    return leases;
  };

  test('namespaces and names do not run together, whatever they are called', async () => {
    const base = freshNamespace();
    const namespaces = ['a', 'a:lease', 'a*', '{x}', 'a%3A'].map((name) => base + name);
    for (const namespace of namespaces) {
      const leases = open({ namespace });
      for (const name of ['b', 'lease:b', '*', '{x}', '}', 'b}:holder'])
        expect(await leases.acquire(name), `${name} in ${namespace}`).toMatchObject({ epoch: 1 });
    }
  });

  test('a name is one key that ends with its term, and a count that ends thirty days later', async () => {
    const namespace = freshNamespace();
    const leases = open({ namespace });
    const lease = await leases.acquire('a:b', { ttlMs: 60_000 });
    const base = `{${namespace}:lease:a%3Ab}:`;
    expect(await client.get(`${base}holder`)).toBe(lease?.token);
    expect(await client.pttl(`${base}holder`)).toBeGreaterThan(30_000);
    expect(await client.pttl(`${base}holder`)).toBeLessThanOrEqual(60_000);
    await lease?.release();
    expect(await client.keys(`{${namespace}:*`)).toEqual([`${base}epoch`]);
    expect(await client.pttl(`${base}epoch`)).toBeGreaterThan(29 * 86_400_000);
    expect(await leases.acquire('a:b')).toMatchObject({ epoch: 2 });
  });

  test('a store that has forgotten the count gives other tokens all the same', async () => {
    const namespace = freshNamespace();
    const leases = open({ namespace });
    const first = await leases.acquire('a');
    await first?.release();
    await client.del(`{${namespace}:lease:a}:epoch`);
    const second = await leases.acquire('a');
    expect([first?.epoch, second?.epoch]).toEqual([1, 1]);
    expect(second?.token).not.toBe(first?.token);
  });

  test('a renewal restores a count that was forgotten, and keeps it as long as a taking does', async () => {
    const namespace = freshNamespace();
    const leases = open({ namespace });
    const key = `{${namespace}:lease:a}:epoch`;
    await (await leases.acquire('a'))?.release();
    const lease = await leases.acquire('a', { ttlMs: 3_000 });
    await client.del(key);
    await expect.poll(() => client.get(key), { timeout: 20_000 }).toBe('2');
    expect(await client.pttl(key)).toBeGreaterThan(29 * 86_400_000);
    await lease?.release();
    expect(await leases.acquire('a')).toMatchObject({ epoch: 3 });
  });

  test('keys have the prefix of the client, in scripts as well', async () => {
    const prefixed = new Redis(redis().url, { keyPrefix: `${freshNamespace()}-prefix:` });
    const namespace = freshNamespace();
    const leases = makeRedisLease({ client: prefixed, namespace });
    const lease = await leases.acquire('a');
    expect(await leases.acquire('a')).toBeUndefined();
    await lease?.release();
    expect(await client.keys(`{${namespace}:*`)).toEqual([]);
    await leases.close();
    await prefixed.quit();
  });
});

describeWithRedisServer('a Redis that keeps nothing', (redis) => {
  test('an operator is told once that a crash would free what is held', async () => {
    const sentences: string[] = [];
    const onWarning = (sentence: string): void => void sentences.push(sentence);
    const leases = makeRedisLease({ url: redis().url, onWarning });
    await Promise.all([leases.ready(), leases.acquire('a'), leases.acquire('b')]);
    await leases.close();
    expect(sentences).toEqual([
      'Redis runs without appendonly: a crash of Redis loses the leases since its last snapshot.',
    ]);
  });
});
