import { setTimeout as wait } from 'node:timers/promises';
import { hostTimers } from '@promethean/pantheon-core/adapter';
import { importSuite, type LeaseHarness, leaseSuite } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { startProxy } from '@promethean/services';
import { describeWithRedis, describeWithRedisCluster } from '@promethean/services/vitest';
import { Cluster } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { makeRedisLease, type RedisLease, type RedisLeaseOptions } from './index.ts';

let count = 0;
const freshNamespace = (): string => {
  count += 1;
  return `contract-${process.pid}-${Date.now()}-${count}`;
};

/** `near` can be cut off, `address` cannot. */
const makeHarness = (
  near: Partial<RedisLeaseOptions>,
  address: Partial<RedisLeaseOptions>,
  { cut, mend, close }: { cut: () => void; mend: () => void; close: () => Promise<void> },
): LeaseHarness => {
  const namespace = freshNamespace();
  const ports: RedisLease[] = [];
  const open = (options: Partial<RedisLeaseOptions>): RedisLease => {
    const port = makeRedisLease({ namespace, timeoutMs: 2_000, ...options });
    ports.push(port);
    return port;
  };
  return {
    leases: open(near),
    another: ({ isStalled = false } = {}) =>
      open({ ...address, ...(isStalled && { timers: { ...hostTimers, set: () => undefined } }) }),
    now: hostTimers.now,
    advance: async (ms) => {
      await wait(ms);
    },
    ttlMs: 1_000,
    cut,
    mend,
    supports: ['close'],
    close: async () => {
      mend();
      for (const port of ports) await port.close();
      await close();
    },
  };
};

describeWithRedis('on a real Redis', (redis) => {
  describeContract(
    'makeRedisLease, its own connection, through a network that can be cut',
    leaseSuite,
    async () => {
      const { url } = redis();
      const proxy = await startProxy(Number(new URL(url).port));
      return makeHarness(
        { url: `redis://127.0.0.1:${proxy.port}` },
        { url },
        {
          cut: () => proxy.set({ kind: 'blackhole' }),
          // What has been swallowed never comes: no connection lives through that.
          mend: () => {
            proxy.cut();
            proxy.set({ kind: 'pass' });
          },
          close: proxy.close,
        },
      );
    },
  );
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

  describeContract('makeRedisLease, a client passed in', leaseSuite, () => {
    // A client whose scripts fail, as behind a network that refuses.
    let isCut = false;
    const near = Object.create(cluster, {
      evalsha: {
        value: async (...args: [string, number, ...string[]]) => {
          if (isCut) throw new Error('Connection is closed.');
          return cluster.evalsha(...args);
        },
      },
    }) as Cluster;
    return makeHarness(
      { client: near },
      { client: cluster },
      {
        cut: () => {
          isCut = true;
        },
        mend: () => {
          isCut = false;
        },
        close: async () => undefined,
      },
    );
  });
});

describeContract('the import of adapter-redis-lease', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: ['--conditions=@promethean/source'],
}));
