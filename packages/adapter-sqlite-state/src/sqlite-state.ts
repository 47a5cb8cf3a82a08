/** A state port on SQLite: actors in one file, for one process or several on the same machine. */
import { randomUUID } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
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
  type Changeable,
  changeableOf,
  contentProblem,
  makeScriptLibrary,
  nameProblem,
  readSpawn,
  recordOfRow,
  requireActorId,
  requireWhole,
  staleVersion,
  unknownActor,
} from '@promethean/pantheon-core/adapter';
import { openSqliteFile, translateSqliteError } from '@promethean/sqlite-file';
import { columnsOf } from './actor-columns.ts';
import { ACTOR_FILE } from './actor-file.ts';

/** Settings of `makeSqliteState`. */
export interface SqliteStateOptions {
  /** The database file; it is created when it does not exist, its folder is not. `:memory:` keeps nothing. */
  readonly path: string;
  /** The scripts that actors may follow. The file holds their names and versions only. */
  readonly scripts: readonly ActorScript[];
  /**
   * `full`: what was acknowledged survives a power failure. `normal`: three times as many writes a second; it survives the end of
   * the process at any point, but the last writes before a power failure may be lost. Default `full`.
   */
  readonly synchronous?: 'full' | 'normal' | undefined;
  /** How long a call waits, and blocks the process, while another process writes. Milliseconds. Default 5,000. */
  readonly busyTimeoutMs?: number | undefined;
  /** The goals and metadata of one actor at most, as bytes of JSON. Default 1,048,576. */
  readonly maxRecordBytes?: number | undefined;
  /** Default: the process's wall clock. */
  readonly now?: Now | undefined;
  /** Makes the ids of new actors. Default: `a-` and a random UUID. */
  readonly newId?: (() => string) | undefined;
}

/** Actors in a file. */
export interface SqliteState extends Required<IActorStatePort> {
  /** Opens the file now, not at the first call. Rejects like any call: `file-unreadable`, `option-invalid`, `unavailable`. */
  readonly ready: () => Promise<void>;
}

const COLUMNS =
  'id, script, scriptVersion, goals, state, version, parent, created, updated, metadata';

/** The statements, compiled once for an open file. */
interface Table {
  readonly database: DatabaseSync;
  readonly find: (id: string) => ActorRow | undefined;
  readonly insert: StatementSync;
  readonly update: StatementSync;
  readonly remove: StatementSync;
  readonly list: (filter: readonly (readonly [column: string, value: string])[]) => ActorRow[];
}

const makeTable = (database: DatabaseSync): Table => {
  const find = database.prepare(`SELECT ${COLUMNS} FROM actor WHERE id = ?`);
  const lists = new Map<string, StatementSync>();
  return {
    database,
    find: (id) => find.get(id) as ActorRow | undefined,
    insert: database.prepare(
      `INSERT INTO actor (${COLUMNS})
       VALUES (:id, :script, :scriptVersion, :goals, :state, :version, :parent, :created, :updated, :metadata)
       ON CONFLICT (id) DO NOTHING`,
    ),
    update: database.prepare(
      `UPDATE actor SET goals = ?, state = ?, metadata = ?, version = version + 1, updated = ?
       WHERE id = ? AND version = ?`,
    ),
    remove: database.prepare('DELETE FROM actor WHERE id = ?'),
    list: (filter) => {
      const where = filter.map(([column]) => `${column} = ?`).join(' AND ') || 'true';
      let list = lists.get(where);
      if (list === undefined) {
        list = database.prepare(`SELECT ${COLUMNS} FROM actor WHERE ${where} ORDER BY number`);
        lists.set(where, list);
      }
      return list.all(...filter.map(([, value]) => value)) as unknown as ActorRow[];
    },
  };
};

/**
 * Makes a state port on `node:sqlite`. The file is opened by `ready` or the first call.
 *
 * @throws PantheonError `option-invalid` for an option that is wrong.
 */
export const makeSqliteState = (options: SqliteStateOptions): SqliteState => {
  const {
    path,
    synchronous = 'full',
    busyTimeoutMs = 5_000,
    maxRecordBytes = 1_048_576,
    now = Date.now,
    newId = () => `a-${randomUUID()}`,
  } = options;
  if (typeof path !== 'string' || path === '')
    throw new PantheonError('option-invalid', 'path must be the path of a file, or ":memory:".');
  if (synchronous !== 'full' && synchronous !== 'normal')
    throw new PantheonError('option-invalid', 'synchronous must be "full" or "normal".');
  requireWhole({ busyTimeoutMs, maxRecordBytes }, 0);
  const scripts = makeScriptLibrary(options.scripts);

  let table: Table | undefined;
  let closed = false;
  // SQLite works synchronously: every call is done within one turn, and leaves nothing to wait for.
  const run = async <Result>(work: (open: Table) => Result): Promise<Result> => {
    if (closed) throw new PantheonError('closed', 'The state port is closed.');
    try {
      // When it fails, the next call tries again: a folder can be made, a file can be restored.
      table ??= openSqliteFile(ACTOR_FILE, { path, busyTimeoutMs, synchronous }, makeTable);
      return work(table);
    } catch (error) {
      throw translateSqliteError(error, path);
    }
  };

  return {
    ready: () => run(() => undefined),

    spawn: (script, goal, spawnOptions) =>
      run(({ insert, find }) => {
        const { id: wanted, goals, parentId, metadata } = readSpawn(script, goal, spawnOptions);
        scripts.require(script);
        const at = now();
        const spawned: Changeable = { goals, state: 'idle', metadata };
        const columns = columnsOf(spawned, maxRecordBytes, 'actor-invalid');
        for (;;) {
          const id = wanted ?? newId();
          requireActorId(id, 'The id that newId made');
          const row: ActorRow = {
            ...columns,
            id,
            script: script.name,
            scriptVersion: script.version ?? null,
            version: 1,
            parent: parentId ?? null,
            created: at,
            updated: at,
          };
          if (insert.run({ ...row }).changes !== 0) return recordOfRow(row, scripts, spawned);
          const existing = wanted === undefined ? undefined : find(wanted);
          if (existing !== undefined) return recordOfRow(existing, scripts);
        }
      }),

    list: (filter: ActorFilter = {}) =>
      run(({ list }) => {
        const { parentId, state, script } = filter;
        const wanted = Object.entries({ parent: parentId, state, script }).flatMap(
          ([column, value]) => (value === undefined ? [] : [[column, value] as const]),
        );
        // SQLite would compare with another text than this.
        if (wanted.some(([, value]) => contentProblem(value) !== undefined)) return [];
        return list(wanted).map((row) => recordOfRow(row, scripts));
      }),

    get: (id) =>
      run(({ find }) => {
        const row = nameProblem(id) === undefined ? find(id) : undefined;
        return row === undefined ? undefined : recordOfRow(row, scripts);
      }),

    update: (id, patch, { expectedVersion } = {}) =>
      run(({ find, update }) => {
        for (;;) {
          const row = nameProblem(id) === undefined ? find(id) : undefined;
          if (row === undefined) throw unknownActor(id);
          // Everything that can be refused is refused before anything is written.
          scripts.find(row.script, row.scriptVersion ?? undefined);
          if (expectedVersion !== undefined && expectedVersion !== row.version)
            throw staleVersion(id, expectedVersion, row.version);
          const after = applyPatch(changeableOf(row), patch);
          // An actor that is too large can still be paused.
          const grows = patch.goals !== undefined || patch.metadata !== undefined;
          const columns = columnsOf(after, grows ? maxRecordBytes : Infinity, 'action-invalid');
          const updated = now();
          // Another process may have written since `find`; then it was faster, and this goes on from what it wrote.
          const { goals, state, metadata } = columns;
          const { changes } = update.run(goals, state, metadata, updated, id, row.version);
          if (changes === 0) continue;
          const written = { ...row, version: row.version + 1, updated };
          return recordOfRow(written, scripts, after);
        }
      }),

    remove: (id) =>
      run(({ remove }) => nameProblem(id) === undefined && remove.run(id).changes !== 0),

    close: async () => {
      closed = true;
      table?.database.close();
      table = undefined;
    },
  };
};
