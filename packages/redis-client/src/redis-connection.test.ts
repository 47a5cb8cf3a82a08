import { startProxy } from '@promethean/services';
import { describeWithRedisServer } from '@promethean/services/vitest';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import {
  makeLuaScript,
  makeRedisConnection,
  openRedisClient,
  type RedisAddress,
  type RedisConnection,
  type RedisConnectionOptions,
} from './index.ts';

const COUNT = makeLuaScript(`return tostring(redis.call('INCR', KEYS[1]))`);
const once = { what: 'the counting', isRepeatable: false };

test.each<readonly [what: string, address: RedisAddress, message: string]>([
  ['no address', {}, 'exactly one of url, redis and client, not 0'],
  ['two addresses', { url: 'redis://x', redis: {} }, 'exactly one of url, redis and client, not 2'],
  ['a url of something else', { url: 'http://me:hunter2@x' }, 'url must look like redis://'],
  ['a url that is none', { url: 'redis://me:hunter2@x:99999999' }, 'url must look like redis://'],
  ['no client', { client: {} as never }, 'client must be a Redis or a Cluster'],
])('%s is refused, without a password', (_, address, message) => {
  expect(() => openRedisClient(address, 1_000)).toThrow(message);
  expect(() => openRedisClient(address, 1_000)).toThrow(/^((?!hunter2).)*$/);
});

describeWithRedisServer('a connection', (redis) => {
  const connect = (
    address: RedisAddress,
    options: Partial<RedisConnectionOptions> = {},
  ): RedisConnection =>
    makeRedisConnection(openRedisClient(address, options.timeoutMs ?? 5_000), {
      port: 'notes port',
      keeps: 'notes',
      timeoutMs: 5_000,
      allowEviction: false,
      ...options,
    });

  test('waits for what was accepted, and refuses what comes after its close', async () => {
    const connection = connect({ url: redis().url });
    const counted = connection.accept(() => connection.write(once, COUNT, ['closing'], []));
    await connection.close();
    expect(await counted).toEqual({ answer: '1', isRepeated: false });
    await expect(connection.accept(async () => undefined)).rejects.toMatchObject({
      code: 'closed',
      message: 'The notes port is closed.',
    });
  });

  test('leaves a client open that was passed in', async () => {
    const client = new Redis(redis().url);
    const connection = connect({ client });
    await connection.accept(connection.ready);
    await connection.close();
    expect(await client.ping()).toBe('PONG');
    await client.quit();
  });

  test('ends a write in its own time where that is shorter, and tells whether it may be repeated', async () => {
    const proxy = await startProxy(redis().port);
    const connection = connect({ url: `redis://127.0.0.1:${proxy.port}` }, { timeoutMs: 60_000 });
    await connection.accept(connection.ready);
    proxy.set({ kind: 'blackhole' });
    const started = performance.now();
    const hurried = { what: 'the counting', timeoutMs: 100 };
    await expect(
      connection.write({ ...hurried, isRepeatable: true }, COUNT, ['a'], []),
    ).rejects.toMatchObject({ code: 'outcome-unknown', retryable: true });
    await expect(
      connection.write({ ...hurried, isRepeatable: false }, COUNT, ['a'], []),
    ).rejects.toMatchObject({
      code: 'outcome-unknown',
      retryable: false,
      message: expect.stringContaining('Read what is stored before you decide') as string,
    });
    expect(performance.now() - started).toBeLessThan(30_000);
    await connection.close();
    await proxy.close();
  });

  test('refuses what Redis refuses, in its words and without the arguments', async () => {
    const connection = connect({ url: redis().url });
    const broken = makeLuaScript(`return redis.call('INCR', KEYS[1], ARGV[1])`);
    const refused = await connection.write(once, broken, ['a'], ['hunter2']).then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    expect(refused).toMatchObject({ code: 'unexpected', retryable: false });
    expect(refused?.message).toMatch(/^Redis refused: /);
    expect(JSON.stringify({ ...refused, cause: { ...(refused?.cause as Error) } })).not.toContain(
      'hunter2',
    );
    await connection.close();
  });

  test('tells once of a Redis without appendonly, and of nothing where nobody asks', async () => {
    const sentences: string[] = [];
    const onWarning = (sentence: string): void => void sentences.push(sentence);
    const connections = [
      connect({ url: redis().url }),
      connect({ url: redis().url }, { onWarning, allowEviction: true }),
    ];
    for (const connection of connections) {
      await Promise.all([connection.ready(), connection.get('a'), connection.ready()]);
      await connection.close();
    }
    expect(sentences).toEqual([
      'Redis runs without appendonly: a crash of Redis loses the notes since its last snapshot.',
    ]);
  });
});
