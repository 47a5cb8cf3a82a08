/** The database file: opening it, its schema, and what may go wrong with it. */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { errorMessage, PantheonError } from '@promethean/pantheon-core';

const RETRY_MS = 5;
/** SQLite takes a longer time for none at all. */
const LONGEST_BUSY_MS = 2_147_483_647;

/** A kind of file: what is kept in it, and how it came to its present form. */
export interface SqliteFileKind {
  /** Tells files of this kind from other SQLite databases (`PRAGMA application_id`). */
  readonly applicationId: number;
  /** For messages: `state`, `journal`. */
  readonly what: string;
  /**
   * Step n brings a file from version n to n + 1. A released step is never changed; a new one is appended. A step only adds (tables,
   * indexes, columns with a default), so that a process of the previous release that has the file open goes on with it.
   */
  readonly migrations: readonly string[];
}

/** How to open a file. */
export interface SqliteFileSettings {
  /** `:memory:` keeps nothing. */
  readonly path: string;
  /** How long a call waits, and blocks the process, while another process writes. Milliseconds. */
  readonly busyTimeoutMs: number;
  /** `full`: what was committed survives a power failure; `normal`: it survives the end of the process. */
  readonly synchronous: 'full' | 'normal';
}

const BUSY = 5;
const LOCKED = 6;
const READ_ONLY = 8;
const CORRUPT = 11;
const FULL = 13;
const CANNOT_OPEN = 14;
const NOT_A_DATABASE = 26;

/** SQLite's primary result code; undefined for an error of another kind. */
const resultCode = (error: unknown): number | undefined => {
  const code = (error as { readonly errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
};
const isLocked = (error: unknown): boolean =>
  [BUSY, LOCKED].includes(resultCode(error) ?? Number.NaN);

const whyNotOpened = (path: string): string => {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    return 'is a folder; give the path of a file';
  const folder = dirname(path);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    return `cannot be opened: there is no folder ${folder}; create it first`;
  return 'cannot be opened; check that this process may read and write the file and its folder';
};

/** Any error of the database as one of ours. After each of them, nothing of the failed call is in the file. */
export const translateSqliteError = (error: unknown, path: string): PantheonError => {
  if (PantheonError.is(error)) return error;
  const fail = (code: 'file-unreadable' | 'unavailable', what: string): PantheonError =>
    new PantheonError(code, `path: ${path} ${what}.`, {
      cause: error,
      retryable: code === 'unavailable',
      details: { path },
    });
  switch (resultCode(error)) {
    case BUSY:
    case LOCKED:
      return fail(
        'unavailable',
        'is locked by another process for longer than busyTimeoutMs; try again',
      );
    case FULL:
      return fail('unavailable', 'is on a disk that is full; nothing was written');
    case READ_ONLY:
      return fail('file-unreadable', 'is read-only, and must be written to');
    case CORRUPT:
    case NOT_A_DATABASE:
      return fail(
        'file-unreadable',
        'is no SQLite database, or it is damaged; restore it from a backup or give another path',
      );
    case CANNOT_OPEN:
      return fail('file-unreadable', whyNotOpened(path));
    default:
      return fail('file-unreadable', `failed: ${errorMessage(error)}`);
  }
};

const pragma = (database: DatabaseSync, name: string): unknown =>
  Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];

/** The file's version; refuses files that are not ours, and of a release that we do not know. Reads only. */
const versionOf = (
  database: DatabaseSync,
  path: string,
  { applicationId, what, migrations }: SqliteFileKind,
): number => {
  const known = migrations.length;
  const version = pragma(database, 'user_version') as number;
  const owner = pragma(database, 'application_id');
  const { tables } = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() ?? {};
  if (owner !== applicationId && (owner !== 0 || version !== 0 || tables !== 0)) {
    throw new PantheonError(
      'option-invalid',
      `path: ${path} is a database of another program; give the ${what} a file of its own.`,
      { details: { path } },
    );
  }
  if (version > known) {
    throw new PantheonError(
      'option-invalid',
      `path: ${path} was written by a newer release of this package (schema ${version}, known ${known}); update the package.`,
      { details: { path, version, known } },
    );
  }
  return version;
};

const prepare = (
  database: DatabaseSync,
  kind: SqliteFileKind,
  { path, busyTimeoutMs, synchronous }: SqliteFileSettings,
): void => {
  database.exec(`PRAGMA busy_timeout = ${Math.min(busyTimeoutMs, LONGEST_BUSY_MS)}`);
  // In one transaction: a file that another process makes meanwhile would look like that of another program.
  database.exec('BEGIN');
  versionOf(database, path, kind);
  database.exec('COMMIT');
  // Readers and a writer do not wait for each other.
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}`);
  // What throws before the commit leaves nothing behind: the connection is closed then.
  database.exec('BEGIN IMMEDIATE');
  const version = versionOf(database, path, kind);
  for (const step of kind.migrations.slice(version)) database.exec(step);
  // Written also where it is so already: a file that cannot be written is found now, not at the first spawn.
  database.exec(
    `PRAGMA application_id = ${kind.applicationId}; PRAGMA user_version = ${kind.migrations.length}; COMMIT`,
  );
};

/** Waits as SQLite itself waits for a lock: without giving the process a turn. */
const wait = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

/**
 * Opens or creates the file and brings its schema up to date, under a lock. Waits for processes that do the same: SQLite does not
 * wait by itself where a file becomes one with a write-ahead log. Gives what `compile` makes of the database, such as its
 * statements; where that fails, the file is closed again.
 */
export const openSqliteFile = <Opened>(
  kind: SqliteFileKind,
  settings: SqliteFileSettings,
  compile: (database: DatabaseSync) => Opened,
): Opened => {
  const deadline = performance.now() + settings.busyTimeoutMs;
  for (;;) {
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(settings.path);
      prepare(database, kind, settings);
      return compile(database);
    } catch (error) {
      database?.close();
      if (!isLocked(error) || performance.now() > deadline)
        throw translateSqliteError(error, settings.path);
    }
    wait(RETRY_MS);
  }
};
