import type { IJournalPort } from '@promethean/pantheon-core';
import { Cluster, Redis } from 'ioredis';
import { makeRedisJournal, type RedisClient } from './index.ts';

const journal = makeRedisJournal({
  url: 'redis://127.0.0.1',
  namespace: 'n',
  timeoutMs: 1_000,
  keepFinishedMs: 60_000,
  allowEviction: true,
  onWarning: (sentence) => sentence.length,
});
export const required: Required<IJournalPort> = journal;
void journal.ready();
void journal.read('t1').then((tick) => tick?.steps[0]?.name satisfies string | undefined);

export const clients: RedisClient[] = [new Redis(), new Cluster([])];
makeRedisJournal({ client: new Redis({ replyMapping: 'resp3' }) });
makeRedisJournal({ redis: { sentinels: [{ host: 'a', port: 1 }], name: 'm' } });

// @ts-expect-error a url is a text
makeRedisJournal({ url: 6379 });
// @ts-expect-error no option of ioredis
makeRedisJournal({ redis: { hostname: 'a' } });
// @ts-expect-error a client runs scripts
makeRedisJournal({ client: { get: async () => null } });
// @ts-expect-error milliseconds are a number
makeRedisJournal({ url: 'redis://127.0.0.1', keepFinishedMs: '7d' });
