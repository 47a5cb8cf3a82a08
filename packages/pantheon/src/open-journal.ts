/** The journals that the command `pantheon-journal` can read: SQLite files, and those on servers, by their addresses. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { makeSqliteJournal } from '@promethean/adapter-sqlite-journal';
import { PantheonError } from '@promethean/pantheon-core';
import type { IJournalPort } from '@promethean/pantheon-core';

/** What the command asks of a journal. */
export type ReadableJournal = Pick<Required<IJournalPort>, 'read' | 'unfinished' | 'close'>;

/** Where on a server a journal is. */
export interface JournalPlace {
  /** On Redis. */
  readonly namespace?: string | undefined;
  /** On PostgreSQL. */
  readonly schema?: string | undefined;
  /** On PostgreSQL. */
  readonly table?: string | undefined;
}

/** A journal that is named in a way that nothing stands for. */
export class PlaceError extends Error {}

interface Server {
  readonly options: readonly (keyof JournalPlace)[];
  readonly adapter: string;
  readonly open: (url: string, place: JournalPlace) => Promise<ReadableJournal>;
}

const redis: Server = {
  options: ['namespace'],
  adapter: '@promethean/adapter-redis-journal',
  open: async (url, { namespace }) => {
    const { makeRedisJournal } = await import('@promethean/adapter-redis-journal');
    return makeRedisJournal({ url, namespace });
  },
};

const postgres: Server = {
  options: ['schema', 'table'],
  adapter: '@promethean/adapter-postgres-journal',
  open: async (url, { schema, table }) => {
    const { makePostgresJournal } = await import('@promethean/adapter-postgres-journal');
    return makePostgresJournal({ url, schema, table, maxConnections: 1 });
  },
};

const SERVERS: Readonly<Record<string, Server>> = {
  'redis:': redis,
  'rediss:': redis,
  'postgres:': postgres,
  'postgresql:': postgres,
};

/** The protocol of an address; the path of a file has none. */
const protocolOf = (target: string): string | undefined =>
  /^([a-z][a-z0-9+.-]*:)\/\//i.exec(target)?.[1]?.toLowerCase();

const isMissing = (error: unknown, adapter: string): boolean =>
  (error as { readonly code?: unknown }).code === 'ERR_MODULE_NOT_FOUND' &&
  (error as Error).message.includes(adapter);

const openServer = async (
  { open, adapter }: Server,
  url: string,
  place: JournalPlace,
): Promise<ReadableJournal> => {
  if (!URL.canParse(url))
    throw new PlaceError('The address of the journal cannot be read; encode what is odd in it.');
  try {
    return await open(url, place);
  } catch (error) {
    if (!isMissing(error, adapter)) throw error;
    throw new PantheonError(
      'capability-missing',
      `A journal at this address needs ${adapter}: npm install ${adapter}.`,
      { cause: error },
    );
  }
};

const openFile = (file: string): ReadableJournal => {
  const path = resolve(file);
  // A journal would make the file.
  if (!existsSync(path)) throw new PantheonError('file-unreadable', `There is no ${path}.`);
  return makeSqliteJournal({ path });
};

/** Opens the journal that a path or an address names. Rejects with a `PlaceError`, or with what the adapter throws. */
export const openJournal = async (
  target: string,
  place: JournalPlace,
): Promise<ReadableJournal> => {
  const protocol = protocolOf(target);
  const server = protocol === undefined ? undefined : SERVERS[protocol];
  if (protocol !== undefined && server === undefined)
    throw new PlaceError(
      `There is no journal at ${protocol}// addresses, only at redis://, rediss:// and postgres://.`,
    );
  for (const option of ['namespace', 'schema', 'table'] as const) {
    if (place[option] !== undefined && server?.options.includes(option) !== true)
      throw new PlaceError(
        `--${option} is for a journal on ${option === 'namespace' ? 'Redis' : 'PostgreSQL'}.`,
      );
  }
  return server === undefined ? openFile(target) : openServer(server, target, place);
};

/** Makes what leaves out the passwords of an address, however they are written. */
export const withoutPasswords = (target: string): ((text: string) => string) => {
  const url = protocolOf(target) === undefined ? null : URL.parse(target);
  // An address that cannot be read is left out as a whole.
  const written =
    url === null && protocolOf(target) !== undefined
      ? [target]
      : [url?.password ?? '', url?.searchParams.get('password') ?? ''];
  const secrets = written.flatMap((secret) => {
    try {
      return [secret, decodeURIComponent(secret)];
    } catch {
      return [secret];
    }
  });
  return (text) =>
    secrets.reduce((left, secret) => (secret === '' ? left : left.replaceAll(secret, '…')), text);
};
