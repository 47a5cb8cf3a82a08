import type { SqliteFileKind } from '@promethean/sqlite-file';

/** The file of a state: "Psta", and its tables. */
export const ACTOR_FILE: SqliteFileKind = {
  applicationId: 0x50737461,
  what: 'state',
  migrations: [
    // The number of a row is the order of creation, and part of every index.
    `CREATE TABLE actor (
     number INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     script TEXT NOT NULL,
     scriptVersion TEXT,
     goals TEXT NOT NULL,
     state TEXT NOT NULL,
     version INTEGER NOT NULL,
     parent TEXT,
     created REAL NOT NULL,
     updated REAL NOT NULL,
     metadata TEXT
   ) STRICT;
   CREATE INDEX actorOfParent ON actor (parent) WHERE parent IS NOT NULL;`,
  ],
};
