/** The same bus on a Redis Cluster and behind Sentinel. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BusMessage } from '@promethean/pantheon-core';
import { noteFigures } from '@promethean/services/figures';
import { describeWithRedisCluster, describeWithRedisServer } from '@promethean/services/vitest';
import { Cluster, type ClusterNode, Redis } from 'ioredis';
import { afterEach, expect, test } from 'vitest';
import { prefixOf } from '../src/keys.ts';
import { until } from './inspect.ts';
import { contents, inScene, letter, range } from './scene.ts';
import {
  makeRedisBus,
  type RedisBus,
  type RedisBusFailure,
  type RedisBusOptions,
} from '../src/index.ts';

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

describeWithRedisCluster(
  'a Redis Cluster',
  (cluster) => {
    const opened: RedisBus[] = [];
    const failures: RedisBusFailure[] = [];
    afterEach(() => Promise.all(opened.map((bus) => bus.close())));
    const open = (options: RedisBusOptions): RedisBus => {
      const bus = makeRedisBus({ ...options, onError: (failure) => failures.push(failure) });
      opened.push(bus);
      return bus;
    };
    const nodes = (): ClusterNode[] => [...cluster().addresses];

    test('carries messages: a namespace is one slot', async () => {
      const pattern = new Cluster(nodes(), { lazyConnect: true, keyPrefix: 'not-ours:' });
      await exchange(open({ cluster: { nodes: nodes() } }), open({ client: pattern }));
      pattern.disconnect();
    });

    test('loses and repeats nothing when its slot moves to another node, and accepts nothing meanwhile', async (context) => {
      const namespace = 'moving';
      const address = { cluster: { nodes: nodes() }, namespace };
      const [sender, member] = [open({ ...address, sendTimeoutMs: 500 }), open(address)];
      const plain: BusMessage[] = [];
      const group: BusMessage[] = [];
      sender.subscribe((message) => void plain.push(message));
      member.subscribe((message) => void group.push(message), { group: 'workers' });
      await Promise.all([sender.ready(), member.ready()]);
      const send = (from: number): Promise<PromiseSettledResult<BusMessage>[]> =>
        Promise.allSettled(
          range(50).map((n) => sender.send(letter(`${from + n}`, 'bob', `id-${from + n}`))),
        );
      const accepted = (results: PromiseSettledResult<BusMessage>[]): number =>
        results.filter(({ status }) => status === 'fulfilled').length;
      let early = 0;
      expect(accepted(await send(0))).toBe(50);
      await cluster().moveSlot(prefixOf(namespace), async () => {
        const results = await send(50);
        early = accepted(results);
        for (const result of results)
          expect(result).toMatchObject({
            reason: { code: expect.stringMatching(/unavailable|send-unknown/), retryable: true },
          });
      });
      await until(async () => accepted(await send(50)) === 50, 'the end of the move');
      expect(accepted(await send(100))).toBe(50);
      await until(() => group.length >= 150 && plain.length >= 150, 'all messages');
      const figures = {
        early,
        lost: 150 - new Set(contents(group)).size,
        duplicated: group.length + plain.length - 300,
      };
      noteFigures(context, 'slot moved', figures);
      expect(figures).toEqual({ early: 0, lost: 0, duplicated: 0 });
      expect(contents(group)).toEqual(range(150).map(String));
      expect(contents(plain)).toEqual(range(150).map(String));
      expect(failures).toEqual([]);
    });

    test('goes on when a node of others is killed, and when its own comes back', async (context) => {
      const namespace = 'killed';
      const options = { cluster: { nodes: nodes() }, namespace, sendTimeoutMs: 60_000 };
      const [sender, member] = [open(options), open(options)];
      const group: BusMessage[] = [];
      member.subscribe((message) => void group.push(message), { group: 'workers' });
      await Promise.all([sender.ready(), member.ready()]);
      const send = (from: number): Promise<unknown> =>
        Promise.all(range(20).map((n) => sender.send(letter(`${from + n}`))));
      const own = await cluster().nodeOf(prefixOf(namespace));
      const other = cluster().nodes.find((node) => node !== own);
      await send(0);
      await other?.kill();
      await send(20);
      await other?.start();
      await own.kill();
      const waiting = send(40);
      await own.start();
      await waiting;
      await until(() => new Set(contents(group)).size === 60, 'all messages', 60_000);
      noteFigures(context, 'node killed', { sent: 60, lost: 0 });
      expect([...new Set(contents(group))]).toEqual(range(60).map(String));
    });
  },
  { args: ['--appendonly', 'yes', '--appendfsync', 'always'] },
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
