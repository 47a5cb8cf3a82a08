/** The database file: its tables, and the transactions on it. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { SqliteFileKind } from '@promethean/sqlite-file';

/**
 * The file of a context: "Pctx", and its tables.
 *
 * The full-text tables hold terms that this package made (see terms.ts), so their tokenizer only splits at spaces: `ascii` takes
 * every character beyond ASCII for a letter. They keep no text of their own.
 */
export const CONTEXT_FILE: SqliteFileKind = {
  applicationId: 0x50637478,
  what: 'context',
  migrations: [
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
  ],
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
    // A full disk has ended it already.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
};
