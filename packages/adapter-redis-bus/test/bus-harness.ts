import type { BusHarness } from '@promethean/pantheon-testkit';
import type { Redis } from 'ioredis';
import { makeRedisBus, type RedisBusOptions } from '../src/index.ts';
import { prefixOf } from '../src/keys.ts';
import { connect, freshNamespace, keysOf, removeAll, until } from './inspect.ts';

/** Keys that may stay when all buses of a namespace are closed: the README names them. */
const DOCUMENTED = /^(all|ids|ids:old|meta|groups|routes|dead|dead:ids|(in|later|try|ready):.*)$/;

const RETRY_MS = 60_000;

/** Moves the time of retries on: what is due then is due now. Rings everybody. */
const ADVANCE = `
local keys = redis.call('KEYS', KEYS[1] .. 'later:*')
for _, key in ipairs(keys) do
  for _, to in ipairs(redis.call('ZRANGE', key, 0, -1)) do redis.call('ZINCRBY', key, -ARGV[1], to) end
end
for _, token in ipairs(redis.call('ZRANGE', KEYS[1] .. 'leases', 0, -1)) do
  redis.call('XADD', KEYS[1] .. 'bell:' .. string.match(token, '^[^.]+'), 'MAXLEN', 1, '*', 'r', 1)
end
return #keys
`;

/** A bus in a namespace of its own. Retries wait for the harness's clock, which moves the times in Redis. */
export const redisBusHarness = async (
  url: string,
  options: Partial<RedisBusOptions> = {},
): Promise<BusHarness> => {
  const namespace = freshNamespace();
  const prefix = prefixOf(namespace);
  const client: Redis = connect(url);
  const bus = makeRedisBus({ url, namespace, retryDelayMs: RETRY_MS, capacity: 200, ...options });
  let offset = 0;
  let left: string[] = [];

  const isQuiet = async (): Promise<boolean> => {
    const { pendingSends, waiting, queued, position } = bus.stats();
    if (pendingSends > 0 || waiting > 0 || queued > 0) return false;
    const groups = (await client.smembers(`${prefix}groups`)).filter((group) => group !== '');
    const ready = await Promise.all(groups.map((group) => client.zcard(`${prefix}ready:${group}`)));
    if (ready.some((count) => count > 0)) return false;
    if (position === '') return true;
    const info = (await client
      .call('xinfo', 'STREAM', `${prefix}all`)
      .catch(() => [])) as unknown[];
    const last = info[info.indexOf('last-generated-id') + 1];
    return info.length === 0 || last === position;
  };

  const settle = async (): Promise<void> => {
    await bus.ready().catch(() => undefined);
    // Twice in a row: between the two looks of one round something may move on.
    for (let quiet = 0; quiet < 2;) {
      await until(
        async () => {
          const is = await isQuiet();
          quiet = is ? quiet + 1 : 0;
          return is;
        },
        'quiet',
        4_000,
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
  };

  return {
    bus,
    settle,
    now: () => performance.now() + offset,
    advance: async (ms) => {
      offset += ms;
      const { delivered } = bus.stats();
      const before = (await client.eval(ADVANCE, 1, prefix, ms)) as number;
      if (before > 0)
        await until(
          async () => bus.stats().delivered > delivered || (await notDue(client, prefix)),
          'a retry',
        );
    },
    retryDelayMs: RETRY_MS,
    capacity: 200,
    supports: ['deadLetters', 'capacity', 'close'],
    close: async () => {
      await bus.close();
      left = (await removeAll(client, namespace)).filter((key) => !DOCUMENTED.test(key));
      left.push(...(await keysOf(client, namespace)));
      await client.quit();
    },
    leftovers: () => left,
  };
};

const notDue = async (client: Redis, prefix: string): Promise<boolean> => {
  const [seconds] = await client.time();
  const groups = await client.smembers(`${prefix}groups`);
  for (const group of groups) {
    if (
      (await client.zcount(`${prefix}later:${group}`, '-inf', Number(seconds) * 1_000 + 1_000)) > 0
    )
      return false;
  }
  return true;
};
