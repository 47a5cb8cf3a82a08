/** A state port on PostgreSQL: actors in one table, for any number of processes. */
import { randomUUID } from 'node:crypto';
import {
  type ActorFilter,
  type ActorScript,
  type IActorStatePort,
  type Now,
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
import { makePostgresTables, type PostgresOptions } from '@promethean/postgres-schema';
import { MIGRATIONS } from './actor-table.ts';
import { makeStatements } from './statements.ts';

export type {
  PostgresConnection,
  PostgresPool,
  PostgresSession,
  PostgresSettings,
} from '@promethean/postgres-schema';

/** Settings of `makePostgresState`. Exactly one of `url`, `settings`, `pool` and `session` says where the database is. */
export interface PostgresStateOptions extends PostgresOptions {
  /** Default `actor`. A second one, with `_schema` appended, holds its version. */
  readonly table?: string | undefined;
  /** The scripts that actors may follow. The table holds their names and versions only. */
  readonly scripts: readonly ActorScript[];
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

/**
 * Makes a state port on PostgreSQL (12 or newer; tested on 15) or PGlite. It connects at the first call or by `ready`.
 *
 * @throws PantheonError `option-invalid` for an option that is wrong.
 */
export const makePostgresState = (options: PostgresStateOptions): PostgresState => {
  const { maxRecordBytes = 1_048_576, now = Date.now, newId = () => `a-${randomUUID()}` } = options;
  requireWhole({ maxRecordBytes }, 1);
  const scripts = makeScriptLibrary(options.scripts);
  const tables = makePostgresTables(options, {
    what: 'state port',
    table: 'actor',
    migrations: MIGRATIONS,
    conflict: 'state-conflict',
    doubt: 'read the actor before deciding anew',
  });
  const { call } = tables;
  const statements = makeStatements(tables.names.table);
  const revivable = JSON.stringify(
    options.scripts.map(({ name, version }) => ({ name, version: version ?? null })),
  );

  const find = async (id: string): Promise<ActorRow | undefined> => {
    // No actor has such an id, and PostgreSQL would refuse the statement.
    if (nameProblem(id) !== undefined) return undefined;
    const [row] = await tables.run(`${statements.select} WHERE id = $1`, [id], 'none');
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
    ready: () => call(async () => undefined),

    // What was handed in is read before anything is awaited: the caller may change it afterwards.
    spawn: async (script, goal, spawnOptions) => {
      const spawned = readSpawn(script, goal, spawnOptions);
      scripts.require(script);
      const texts = [JSON.stringify(spawned.goals), jsonOf(spawned.metadata)] as const;
      requireSize('actor-invalid', ...texts);
      const at = now();
      return call(async () => {
        for (;;) {
          const id = spawned.id ?? newId();
          requireActorId(id, 'The id that newId made');
          const [row] = await tables.run(
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
      return call(async () => {
        if (wanted.some(([, value]) => contentProblem(value) !== undefined)) return [];
        const where = wanted.map(([column], index) => `${column} = $${index + 1}`).join(' AND ');
        const rows = await tables.run(
          `${statements.select} WHERE ${where || 'true'} ORDER BY number`,
          wanted.map(([, value]) => value),
          'none',
        );
        return (rows as readonly ActorRow[]).map((row) => recordOfRow(row, scripts));
      });
    },

    get: (id) =>
      call(async () => {
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
      return call(async () => {
        for (let again = false; ; again = true) {
          const repetition = expectedVersion === undefined ? 'twice' : 'same';
          const [updated] = await tables.run(statements.update, values, repetition);
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
      call(
        async () =>
          nameProblem(id) === undefined &&
          (await tables.run(statements.remove, [id], 'same')).length === 1,
      ),

    close: () => tables.close(),
  };
};
