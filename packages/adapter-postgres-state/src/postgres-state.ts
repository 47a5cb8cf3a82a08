/** A state port on PostgreSQL: actors in one table, for any number of processes. */
import { randomUUID } from 'node:crypto';
import {
  type ActorFilter,
  type ActorScript,
  type IActorStatePort,
  type Now,
  PantheonError,
} from '@promethean/pantheon-core';
import {
  type ActorRow,
  applyPatch,
  contentProblem,
  makeScriptLibrary,
  nameProblem,
  readSpawn,
  recordOfRow,
  recordTooLarge,
  requireActorId,
  requireWhole,
  staleVersion,
  unknownActor,
} from '@promethean/pantheon-core/adapter';
import { makeOwnPool } from './own-pool.ts';
import {
  borrowPool,
  borrowSession,
  makePostgresClient,
  type PostgresClientOptions,
  type PostgresPool,
  type PostgresSession,
  type PostgresSettings,
  type Source,
} from './postgres-client.ts';
import { ensureTables, namesOf } from './schema.ts';
import { makeStatements } from './statements.ts';

/** Settings of `makePostgresState`. Exactly one of `url`, `settings`, `pool` and `session` says where the database is. */
export interface PostgresStateOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url?: string | undefined;
  readonly settings?: PostgresSettings | undefined;
  /** A `Pool` of pg. It is not closed; its timeouts are yours. */
  readonly pool?: PostgresPool | undefined;
  /** A PGlite, or anything that runs one statement after the other. It is not closed. */
  readonly session?: PostgresSession | undefined;
  /** The scripts that actors may follow. The table holds their names and versions only. */
  readonly scripts: readonly ActorScript[];
  /** Made by the first call where it does not exist. Default `pantheon`. */
  readonly schema?: string | undefined;
  /** Default `actor`. A second one, with `_schema` appended, holds its version. */
  readonly table?: string | undefined;
  /** With `url` or `settings`. Default 10. */
  readonly maxConnections?: number | undefined;
  /** With `url` or `settings`: milliseconds until a connection must be free or made. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** With `url` or `settings`: milliseconds after which the server cancels a statement, waiting for locks included. Default 10,000. */
  readonly statementTimeoutMs?: number | undefined;
  /** How often a statement is tried that other transactions were in the way of, or a read whose connection broke. Default 8. */
  readonly maxAttempts?: number | undefined;
  /** The goals and metadata of one actor at most, as bytes of JSON. Default 1,048,576. */
  readonly maxRecordBytes?: number | undefined;
  /** Default: the process's wall clock. */
  readonly now?: Now | undefined;
  /** Makes the ids of new actors. Default: `a-` and a random UUID. */
  readonly newId?: (() => string) | undefined;
}

/** Actors in a table. */
export interface PostgresState extends Required<IActorStatePort> {
  /** Connects and makes the tables now, not at the first call. Rejects like any call. */
  readonly ready: () => Promise<void>;
}

const optionInvalid = (message: string): PantheonError =>
  new PantheonError('option-invalid', message);

/** How to get a connection, by the one option that says it. */
const sourceOf = (
  { url, settings, pool, session }: PostgresStateOptions,
  limits: Readonly<Record<'maxConnections' | 'connectTimeoutMs' | 'statementTimeoutMs', number>>,
): Source & Pick<PostgresClientOptions, 'server'> => {
  const given = [url, settings, pool, session].filter((option) => option !== undefined);
  if (given.length !== 1)
    throw optionInvalid('Give exactly one of url, settings, pool and session.');
  if (pool !== undefined) return { ...borrowPool(pool), server: 'PostgreSQL' };
  if (session !== undefined) return { ...borrowSession(session), server: 'PostgreSQL' };
  const parsed = url === undefined ? undefined : URL.parse(url);
  if (url !== undefined && !/^postgres(ql)?:$/.test(parsed?.protocol ?? ''))
    throw optionInvalid('url must be of the form postgres://user:password@host:port/database.');
  const address = parsed?.host ?? [settings?.host, settings?.port].filter(Boolean).join(':');
  return {
    ...makeOwnPool({ url, settings, ...limits }),
    server: address === '' ? 'PostgreSQL' : `PostgreSQL at ${address}`,
  };
};

/**
 * Makes a state port on PostgreSQL (12 or newer; tested on 15) or PGlite. It connects at the first call or by `ready`.
 *
 * @throws PantheonError `option-invalid` for an option that is wrong.
 */
export const makePostgresState = (options: PostgresStateOptions): PostgresState => {
  const {
    schema = 'pantheon',
    table: tableName = 'actor',
    maxConnections = 10,
    connectTimeoutMs = 10_000,
    statementTimeoutMs = 10_000,
    maxAttempts = 8,
    maxRecordBytes = 1_048_576,
    now = Date.now,
    newId = () => `a-${randomUUID()}`,
  } = options;
  const limits = { maxConnections, connectTimeoutMs, statementTimeoutMs };
  requireWhole({ ...limits, maxAttempts, maxRecordBytes }, 1);
  const scripts = makeScriptLibrary(options.scripts);
  const names = namesOf(schema, tableName);
  const source = sourceOf(options, limits);
  const client = makePostgresClient({ ...source, maxAttempts });

  const statements = makeStatements(names.table);
  const revivable = JSON.stringify(
    options.scripts.map(({ name, version }) => ({ name, version: version ?? null })),
  );

  let closing: Promise<void> | undefined;
  const accepted = new Set<Promise<unknown>>();
  let tables: Promise<void> | undefined;
  const prepared = async (): Promise<void> => {
    tables ??= ensureTables(client, names);
    try {
      await tables;
    } catch (error) {
      // The next call tries again.
      tables = undefined;
      throw error;
    }
  };
  /** Runs a call on tables that are there; `close` waits for it. */
  const run = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (closing !== undefined) throw new PantheonError('closed', 'The state port is closed.');
    const call = prepared().then(work);
    accepted.add(call);
    try {
      return await call;
    } finally {
      accepted.delete(call);
    }
  };

  const find = async (id: string): Promise<ActorRow | undefined> => {
    // No actor has such an id, and PostgreSQL would refuse the statement.
    if (nameProblem(id) !== undefined) return undefined;
    const [row] = await client.run(`${statements.select} WHERE id = $1`, [id], 'none');
    return row as ActorRow | undefined;
  };
  const requireSize = (
    code: 'actor-invalid' | 'action-invalid',
    ...texts: readonly (string | null)[]
  ): void => {
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text ?? ''), 0);
    if (bytes > maxRecordBytes) throw recordTooLarge(code, maxRecordBytes);
  };
  const jsonOf = (value: unknown): string | null =>
    value === undefined ? null : JSON.stringify(value);

  return {
    ready: () => run(async () => undefined),

    // What was handed in is read before anything is awaited: the caller may change it afterwards.
    spawn: async (script, goal, spawnOptions) => {
      const spawned = readSpawn(script, goal, spawnOptions);
      scripts.require(script);
      const texts = [JSON.stringify(spawned.goals), jsonOf(spawned.metadata)] as const;
      requireSize('actor-invalid', ...texts);
      const at = now();
      return run(async () => {
        for (;;) {
          const id = spawned.id ?? newId();
          requireActorId(id, 'The id that newId made');
          const [row] = await client.run(
            statements.insert,
            [
              id,
              script.name,
              script.version ?? null,
              texts[0],
              spawned.parentId ?? null,
              at,
              texts[1],
            ],
            // An id of the caller's own stands for one actor, however often it is spawned.
            spawned.id === undefined ? 'twice' : 'same',
          );
          const found = (row as ActorRow | undefined) ?? (spawned.id && (await find(spawned.id)));
          if (found) return recordOfRow(found, scripts);
        }
      });
    },

    list: async ({ parentId, state, script }: ActorFilter = {}) => {
      const wanted = Object.entries({ parent: parentId, state, script }).flatMap(
        ([column, value]) => (value === undefined ? [] : [[column, value] as const]),
      );
      return run(async () => {
        if (wanted.some(([, value]) => contentProblem(value) !== undefined)) return [];
        const where = wanted.map(([column], index) => `${column} = $${index + 1}`).join(' AND ');
        const rows = await client.run(
          `${statements.select} WHERE ${where || 'true'} ORDER BY number`,
          wanted.map(([, value]) => value),
          'none',
        );
        return (rows as readonly ActorRow[]).map((row) => recordOfRow(row, scripts));
      });
    },

    get: (id) =>
      run(async () => {
        const row = await find(id);
        return row === undefined ? undefined : recordOfRow(row, scripts);
      }),

    update: async (id, patch, { expectedVersion } = {}) => {
      if (nameProblem(id) !== undefined) throw unknownActor(id);
      // Checked and copied here; merged with what is there by the database.
      const after = applyPatch({ goals: [], state: 'idle', metadata: undefined }, patch);
      const removed = Object.entries(patch.metadata ?? {}).flatMap(([key, value]) =>
        value === undefined ? [key] : [],
      );
      const goals = patch.goals === undefined ? null : JSON.stringify(after.goals);
      const metadata = jsonOf(after.metadata);
      requireSize('action-invalid', goals, metadata);
      const values = [
        id,
        expectedVersion ?? null,
        goals,
        patch.state ?? null,
        metadata,
        JSON.stringify(removed),
        now(),
        maxRecordBytes,
        revivable,
      ];
      return run(async () => {
        for (let again = false; ; again = true) {
          const repetition = expectedVersion === undefined ? 'twice' : 'same';
          const [updated] = await client.run(statements.update, values, repetition);
          if (updated !== undefined) return recordOfRow(updated as ActorRow, scripts);
          // Nothing was written; this tells why, unless somebody wrote in between.
          const row = await find(id);
          if (row === undefined) throw unknownActor(id);
          scripts.find(row.script, row.scriptVersion ?? undefined);
          if (expectedVersion !== undefined && expectedVersion !== row.version)
            throw staleVersion(id, expectedVersion, row.version);
          if (again) throw recordTooLarge('action-invalid', maxRecordBytes);
        }
      });
    },

    remove: (id) =>
      run(
        async () =>
          nameProblem(id) === undefined &&
          (await client.run(statements.remove, [id], 'same')).length === 1,
      ),

    close: async () => {
      closing ??= Promise.allSettled(accepted).then(() => source.end());
      await closing;
    },
  };
};
