/** A private Redis Cluster: three masters, as the smallest one that `redis-cli` makes. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { hasRedis, type Redis, type RedisOptions, startRedis } from './redis.ts';
import { findBinary, freePort } from './server-process.ts';

/** A Redis Cluster of our own. */
export interface RedisCluster {
  readonly nodes: readonly Redis[];
  /** Where the nodes are, as a client of a Cluster takes it. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** The node that has the slot of a key. */
  readonly nodeOf: (key: string) => Promise<Redis>;
  /** Moves the slot of a key to another node, as a reshard does. `halfway` runs when the first half of its keys has gone. */
  readonly moveSlot: (key: string, halfway?: () => Promise<unknown>) => Promise<void>;
  readonly close: () => Promise<void>;
}

const NODES = 3;
/** Nodes talk to each other on their port and this. */
const BUS_OFFSET = 10_000;
const MAX_PORT = 65_535;
const START_MS = 20_000;

const run = promisify(execFile);
const binary = (): string | undefined => findBinary('redis-cli');

/** Whether `startRedisCluster` can work here. */
export const hasRedisCluster = (): boolean => hasRedis() && binary() !== undefined;

const nodePort = async (): Promise<number> => {
  for (;;) {
    const port = await freePort();
    if (port + BUS_OFFSET <= MAX_PORT) return port;
  }
};

/** Starts three nodes on free ports of 127.0.0.1, and resolves when all of them serve. */
export const startRedisCluster = async ({
  args = [],
}: Pick<RedisOptions, 'args'> = {}): Promise<RedisCluster> => {
  const file = binary();
  if (file === undefined) throw new Error('There is no redis-cli on this machine.');
  const nodes: Redis[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.close()));
  };
  const cli = async ({ port }: Redis, ...args: readonly string[]): Promise<string> => {
    const { stdout } = await run(file, ['-h', '127.0.0.1', '-p', `${port}`, ...args]);
    // It ends well also when the server refuses.
    if (/^(ERR|[A-Z]+ERR|BUSYKEY|NOKEY)\b/.test(stdout)) throw new Error(stdout.trim());
    return stdout.trim();
  };
  const isUp = async (node: Redis): Promise<boolean> => {
    const info = await cli(node, 'cluster', 'info');
    return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${NODES}`);
  };

  const nodeOf = async (key: string): Promise<Redis> => {
    const [first] = nodes as [Redis];
    const slot = Number(await cli(first, 'cluster', 'keyslot', key));
    for (const node of nodes) {
      const mine = (await cli(node, 'cluster', 'nodes'))
        .split('\n')
        .find((line) => line.includes('myself'));
      for (const range of mine?.split(' ').slice(8) ?? []) {
        const [from = NaN, to = from] = range.split('-').map(Number);
        if (slot >= from && slot <= to) return node;
      }
    }
    throw new Error(`No node has the slot ${slot}.`);
  };

  const moveSlot = async (key: string, halfway?: () => Promise<unknown>): Promise<void> => {
    const source = await nodeOf(key);
    const target = nodes.find((node) => node !== source) as Redis;
    const slot = await cli(source, 'cluster', 'keyslot', key);
    const [sourceId, targetId] = (await Promise.all(
      [source, target].map((node) => cli(node, 'cluster', 'myid')),
    )) as [string, string];
    await cli(target, 'cluster', 'setslot', slot, 'importing', sourceId);
    await cli(source, 'cluster', 'setslot', slot, 'migrating', targetId);
    const move = async (count: number): Promise<number> => {
      const keys = (await cli(source, 'cluster', 'getkeysinslot', slot, `${count}`)).split('\n');
      const list = keys.filter((one) => one !== '');
      if (list.length > 0)
        await cli(
          source,
          'migrate',
          '127.0.0.1',
          `${target.port}`,
          '',
          '0',
          '5000',
          'keys',
          ...list,
        );
      return list.length;
    };
    await move(Math.ceil(Number(await cli(source, 'cluster', 'countkeysinslot', slot)) / 2));
    await halfway?.();
    while ((await move(100)) > 0);
    // The new owner first: until it knows, nobody would have the slot.
    const others = nodes.filter((node) => node !== target);
    for (const node of [target, ...others])
      await cli(node, 'cluster', 'setslot', slot, 'node', targetId);
  };

  try {
    const own = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1', ...args];
    for (let n = 0; n < NODES; n += 1)
      nodes.push(await startRedis({ args: own, port: await nodePort() }));
    const places = nodes.map(({ port }) => `127.0.0.1:${port}`);
    await run(file, ['--cluster', 'create', ...places, '--cluster-yes'], { timeout: START_MS });
    const deadline = performance.now() + START_MS;
    while (!(await Promise.all(nodes.map(isUp))).every(Boolean)) {
      if (performance.now() > deadline) throw new Error('The nodes did not find each other.');
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    nodes,
    addresses: nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
    nodeOf,
    moveSlot,
    close,
  };
};
