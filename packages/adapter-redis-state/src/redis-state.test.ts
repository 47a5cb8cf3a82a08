import { type ActorScript, PantheonError } from '@promethean/pantheon-core';
import { describeWithRedis } from '@promethean/services/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeRedisState, type RedisState, type RedisStateOptions } from './index.ts';

const clerk: ActorScript = { name: 'clerk', version: '1', contextSources: [], talents: [] };
const courier: ActorScript = { ...clerk, name: 'courier' };
const scripts = [clerk, courier];

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return PantheonError.is(error) ? error.code : String(error);
  }
};

describe('options', () => {
  const url = 'redis://127.0.0.1:1';
  test.each<readonly [what: string, options: RedisStateOptions, message: string]>([
    ['no address', { scripts }, 'exactly one of url, redis and client'],
    ['two addresses', { url, redis: { port: 1 }, scripts }, 'exactly one of url, redis and client'],
    ['a url of something else', { url: 'http://x', scripts }, 'url must look like redis://'],
    ['an empty namespace', { url, scripts, namespace: '' }, 'namespace must not be empty'],
    ['no time at all', { url, scripts, timeoutMs: 0 }, 'timeoutMs must be a whole number from 1'],
    ['half a byte', { url, scripts, maxRecordBytes: 0.5 }, 'maxRecordBytes must be a whole number'],
    ['two scripts alike', { url, scripts: [clerk, { ...clerk }] }, 'two scripts clerk@1'],
    ['no list of scripts', { url, scripts: undefined as never }, 'scripts must be a list'],
    ['half a character', { url, scripts: [{ ...clerk, name: '\ud800' }] }, 'lone surrogates'],
    ['no client', { client: {} as never, scripts }, 'client must be a Redis or a Cluster'],
  ])('%s is refused', (_, options, message) => {
    expect(() => makeRedisState(options)).toThrow(message);
  });

  test('a password in a refused url is not repeated', () => {
    expect(() => makeRedisState({ url: 'http://me:hunter2@x', scripts })).toThrow(
      /^((?!hunter2).)*$/,
    );
  });

  test('making one connects nothing, and it closes without having been used', async () => {
    await makeRedisState({ url, scripts }).close();
  });
});

describeWithRedis('actors in Redis', (redis) => {
  let client: Redis;
  let count = 0;
  const opened: RedisState[] = [];
  beforeAll(() => {
    client = new Redis(redis().url);
  });
  afterAll(async () => {
    for (const state of opened) await state.close();
    await client.quit();
  });
  const freshNamespace = (): string => {
    count += 1;
    return `test-${process.pid}-${Date.now()}-${count}`;
  };
  const open = (options: Partial<RedisStateOptions> = {}): RedisState => {
    const state = makeRedisState({ client, scripts, namespace: freshNamespace(), ...options });
    opened.push(state);
    return state;
  };
  const keyOf = (namespace: string, id: string): string => `{${namespace}}:state:actor:${id}`;
  /** Writes as another version of this package might: the write has a token of its own. */
  const rewrite = async (key: string, change: (text: string) => string): Promise<void> => {
    const text = (await client.get(key)) as string;
    await client.set(key, change(text).replace(/ \S+ /, ` another.${text.length} `));
  };

  test('namespaces do not see each other, whatever they are called', async () => {
    const base = freshNamespace();
    const names = ['a', 'a:', 'a*', '{x}', 'a%3A', '?'].map((name) => base + name);
    const states = names.map((namespace) => open({ namespace }));
    for (const [n, state] of states.entries()) await state.spawn(clerk, names[n]!, { id: 'same' });
    for (const [n, state] of states.entries()) {
      expect((await state.list()).map(({ goals }) => goals)).toEqual([[names[n]]]);
      await state.remove('same');
      expect(await state.list()).toEqual([]);
    }
  });

  test('odd ids are isolated, listed and read back', async () => {
    const state = open();
    const ids = ['__proto__', 'hasOwnProperty', '0', '{x}', 'a}b', 'a%3Ab', 'a:b', 'é', '*', '👩‍👩‍👧'];
    for (const id of ids)
      await state.spawn(clerk, id, { id, parentId: id, metadata: { [id]: id } });
    expect((await state.list()).map(({ id }) => id)).toEqual(ids);
    for (const id of ids) {
      expect(await state.get(id)).toMatchObject({ id, goals: [id], parentId: id });
      expect((await state.list({ parentId: id })).map((actor) => actor.id)).toEqual([id]);
      expect(await state.remove(id)).toBe(true);
    }
    for (const id of ['', '\ud800', 'x'.repeat(257), 'a\nb']) {
      expect(await state.get(id)).toBeUndefined();
      expect(await state.remove(id)).toBe(false);
      expect(await state.list({ parentId: id })).toEqual([]);
      expect(await codeOf(state.update(id, {}))).toBe('actor-unknown');
      expect(await codeOf(state.spawn(clerk, 'x', { id }))).toBe('actor-invalid');
    }
    expect(await state.list({ script: '\ud800' })).toEqual([]);
  });

  test('what is removed leaves no key behind', async () => {
    const namespace = freshNamespace();
    const state = open({ namespace });
    await state.spawn(clerk, 'x', { id: 'a' });
    await state.spawn(courier, 'x', { id: 'b', parentId: 'a' });
    await state.update('b', { state: 'paused' });
    await state.update('b', { state: 'failed', metadata: { a: 1 } });
    expect(await client.keys(`{${namespace}}*`)).not.toEqual([]);
    for (const id of ['a', 'b']) expect(await state.remove(id)).toBe(true);
    expect(await client.keys(`{${namespace}}*`)).toEqual([]);
  });

  test('long lists come whole, in order, and only as far as the filter goes', async () => {
    const state = open();
    const ids = Array.from({ length: 250 }, (_, n) => `actor-${249 - n}`);
    for (const [n, id] of ids.entries())
      await state.spawn(n % 5 === 0 ? courier : clerk, 'x', { id, parentId: n < 200 ? 'p' : 'q' });
    await state.update('actor-0', { state: 'paused' });
    expect((await state.list()).map(({ id }) => id)).toEqual(ids);
    expect((await state.list({ parentId: 'p' })).map(({ id }) => id)).toEqual(ids.slice(0, 200));
    expect((await state.list({ parentId: 'p', script: 'courier' })).length).toBe(40);
    expect((await state.list({ state: 'paused' })).map(({ id }) => id)).toEqual(['actor-0']);
    const before = Number(/cmdstat_mget:calls=(\d+)/.exec(await client.info('commandstats'))?.[1]);
    expect(await state.list({ state: 'paused', script: 'clerk' })).toHaveLength(1);
    const after = Number(/cmdstat_mget:calls=(\d+)/.exec(await client.info('commandstats'))?.[1]);
    expect(after - before, 'one page of the index with the fewest').toBe(1);
  });

  test('an actor takes its place in the order of creation again when its state changes', async () => {
    const state = open();
    for (const id of ['a', 'b', 'c']) await state.spawn(clerk, 'x', { id });
    for (const id of ['c', 'a', 'b']) await state.update(id, { state: 'completed' });
    expect((await state.list({ state: 'completed' })).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(await state.list({ state: 'idle' })).toEqual([]);
  });

  test('a fresh id that somebody has is not taken', async () => {
    const ids = ['a', 'a', 'b'];
    const state = open({ newId: () => ids.shift() as string });
    expect((await state.spawn(clerk, 'first')).id).toBe('a');
    expect((await state.spawn(clerk, 'second')).id).toBe('b');
  });

  test('an actor that exists is found by its id, whatever else is asked for', async () => {
    const state = open();
    await state.spawn(clerk, 'first', { id: 'a' });
    const stranger = { ...clerk, name: 'stranger' };
    expect((await state.spawn(stranger, 'second', { id: 'a' })).goals).toEqual(['first']);
    expect(await codeOf(state.spawn(stranger, 'x', { id: 'b' }))).toBe('script-unknown');
    expect(await state.get('b')).toBeUndefined();
  });

  test('an actor whose script is not known here is neither read nor changed, but can be removed', async () => {
    const namespace = freshNamespace();
    await open({ namespace }).spawn(courier, 'x', { id: 'a' });
    const narrow = open({ namespace, scripts: [clerk] });
    const before = await client.get(keyOf(namespace, 'a'));
    await expect(narrow.get('a')).rejects.toThrow('courier@1');
    expect(await codeOf(narrow.list())).toBe('script-unknown');
    expect(await codeOf(narrow.update('a', { state: 'paused' }))).toBe('script-unknown');
    expect(await client.get(keyOf(namespace, 'a'))).toBe(before);
    expect(await narrow.remove('a')).toBe(true);
  });

  test('a record of a newer version is refused with a sentence, and members that are not known stay', async () => {
    const namespace = freshNamespace();
    const state = open({ namespace });
    const key = keyOf(namespace, 'a');
    await state.spawn(clerk, 'x', { id: 'a' });
    await rewrite(key, (text) => text.replace(/\}$/, ',"mood":{"of":"tomorrow"}}'));
    const { version } = await state.update('a', { state: 'paused' });
    expect(version).toBe(2);
    expect(await client.get(key)).toContain('"mood":{"of":"tomorrow"}');
    await rewrite(key, (text) => text.replace('"format":1', '"format":2'));
    await expect(state.get('a')).rejects.toThrow(
      'stored by a newer version of this package (format 2, known 1)',
    );
    expect(await codeOf(state.list())).toBe('option-invalid');
    expect(await codeOf(state.remove('a'))).toBe('option-invalid');
    expect(await codeOf(state.update('a', {}))).toBe('option-invalid');
    await client.set(key, 'hello');
    await expect(state.get('a')).rejects.toThrow('is no record of this package');
  });

  test('a record that would be too large is refused, and nothing is written', async () => {
    const state = open({ maxRecordBytes: 500 });
    const metadata = { text: 'ä'.repeat(150) };
    expect(
      await codeOf(state.spawn(clerk, 'x', { id: 'a', metadata: { text: 'x'.repeat(600) } })),
    ).toBe('actor-invalid');
    await state.spawn(clerk, 'x', { id: 'a' });
    const before = await state.update('a', { metadata: { small: 1 } });
    expect(await codeOf(state.update('a', { metadata }))).toBe('action-invalid');
    expect(await state.get('a')).toEqual(before);
  });

  test('what was last seen here is only a guess: changes of others are kept', async () => {
    const namespace = freshNamespace();
    const [ours, theirs] = [open({ namespace }), open({ namespace })];
    await ours.spawn(clerk, 'x', { id: 'a' });
    await theirs.update('a', { metadata: { theirs: 1 } });
    expect(await ours.update('a', { metadata: { ours: 1 } }, { expectedVersion: 2 })).toMatchObject(
      {
        version: 3,
        metadata: { theirs: 1, ours: 1 },
      },
    );
    await theirs.remove('a');
    expect(await codeOf(ours.update('a', {}))).toBe('actor-unknown');
    await theirs.spawn(clerk, 'another', { id: 'a' });
    expect(await ours.update('a', {})).toMatchObject({ version: 2, goals: ['another'] });
  });

  test('of a client that was passed in, nothing is kept and nothing is closed', async () => {
    const own = new Redis(redis().url, { lazyConnect: true });
    const before =
      own.listenerCount('ready') + own.listenerCount('end') + own.listenerCount('error');
    const state = makeRedisState({ client: own, scripts, namespace: freshNamespace() });
    await Promise.all(Array.from({ length: 50 }, () => state.get('a')));
    await state.close();
    const after =
      own.listenerCount('ready') + own.listenerCount('end') + own.listenerCount('error');
    expect(after).toBe(before);
    expect(await own.ping()).toBe('PONG');
    await own.quit();
    const late = makeRedisState({ client: own, scripts });
    await expect(late.get('a')).rejects.toThrow('the client was closed');
    await late.close();
  });

  test('close lets what was accepted end', async () => {
    const namespace = freshNamespace();
    const state = open({ namespace, client: undefined, url: redis().url });
    await state.spawn(clerk, 'x', { id: 'a' });
    const updates = Array.from({ length: 20 }, () => state.update('a', {}));
    await state.close();
    await Promise.all(updates);
    expect(await codeOf(state.get('a'))).toBe('closed');
    expect(await open({ namespace }).get('a')).toMatchObject({ version: 21 });
  });
});
