import { importSuite, journalSuite } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { describeWithRedis, describeWithRedisCluster } from '@promethean/services/vitest';
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, expect } from 'vitest';
import { makeRedisJournal, type RedisJournal, type RedisJournalOptions } from './index.ts';

let count = 0;
/** A journal in a namespace of its own, where nothing is left behind that does not end by itself. */
const makeHarness =
  (address: () => Partial<RedisJournalOptions>, nodes: () => readonly Redis[]) => () => {
    count += 1;
    const namespace = `{contract}-${process.pid}-${Date.now()}-${count}`;
    const journals: RedisJournal[] = [];
    const another = (): RedisJournal => {
      const journal = makeRedisJournal({ ...address(), namespace, keepFinishedMs: 60_000 });
      journals.push(journal);
      return journal;
    };
    return {
      journal: another(),
      another,
      supports: ['shared', 'read', 'close'],
      close: async () => {
        for (const journal of journals) await journal.close();
        const cleaner = makeRedisJournal({ ...address(), namespace, keepFinishedMs: 0 });
        for (const tick of await cleaner.unfinished())
          await (await cleaner.open(tick)).complete('cancelled');
        await cleaner.close();
        for (const node of nodes())
          for (const key of await node.keys(`{${encodeURIComponent(namespace)}}*`))
            expect(await node.pttl(key), `${key} ends by itself`).toBeGreaterThan(0);
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
  describeContract('makeRedisJournal, its own connection', journalSuite, own);
  const passed = makeHarness(() => ({ client }), nodes);
  describeContract('makeRedisJournal, a client passed in', journalSuite, passed);
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
  describeContract('makeRedisJournal', journalSuite, clustered);
});

describeContract('the import of adapter-redis-journal', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: ['--conditions=@promethean/source'],
}));
