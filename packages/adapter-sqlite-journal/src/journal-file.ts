import type { SqliteFileKind } from '@promethean/sqlite-file';

/** The file of a journal: "Pjou", and its tables. */
export const JOURNAL_FILE: SqliteFileKind = {
  applicationId: 0x506a6f75,
  what: 'journal',
  migrations: [
    // The number of a tick is the order in which ticks were opened.
    `CREATE TABLE tick (
       number INTEGER PRIMARY KEY,
       id TEXT NOT NULL UNIQUE,
       actor TEXT NOT NULL,
       cause TEXT,
       input TEXT,
       opened REAL NOT NULL,
       attempt INTEGER NOT NULL,
       status TEXT,
       completed REAL
     ) STRICT;
     CREATE UNIQUE INDEX tickOfCause ON tick (actor, cause) WHERE cause IS NOT NULL;
     CREATE INDEX unfinishedTick ON tick (number) WHERE status IS NULL;
     CREATE INDEX finishedTick ON tick (completed) WHERE status IS NOT NULL;
     CREATE TABLE step (
       tick INTEGER NOT NULL,
       name TEXT NOT NULL,
       value TEXT NOT NULL,
       recorded REAL NOT NULL,
       place INTEGER NOT NULL,
       PRIMARY KEY (tick, name)
     ) STRICT, WITHOUT ROWID;`,
  ],
};
