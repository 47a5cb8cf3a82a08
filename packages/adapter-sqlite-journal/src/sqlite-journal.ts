/** A journal on SQLite: what ticks did, in one file, for one process or several on the same machine. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import {
  type IJournalPort,
  type JournalTick,
  type JsonValue,
  type Now,
  PantheonError,
  type RecordedTick,
  type TickRecord,
  type TickStatus,
  type UnfinishedTick,
} from '@promethean/pantheon-core';
import {
  inputText,
  makeTickRecord,
  requireTick,
  requireWhole,
  tickConflict,
} from '@promethean/pantheon-core/adapter';
import { openSqliteFile, translateSqliteError } from '@promethean/sqlite-file';
import { makeBatch } from './batch.ts';
import { JOURNAL_FILE } from './journal-file.ts';

/** Settings of `makeSqliteJournal`. */
export interface SqliteJournalOptions {
  /** The database file; it is created when it does not exist, its folder is not. `:memory:` keeps nothing. */
  readonly path: string;
  /**
   * `full`: what was recorded survives a power failure. `normal`: several times as many ticks a second; it survives the end of the
   * process at any point, but the last records before a power failure may be lost. Default `full`.
   */
  readonly synchronous?: 'full' | 'normal' | undefined;
  /** How long a call waits, and blocks the process, while another process writes. Milliseconds. Default 5,000. */
  readonly busyTimeoutMs?: number | undefined;
  /**
   * How long a finished tick is kept, in milliseconds: so long is a message that comes again recognised. Default 604,800,000 (seven
   * days).
   */
  readonly keepFinishedMs?: number | undefined;
  /** Default: the process's wall clock. */
  readonly now?: Now | undefined;
}

/** A journal in a file. */
export interface SqliteJournal extends IJournalPort {
  /** Opens the file now, not at the first call. Rejects like any call: `file-unreadable`, `option-invalid`, `unavailable`. */
  readonly ready: () => Promise<void>;
  readonly read: (tickId: string) => Promise<RecordedTick | undefined>;
  readonly close: () => Promise<void>;
}

interface TickRow {
  readonly number: number;
  readonly id: string;
  readonly actor: string;
  readonly cause: string | null;
  readonly input: string | null;
  readonly opened: number;
  readonly attempt: number;
  readonly status: TickStatus | null;
  readonly completed: number | null;
}

/** Finished ticks that are removed with one commit at most, and the time between two looks at them. */
const [PRUNED_AT_ONCE, PRUNE_EVERY_MS] = [200, 60_000];

const STATEMENTS = {
  byCause: 'SELECT * FROM tick WHERE actor = ? AND cause = ?',
  byId: 'SELECT * FROM tick WHERE id = ?',
  insert: 'INSERT INTO tick (id, actor, cause, input, opened, attempt) VALUES (?, ?, ?, ?, ?, 1)',
  reopen: 'UPDATE tick SET attempt = attempt + 1 WHERE number = ?',
  complete: 'UPDATE tick SET status = ?, completed = ? WHERE number = ?',
  unfinished: 'SELECT * FROM tick WHERE status IS NULL ORDER BY number',
  record:
    'INSERT INTO step (tick, name, value, recorded, place) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  recorded: 'SELECT value FROM step WHERE tick = ? AND name = ?',
  known: 'SELECT name, value FROM step WHERE tick = ?',
  steps: 'SELECT name, value, recorded FROM step WHERE tick = ? ORDER BY recorded, place',
  pruneSteps: `DELETE FROM step WHERE tick IN
               (SELECT number FROM tick WHERE status IS NOT NULL AND completed < ? ORDER BY completed LIMIT ${PRUNED_AT_ONCE})`,
  pruneTicks: `DELETE FROM tick WHERE number IN
               (SELECT number FROM tick WHERE status IS NOT NULL AND completed < ? ORDER BY completed LIMIT ${PRUNED_AT_ONCE})`,
} as const;

type Statements = { readonly [Name in keyof typeof STATEMENTS]: StatementSync };

interface Open {
  readonly database: DatabaseSync;
  readonly sql: Statements;
}

const prepareStatements = (database: DatabaseSync): Open => {
  const entries = Object.entries(STATEMENTS).map(([name, sql]) => [name, database.prepare(sql)]);
  return { database, sql: Object.fromEntries(entries) as Statements };
};

const tickOf = (row: TickRow): UnfinishedTick => ({
  tickId: row.id,
  actorId: row.actor,
  ...(row.cause === null ? undefined : { cause: row.cause }),
  ...(row.input === null ? undefined : { input: JSON.parse(row.input) as JsonValue }),
  attempt: row.attempt,
  openedAt: row.opened,
});

/**
 * Makes a journal on `node:sqlite`. The file is opened by `ready` or the first call. What is asked for in one turn of the process is
 * committed at once.
 *
 * @throws PantheonError `option-invalid` for an option that is wrong.
 */
export const makeSqliteJournal = (options: SqliteJournalOptions): SqliteJournal => {
  const {
    path,
    synchronous = 'full',
    busyTimeoutMs = 5_000,
    keepFinishedMs = 604_800_000,
    now = Date.now,
  } = options;
  if (typeof path !== 'string' || path === '')
    throw new PantheonError('option-invalid', 'path must be the path of a file, or ":memory:".');
  if (synchronous !== 'full' && synchronous !== 'normal')
    throw new PantheonError('option-invalid', 'synchronous must be "full" or "normal".');
  requireWhole({ busyTimeoutMs, keepFinishedMs }, 0);

  let opened: Open | undefined;
  let isClosed = false;
  let prunedAt = Number.NEGATIVE_INFINITY;
  // Of what was recorded in one millisecond, tells what came first.
  let place = 0;

  // When it fails, the next call tries again: a folder can be made, a file can be restored.
  const open = (): Open =>
    (opened ??= openSqliteFile(
      JOURNAL_FILE,
      { path, busyTimeoutMs, synchronous },
      prepareStatements,
    ));
  const batch = makeBatch(
    () => open().database,
    (error) => translateSqliteError(error, path),
  );
  const write = async <T>(work: (sql: Statements) => T): Promise<T> => {
    if (isClosed) throw new PantheonError('closed', 'The journal is closed.');
    return batch.run(() => work(open().sql));
  };

  const find = (sql: Statements, { tickId, actorId, cause }: JournalTick): TickRow | undefined => {
    const same = cause === undefined ? undefined : sql.byCause.get(actorId, cause);
    const row = (same ?? sql.byId.get(tickId)) as TickRow | undefined;
    if (row === undefined || (row.actor === actorId && row.cause === (cause ?? null))) return row;
    throw tickConflict(tickId);
  };

  const prune = (sql: Statements, at: number): void => {
    if (at - prunedAt < PRUNE_EVERY_MS) return;
    const before = at - keepFinishedMs;
    sql.pruneSteps.run(before);
    // Where there was more than is removed at once, the next call goes on.
    if (sql.pruneTicks.run(before).changes < PRUNED_AT_ONCE) prunedAt = at;
  };

  const recordOf = (
    { number, id, attempt, status }: Pick<TickRow, 'number' | 'id' | 'attempt' | 'status'>,
    known: ReadonlyMap<string, string>,
  ): TickRecord =>
    makeTickRecord(
      { tickId: id, attempt, status: status ?? undefined },
      {
        known,
        write: (name, text) =>
          write((sql) => {
            place += 1;
            if (sql.record.run(number, name, text, now(), place).changes > 0) return text;
            return sql.recorded.get(number, name)?.['value'] as string;
          }),
        complete: (ended) =>
          write(
            (sql) =>
              void sql.complete.run(ended ?? null, ended === undefined ? null : now(), number),
          ),
      },
    );

  return {
    ready: () => write(() => undefined),

    open: async (tick, { resume = false } = {}) => {
      requireTick(tick);
      const { tickId, actorId, cause } = tick;
      const input = inputText(tick);
      return write((sql) => {
        const at = now();
        const row = find(sql, tick);
        prune(sql, at);
        if (row === undefined) {
          const { lastInsertRowid } = sql.insert.run(
            tickId,
            actorId,
            cause ?? null,
            input ?? null,
            at,
          );
          const made = { number: Number(lastInsertRowid), id: tickId, attempt: 1, status: null };
          return recordOf(made, new Map());
        }
        if (!resume) sql.reopen.run(row.number);
        const known = sql.known
          .all(row.number)
          .map(({ name, value }) => [name as string, value as string] as const);
        return recordOf({ ...row, attempt: row.attempt + (resume ? 0 : 1) }, new Map(known));
      });
    },

    unfinished: () =>
      write(({ unfinished }) => (unfinished.all() as unknown as TickRow[]).map(tickOf)),

    read: (tickId) =>
      write(({ byId, steps }) => {
        const row = byId.get(tickId) as TickRow | undefined;
        return (
          row && {
            ...tickOf(row),
            status: row.status ?? undefined,
            completedAt: row.completed ?? undefined,
            steps: steps.all(row.number).map(({ name, value, recorded }) => ({
              name: name as string,
              value: JSON.parse(value as string) as JsonValue,
              recordedAt: recorded as number,
            })),
          }
        );
      }),

    close: async () => {
      if (isClosed) return;
      isClosed = true;
      batch.flush();
      opened?.database.close();
      opened = undefined;
    },
  };
};
