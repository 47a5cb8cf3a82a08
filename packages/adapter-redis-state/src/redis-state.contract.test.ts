import { importSuite, stateScripts, stateSuite } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { describeWithRedis, describeWithRedisCluster } from '@promethean/services/vitest';
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, expect } from 'vitest';
import { makeRedisState, type RedisAddress, type RedisState } from './index.ts';

let count = 0;
/** A state in a namespace of its own, where nothing is left behind. */
const makeHarness = (address: () => RedisAddress, nodes: () => readonly Redis[]) => () => {
  count += 1;
  const namespace = `{contract}-${process.pid}-${Date.now()}-${count}`;
  let elapsedMs = 0;
  const options = { namespace, scripts: stateScripts, now: () => Date.now() + elapsedMs };
  const states: RedisState[] = [];
  const another = (): RedisState => {
    const state = makeRedisState({ ...address(), ...options });
    states.push(state);
    return state;
  };
  return {
    state: another(),
    another,
    supports: ['remove', 'shared', 'close'],
    advance: async (ms: number) => {
      elapsedMs += ms;
    },
    // What is removed leaves nothing behind, so after the last removal the namespace is empty.
    close: async () => {
      for (const state of states) await state.close();
      const cleaner = makeRedisState({ ...address(), ...options });
      for (const { id } of await cleaner.list()) await cleaner.remove(id);
      await cleaner.close();
      for (const node of nodes())
        expect(await node.keys(`{${encodeURIComponent(namespace)}}*`)).toEqual([]);
    },
  };
};

describeWithRedis('on a real Redis', (redis) => {
  let client: Redis;
  beforeAll(() => {
    client = new Redis(redis().url);
  });
  afterAll(() => client.quit());
  const nodes = (): Redis[] => [client];

  const own = makeHarness(() => ({ url: redis().url }), nodes);
  describeContract('makeRedisState, its own connection', stateSuite, own);
  const passed = makeHarness(() => ({ client }), nodes);
  describeContract('makeRedisState, a client passed in', stateSuite, passed);
});

describeWithRedisCluster('on a Cluster', (redis) => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = new Cluster([...redis().addresses]);
    await cluster.ping();
    // The connection to a node is made with its first command: that shall not look like a leak.
    for (const node of cluster.nodes()) await node.ping();
  });
  afterAll(() => cluster.quit());

  const clustered = makeHarness(
    () => ({ client: cluster }),
    () => cluster.nodes('master'),
  );
  describeContract('makeRedisState', stateSuite, clustered);
});

describeContract('the import of adapter-redis-state', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: ['--conditions=@promethean/source'],
}));
