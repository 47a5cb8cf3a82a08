/** The same bus on a Redis Cluster and behind Sentinel. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BusMessage } from '@promethean/pantheon-core';
import { describeWithRedisServer } from '@promethean/services/vitest';
import { Cluster, Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { connect, until } from './inspect.ts';
import { contents, inScene, letter, range } from './scene.ts';
import type { RedisBus } from '../src/index.ts';

const exchange = async (bus: RedisBus, other: RedisBus): Promise<void> => {
  const plain: BusMessage[] = [];
  const group: BusMessage[] = [];
  bus.subscribe((message) => void plain.push(message));
  bus.subscribe((message) => void group.push(message), { group: 'workers' });
  await bus.ready();
  await Promise.all(range(50).map((n) => other.send(letter(`${n}`))));
  await until(() => plain.length === 50 && group.length === 50, 'all messages');
  expect(contents(plain)).toEqual(range(50).map(String));
  expect(contents(group)).toEqual(range(50).map(String));
};

describeWithRedisServer(
  'a Redis Cluster',
  (redis) => {
    test('carries messages: a namespace is one slot', async () => {
      const admin = connect(redis().url);
      await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
      await until(
        async () => String(await admin.cluster('INFO')).includes('cluster_state:ok'),
        'the cluster',
      );
      const nodes = [{ host: '127.0.0.1', port: redis().port }];
      try {
        await inScene(redis().url, async ({ bus }) => {
          const pattern = new Cluster(nodes, { lazyConnect: true });
          await exchange(bus({ cluster: { nodes } }), bus({ client: pattern }));
          pattern.disconnect();
        });
      } finally {
        admin.disconnect();
      }
    });
  },
  { args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] },
);

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

describeWithRedisServer('a master behind Sentinel', (redis) => {
  test('is found and used', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pantheon-sentinel-'));
    const port = await freePort();
    const file = join(folder, 'sentinel.conf');
    writeFileSync(
      file,
      `port ${port}\nbind 127.0.0.1\ndir ${folder}\nsentinel monitor main 127.0.0.1 ${redis().port} 1\n`,
    );
    const server = 'redis-server';
    const sentinel = spawn(server, [file, '--sentinel'], { stdio: 'ignore' });
    try {
      const admin = new Redis({
        port,
        host: '127.0.0.1',
        retryStrategy: () => 50,
        maxRetriesPerRequest: null,
      });
      admin.on('error', () => undefined);
      await until(
        async () => (await admin.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main')) !== null,
        'Sentinel',
      );
      admin.disconnect();
      const options = { redis: { sentinels: [{ host: '127.0.0.1', port }], name: 'main' } };
      await inScene(redis().url, ({ bus }) => exchange(bus(options), bus(options)));
    } finally {
      sentinel.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
