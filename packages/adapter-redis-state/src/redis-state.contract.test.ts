import { importSuite, stateScripts, stateSuite } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { describeWithRedis } from '@promethean/services/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect } from 'vitest';
import { makeRedisState, type RedisState } from './index.ts';

describeWithRedis('on a real Redis', (redis) => {
  let client: Redis;
  let count = 0;
  beforeAll(() => {
    client = new Redis(redis().url);
  });
  afterAll(() => client.quit());

  const makeHarness = (own: boolean) => () => {
    count += 1;
    const namespace = `contract-${process.pid}-${Date.now()}-${count}`;
    let elapsedMs = 0;
    const address = own ? { url: redis().url } : { client };
    const options = { namespace, scripts: stateScripts, now: () => Date.now() + elapsedMs };
    const state = makeRedisState({ ...address, ...options });
    const others: RedisState[] = [];
    return {
      state,
      another: () => {
        const other = makeRedisState({ ...address, ...options });
        others.push(other);
        return other;
      },
      supports: ['remove', 'shared', 'close'],
      advance: async (ms: number) => {
        elapsedMs += ms;
      },
      // What is removed leaves nothing behind, so after the last removal the namespace is empty.
      close: async () => {
        for (const one of [state, ...others]) await one.close();
        const cleaner = makeRedisState({ client, ...options });
        for (const { id } of await cleaner.list()) await cleaner.remove(id);
        await cleaner.close();
        expect(await client.keys(`{${namespace}}*`)).toEqual([]);
      },
    };
  };

  describeContract('makeRedisState, its own connection', stateSuite, makeHarness(true));
  describeContract('makeRedisState, a client passed in', stateSuite, makeHarness(false));
});

describeContract('the import of adapter-redis-state', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: ['--conditions=@promethean/source'],
}));
