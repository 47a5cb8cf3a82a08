/**
 * W5, state of one KiB: insert, get and update, one at a time. Every adapter beside its raw driver, which gives the same guarantees:
 * an insert replaces nothing and keeps the order of creation, an update compares and sets by version, and what the database calls
 * durable is the same for both.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { ActorScript, IActorStatePort } from '@promethean/pantheon-core';
import { makeMemoryState } from '@promethean/pantheon-core/memory';
import { hasPostgres, hasRedis, startPostgres, startRedis } from '@promethean/services';
import { Redis } from 'ioredis';
import pg from 'pg';
import { hold } from './contest.ts';
import type { Disciplines } from './contest.ts';
import type { Workload } from './result.ts';

/** Where the contestants, which are processes of their own, find the servers. */
const REDIS = 'PANTHEON_BENCH_REDIS';
const POSTGRES = 'PANTHEON_BENCH_POSTGRES';

const INSERT = 'insert';
const GET = 'get';
const UPDATE = 'update';
const DISCIPLINES = [INSERT, GET, UPDATE] as const;
/** Actors that are read and changed in turn. */
const POOL = 500;
/** With all that belongs to an actor, one KiB. */
const TEXT = 'state '.repeat(145);
/** CPU milliseconds: most of the time is spent waiting for a database, so less than elsewhere will do. */
const SLICE_MS = 60;

/** One way to keep actors; each call resolves to the version that the actor has then. */
interface Store {
  readonly insert: (id: string) => Promise<number>;
  /** Resolves to the text as well, so that it was really read. */
  readonly get: (id: string) => Promise<{ readonly version: number; readonly text: unknown }>;
  readonly update: (id: string, version: number) => Promise<number>;
}

const clerk: ActorScript = { name: 'clerk', version: '1', contextSources: [], talents: [] };

type State = IActorStatePort & { readonly ready?: () => Promise<void> };

const ported = async (state: State): Promise<Store> => {
  await state.ready?.();
  return {
    insert: async (id) =>
      (await state.spawn(clerk, 'file the letters', { id, metadata: { text: TEXT, count: 0 } }))
        .version,
    get: async (id) => {
      const actor = await state.get(id);
      return { version: actor?.version ?? 0, text: actor?.metadata?.['text'] };
    },
    update: async (id, expectedVersion) =>
      (await state.update(id, { metadata: { count: expectedVersion } }, { expectedVersion }))
        .version,
  };
};

/** What a raw driver stores. */
const bodyOf = (id: string, version: number): string =>
  JSON.stringify({
    id,
    script: { name: clerk.name, version: clerk.version },
    goals: ['file the letters'],
    state: 'idle',
    version,
    createdAt: Date.now(),
    updatedAt: Date.now(),
    metadata: { text: TEXT, count: version },
  });

interface Body {
  readonly version: number;
  readonly metadata: { readonly text: string };
}
const readBody = ({ version, metadata }: Body): { version: number; text: string } => ({
  version,
  text: metadata.text,
});

type Durability = 'full' | 'normal';

const freshFile = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'pantheon-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'state.db');
};

const rawSqlite = async (synchronous: Durability): Promise<Store> => {
  const database = new DatabaseSync(freshFile());
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous};
    CREATE TABLE actor (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, body TEXT NOT NULL) STRICT`);
  const insert = database.prepare(
    'INSERT INTO actor (id, version, body) VALUES (?, 1, ?) ON CONFLICT (id) DO NOTHING',
  );
  const get = database.prepare('SELECT body FROM actor WHERE id = ?');
  const update = database.prepare(
    'UPDATE actor SET version = version + 1, body = ? WHERE id = ? AND version = ?',
  );
  return {
    insert: async (id) => Number(insert.run(id, bodyOf(id, 1)).changes),
    get: async (id) => readBody(JSON.parse((get.get(id) as { body: string }).body) as Body),
    update: async (id, version) =>
      version + Number(update.run(bodyOf(id, version + 1), id, version).changes),
  };
};

const rawPostgres = async (): Promise<Store> => {
  const pool = new pg.Pool({ connectionString: process.env[POSTGRES] });
  const table = `raw_${process.pid}`;
  await pool.query(
    `DROP TABLE IF EXISTS ${table};
     CREATE TABLE ${table} (number bigint GENERATED ALWAYS AS IDENTITY, id text PRIMARY KEY, version integer NOT NULL, body jsonb NOT NULL)`,
  );
  return {
    insert: async (id) =>
      (
        await pool.query(
          `INSERT INTO ${table} (id, version, body) VALUES ($1, 1, $2) ON CONFLICT (id) DO NOTHING`,
          [id, bodyOf(id, 1)],
        )
      ).rowCount ?? 0,
    get: async (id) => {
      const { rows } = await pool.query(`SELECT body FROM ${table} WHERE id = $1`, [id]);
      return readBody((rows[0] as { readonly body: Body }).body);
    },
    update: async (id, version) => {
      const { rowCount } = await pool.query(
        `UPDATE ${table} SET version = version + 1, body = $1 WHERE id = $2 AND version = $3`,
        [bodyOf(id, version + 1), id, version],
      );
      return version + (rowCount ?? 0);
    },
  };
};

const RAW_INSERT = `
if redis.call('HSETNX', KEYS[1], 'version', 1) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'body', ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[3])
return 1`;
const RAW_UPDATE = `
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1] + 1, 'body', ARGV[2])
return 1`;

const rawRedis = async (): Promise<Store> => {
  const client = new Redis(process.env[REDIS] as string);
  const prefix = `raw:${process.pid}:`;
  const load = async (script: string): Promise<string> =>
    (await client.script('LOAD', script)) as string;
  const [insert, update] = [await load(RAW_INSERT), await load(RAW_UPDATE)];
  let order = 0;
  return {
    insert: async (id) => {
      order += 1;
      const args = [prefix + id, `${prefix}all`, bodyOf(id, 1), order, id] as const;
      return Number(await client.evalsha(insert, 2, ...args));
    },
    get: async (id) => {
      const { body = '' } = await client.hgetall(prefix + id);
      return readBody(JSON.parse(body) as Body);
    },
    update: async (id, version) => {
      const body = bodyOf(id, version + 1);
      return version + Number(await client.evalsha(update, 1, prefix + id, version, body));
    },
  };
};

const scripts = [clerk];
const namespace = `bench_${process.pid}`;

const sqliteState = async (synchronous: Durability): Promise<State> => {
  const { makeSqliteState } = await import('@promethean/adapter-sqlite-state');
  return makeSqliteState({ path: freshFile(), scripts, synchronous });
};
const postgresState = async (): Promise<State> => {
  const { makePostgresState } = await import('@promethean/adapter-postgres-state');
  return makePostgresState({ url: process.env[POSTGRES], scripts, table: namespace });
};
const redisState = async (): Promise<State> => {
  const { makeRedisState } = await import('@promethean/adapter-redis-state');
  return makeRedisState({ url: process.env[REDIS], scripts, namespace });
};

/** A raw driver, the adapter on it, and the server that they need. */
const PAIRS = [
  {
    raw: 'node:sqlite, full',
    adapter: 'adapter-sqlite-state, full',
    makeRaw: () => rawSqlite('full'),
    makeState: () => sqliteState('full'),
  },
  {
    raw: 'node:sqlite, normal',
    adapter: 'adapter-sqlite-state, normal',
    makeRaw: () => rawSqlite('normal'),
    makeState: () => sqliteState('normal'),
  },
  {
    raw: 'pg',
    adapter: 'adapter-postgres-state',
    needs: POSTGRES,
    makeRaw: rawPostgres,
    makeState: postgresState,
  },
  {
    raw: 'ioredis, a hash',
    adapter: 'adapter-redis-state',
    needs: REDIS,
    makeRaw: rawRedis,
    makeState: redisState,
  },
] as const;
const MEMORY = 'memory state';

const makeStore = async (name: string): Promise<Store> => {
  if (name === MEMORY) return ported(makeMemoryState());
  const raw = PAIRS.find((pair) => pair.raw === name);
  if (raw !== undefined) return raw.makeRaw();
  const adapter = PAIRS.find((pair) => pair.adapter === name);
  if (adapter === undefined) throw new Error(`There is no contestant "${name}".`);
  return ported(await adapter.makeState());
};

/** The disciplines of one contestant. Each operation's result is checked. */
export const enter = async (name: string): Promise<Disciplines> => {
  const store = await makeStore(name);
  const pool = Array.from({ length: POOL }, (_, n) => `pool-${n}`);
  const versions = pool.map(() => 1);
  const require = (done: boolean): void => {
    if (!done) throw new Error(`${name} did not do its work`);
  };
  for (const id of pool) require((await store.insert(id)) === 1);
  let inserted = 0;
  return {
    [INSERT]: {
      run: async (times) => {
        for (let n = 0; n < times; n += 1) {
          inserted += 1;
          require((await store.insert(`actor-${inserted}`)) === 1);
        }
      },
    },
    [GET]: {
      run: async (times) => {
        for (let n = 0; n < times; n += 1) {
          const { version, text } = await store.get(pool[n % POOL] as string);
          require(version === 1 && text === TEXT);
        }
      },
    },
    [UPDATE]: {
      run: async (times) => {
        for (let n = 0; n < times; n += 1) {
          const version = versions[n % POOL] as number;
          const after = await store.update(pool[n % POOL] as string, version);
          require(after === version + 1);
          versions[n % POOL] = after;
        }
      },
    },
  };
};

const limit = 0.7;

export const state: Workload = async (effort) => {
  const redis = hasRedis() ? await startRedis() : undefined;
  const postgres = hasPostgres() ? await startPostgres() : undefined;
  if (redis !== undefined) process.env[REDIS] = redis.url;
  if (postgres !== undefined) process.env[POSTGRES] = postgres.url;
  try {
    const pairs = PAIRS.filter(
      (pair) => !('needs' in pair) || process.env[pair.needs] !== undefined,
    );
    const names = [...pairs.flatMap(({ raw, adapter }) => [raw, adapter]), MEMORY];
    const costOf = await hold('state.ts', names, effort, SLICE_MS);
    const rate = (name: string, discipline: string): number =>
      1_000_000 / costOf(name, discipline).wallUs;
    const times = (name: string, discipline: string): number | undefined => {
      const raw = pairs.find(({ adapter }) => adapter === name)?.raw;
      return raw === undefined ? undefined : rate(name, discipline) / rate(raw, discipline);
    };
    return {
      title: 'W5: state of one KiB',
      notes: [
        ...(redis === undefined
          ? ['There is no redis-server on this machine; its contestants are left out.']
          : []),
        ...(postgres === undefined
          ? ['There is no PostgreSQL on this machine; its contestants are left out.']
          : []),
      ],
      tables: [
        {
          title:
            'Operations a second of elapsed time, one at a time, and as a multiple of the raw driver',
          columns: DISCIPLINES.flatMap((discipline) => [discipline, 'x raw']),
          rows: names.map((name) => ({
            name,
            values: DISCIPLINES.flatMap((discipline) => [
              rate(name, discipline),
              times(name, discipline),
            ]),
          })),
        },
      ],
      targets: pairs.flatMap(({ adapter }) =>
        DISCIPLINES.map((discipline) => ({
          what: `${adapter}: ${discipline}, x raw`,
          actual: times(adapter, discipline) as number,
          limit,
          sense: 'least' as const,
        })),
      ),
    };
  } finally {
    await redis?.close();
    await postgres?.close();
  }
};
