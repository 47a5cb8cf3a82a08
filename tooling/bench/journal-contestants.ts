/** The journals that are compared, each beside its raw driver, which writes one record a transaction. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { IJournalPort, ILeasePort } from '@promethean/pantheon-core';
import { Redis } from 'ioredis';
import pg from 'pg';

/** Where the contestants, which are processes of their own, find the servers. */
export const REDIS = 'PANTHEON_BENCH_REDIS';
export const POSTGRES = 'PANTHEON_BENCH_POSTGRES';

/** Writes one record; resolves to whether it is there. */
export type WriteRecord = (tick: number, step: string) => Promise<boolean> | boolean;

/** A raw driver, the adapter on it, and the server that they need. */
export interface Pair {
  readonly raw: string;
  readonly adapter: string;
  readonly needs?: typeof REDIS | typeof POSTGRES;
  /** Whether many records can be under way at once. */
  readonly isConcurrent: boolean;
  readonly makeRaw: () => WriteRecord | Promise<WriteRecord>;
  readonly makeJournal: () => Promise<IJournalPort>;
}

/** As long as a recorded outcome of a small result. */
const RECORD = JSON.stringify({ value: { text: 'done '.repeat(20) } });
const namespace = `bench_${process.pid}`;

type Durability = 'full' | 'normal';

const freshFile = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'pantheon-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'journal.db');
};

const rawSqlite = (synchronous: Durability): WriteRecord => {
  const database = new DatabaseSync(freshFile());
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous};
    CREATE TABLE step (tick INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, recorded REAL NOT NULL, PRIMARY KEY (tick, name)) STRICT, WITHOUT ROWID`);
  const insert = database.prepare('INSERT INTO step VALUES (?, ?, ?, ?)');
  return (tick, step) => insert.run(tick, step, RECORD, Date.now()).changes === 1;
};

const rawPostgres = async (): Promise<WriteRecord> => {
  const pool = new pg.Pool({ connectionString: process.env[POSTGRES] });
  const table = `raw_${process.pid}`;
  await pool.query(
    `CREATE TABLE ${table} (tick integer NOT NULL, name text NOT NULL, value text NOT NULL, recorded double precision NOT NULL, PRIMARY KEY (tick, name))`,
  );
  const text = `INSERT INTO ${table} VALUES ($1, $2, $3, $4)`;
  return async (tick, step) => {
    const values = [tick, step, RECORD, Date.now()];
    return (await pool.query({ name: 'insert', text, values })).rowCount === 1;
  };
};

const rawRedis = (): WriteRecord => {
  const client = new Redis(process.env[REDIS] as string);
  return async (tick, step) => (await client.hsetnx(`${namespace}:${tick}`, step, RECORD)) === 1;
};

const sqliteJournal = async (synchronous: Durability): Promise<IJournalPort> => {
  const { makeSqliteJournal } = await import('@promethean/adapter-sqlite-journal');
  return makeSqliteJournal({ path: freshFile(), synchronous });
};
const postgresJournal = async (): Promise<IJournalPort> => {
  const { makePostgresJournal } = await import('@promethean/adapter-postgres-journal');
  const journal = makePostgresJournal({ url: process.env[POSTGRES], table: namespace });
  await journal.ready();
  return journal;
};
const redisJournal = async (): Promise<IJournalPort> => {
  const { makeRedisJournal } = await import('@promethean/adapter-redis-journal');
  return makeRedisJournal({ url: process.env[REDIS], namespace });
};

/** Leases on Redis. */
export const redisLeases = async (): Promise<ILeasePort> => {
  const { makeRedisLease } = await import('@promethean/adapter-redis-lease');
  return makeRedisLease({ url: process.env[REDIS], namespace });
};

/** The journal in a file, by how surely a record is on the disk. */
export const EMBEDDED: readonly (Pair & { readonly synchronous: Durability })[] = (
  ['full', 'normal'] as const
).map((synchronous) => ({
  synchronous,
  raw: `a transaction of node:sqlite, ${synchronous}`,
  adapter: `a tick with adapter-sqlite-journal, ${synchronous}`,
  isConcurrent: false,
  makeRaw: () => rawSqlite(synchronous),
  makeJournal: () => sqliteJournal(synchronous),
}));

/** The journals on servers. */
export const SERVED: readonly Pair[] = [
  {
    raw: 'an insert of pg',
    adapter: 'a tick with adapter-postgres-journal',
    needs: POSTGRES,
    isConcurrent: true,
    makeRaw: rawPostgres,
    makeJournal: postgresJournal,
  },
  {
    raw: 'a field of a hash by ioredis',
    adapter: 'a tick with adapter-redis-journal',
    needs: REDIS,
    isConcurrent: true,
    makeRaw: rawRedis,
    makeJournal: redisJournal,
  },
];
