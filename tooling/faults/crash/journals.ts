/** The journals that a process is killed with. Each is loaded when it is used. */
import type { IJournalPort } from '@promethean/pantheon-core';

export type JournalName = 'sqlite' | 'redis' | 'postgres';

/** Where a journal is. */
export interface JournalPlace {
  readonly journal: JournalName;
  /** The server, where it has one. */
  readonly url: string;
  readonly folder: string;
  /** One for each run. */
  readonly namespace: string;
}

export const openJournal = async ({
  journal,
  url,
  folder,
  namespace,
}: JournalPlace): Promise<IJournalPort> => {
  if (journal === 'redis') {
    const { makeRedisJournal } = await import('@promethean/adapter-redis-journal');
    return makeRedisJournal({ url, namespace });
  }
  if (journal === 'postgres') {
    const { makePostgresJournal } = await import('@promethean/adapter-postgres-journal');
    return makePostgresJournal({ url, schema: namespace });
  }
  const { makeSqliteJournal } = await import('@promethean/adapter-sqlite-journal');
  return makeSqliteJournal({ path: `${folder}/journal.db` });
};
