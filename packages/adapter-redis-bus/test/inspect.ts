/** What tests look at in Redis, beside the bus. */
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { prefixOf } from '../src/keys.ts';

/** A client for a test itself. */
export const connect = (url: string): Redis =>
  new Redis(url, { protocol: 2, replyMapping: 'legacy' });

export const freshNamespace = (): string => `test-${randomBytes(6).toString('hex')}`;

/** All keys of a namespace, without its prefix. */
export const keysOf = async (client: Redis, namespace: string): Promise<readonly string[]> => {
  const prefix = prefixOf(namespace);
  const pattern = `${prefix.replaceAll(/[*?[\]\\]/g, String.raw`\$&`)}*`;
  const keys: string[] = [];
  for (let cursor = '0'; ;) {
    const [next, some] = await client.scan(cursor, 'MATCH', pattern, 'COUNT', 1_000);
    keys.push(...some.map((key) => key.slice(prefix.length)));
    if (next === '0') return keys.toSorted();
    cursor = next;
  }
};

/** Removes all keys of a namespace, and returns what they were. */
export const removeAll = async (client: Redis, namespace: string): Promise<readonly string[]> => {
  const keys = await keysOf(client, namespace);
  if (keys.length > 0) await client.unlink(keys.map((key) => prefixOf(namespace) + key));
  return keys;
};

/** Waits for a condition. */
export const until = async (
  condition: () => boolean | Promise<boolean>,
  what: string,
  deadlineMs = 15_000,
): Promise<void> => {
  const deadline = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new Error(`${what} did not happen within ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
