/** The database file: opening it, its schema, and what may go wrong with it. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { PantheonError, errorMessage } from '@promethean/pantheon-core';

/** "Pctx": tells our files from other SQLite databases (`PRAGMA application_id`). */
const APPLICATION_ID = 0x50637478;

/** How long a statement waits for another process's lock. */
const BUSY_TIMEOUT_MS = 10_000;

/**
 * Step n brings a file from version n to n + 1. A released step is never changed; a new one is appended.
 *
 * The full-text tables hold terms that this package made (see terms.ts), so their tokenizer only splits at spaces: `ascii` takes
 * every character beyond ASCII for a letter. They keep no text of their own.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE file (
     id INTEGER PRIMARY KEY,
     source TEXT NOT NULL,
     path TEXT NOT NULL,
     title TEXT NOT NULL,
     language TEXT NOT NULL,
     modified REAL NOT NULL,
     size INTEGER NOT NULL,
     hash TEXT NOT NULL,
     indexed REAL NOT NULL,
     note TEXT NOT NULL,
     UNIQUE (source, path)
   );
   CREATE TABLE passage (
     id INTEGER PRIMARY KEY,
     file INTEGER NOT NULL REFERENCES file (id),
     line INTEGER NOT NULL,
     endLine INTEGER NOT NULL,
     heading TEXT NOT NULL,
     text TEXT NOT NULL
   );
   CREATE INDEX passageOfFile ON passage (file, id);
   CREATE VIRTUAL TABLE passageTerms USING fts5 (
     path, heading, body, content='', contentless_delete=1, tokenize='ascii'
   );
   CREATE VIRTUAL TABLE fileTerms USING fts5 (
     path, title, headings, body, content='', contentless_delete=1, tokenize='ascii'
   );
   CREATE VIRTUAL TABLE fileVocabulary USING fts5vocab (fileTerms, 'row');
   CREATE TABLE entry (
     id INTEGER PRIMARY KEY,
     actor TEXT NOT NULL,
     tool INTEGER NOT NULL,
     recorded REAL NOT NULL,
     message TEXT NOT NULL
   );
   CREATE INDEX entryOfActor ON entry (actor, tool, id);
   CREATE INDEX entryOfKind ON entry (tool, id);
   CREATE VIRTUAL TABLE entryTerms USING fts5 (
     body, content='', contentless_delete=1, tokenize='ascii'
   );`,
];

const number = (database: DatabaseSync, pragma: string): number =>
  Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0] as number;

const migrate = (database: DatabaseSync, path: string): void => {
  const version = number(database, 'user_version');
  const owner = number(database, 'application_id');
  const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count'];
  if (owner !== APPLICATION_ID && (tables !== 0 || owner !== 0)) {
    throw new PantheonError(
      'option-invalid',
      `path: ${path} is a database of another program. Give a path of its own to the context.`,
      { details: { path } },
    );
  }
  if (version > MIGRATIONS.length) {
    throw new PantheonError(
      'option-invalid',
      `path: ${path} was written by a newer version of this package (schema ${version}, known ${MIGRATIONS.length}). ` +
        'Update the package, or delete the file to index again.',
      { details: { path, version } },
    );
  }
  for (let step = version; step < MIGRATIONS.length; step += 1) {
    database.exec(MIGRATIONS[step]!);
  }
  database.exec(
    `PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}`,
  );
};

/**
 * A statement that writes. Its row ids are big integers: after a write to a full-text table, the connection's last row id is
 * one of that table's own, beyond 2^53, and Node 26 refuses to make a number of it.
 */
export const prepareWrite = (database: DatabaseSync, sql: string): StatementSync => {
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  return statement;
};

/** Runs `work` in one write transaction; nothing of it stays when it throws. */
export const transaction = <Result>(database: DatabaseSync, work: () => Result): Result => {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
};

/** Opens or creates the file and brings its schema up to date. */
export const openDatabase = (path: string): DatabaseSync => {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    const opened = database;
    if (number(opened, 'user_version') !== MIGRATIONS.length) {
      transaction(opened, () => migrate(opened, path));
    } else if (number(opened, 'application_id') !== APPLICATION_ID) {
      migrate(opened, path);
    }
    // A write-ahead log lets one process read while another indexes. What a crash of the machine can lose is indexed again.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    return database;
  } catch (error) {
    database?.close();
    if (PantheonError.is(error)) throw error;
    throw new PantheonError(
      'file-unreadable',
      `path: ${path} cannot be opened as a database: ${errorMessage(error)}. ` +
        'Delete the file to index again, or give another path.',
      { cause: error, details: { path } },
    );
  }
};
