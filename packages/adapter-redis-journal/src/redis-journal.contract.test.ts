import { importSuite, journalSuite } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { describeWithRedis, describeWithRedisServer } from '@promethean/services/vitest';
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { makeRedisJournal, type RedisJournal, type RedisJournalOptions } from './index.ts';

let count = 0;
/** A journal in a namespace of its own, where nothing is left behind that does not end by itself. */
const makeHarness = (address: () => Partial<RedisJournalOptions>, keys: () => Redis) => () => {
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
      for (const key of await keys().keys(`{${encodeURIComponent(namespace)}}*`))
        expect(await keys().pttl(key), `${key} ends by itself`).toBeGreaterThan(0);
    },
  };
};

describeWithRedis('on a real Redis', (redis) => {
  let client: Redis;
  beforeAll(() => {
    client = new Redis(redis().url);
  });
  afterAll(() => client.quit());
  const keys = (): Redis => client;

  const own = makeHarness(() => ({ url: redis().url }), keys);
  describeContract('makeRedisJournal, its own connection', journalSuite, own);
  const passed = makeHarness(() => ({ client }), keys);
  describeContract('makeRedisJournal, a client passed in', journalSuite, passed);
});

describeWithRedisServer(
  'on a Cluster of one node',
  (redis) => {
    let cluster: Cluster;
    let node: Redis;
    beforeAll(async () => {
      node = new Redis(redis().url);
      await node.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
      await vi.waitFor(async () => {
        const info = String(await node.call('CLUSTER', 'INFO'));
        if (!info.includes('cluster_state:ok')) throw new Error(info);
      }, 20_000);
      cluster = new Cluster([{ host: '127.0.0.1', port: redis().port }]);
    }, 60_000);
    afterAll(async () => {
      await cluster.quit();
      await node.quit();
    });

    const clustered = makeHarness(
      () => ({ client: cluster }),
      () => node,
    );
    describeContract('makeRedisJournal', journalSuite, clustered);
  },
  // A lone node does not know its own address, and clients learn it from the node.
  { args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] },
);

describeContract('the import of adapter-redis-journal', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: ['--conditions=@promethean/source'],
}));
