/** The table of names, as `makePostgresTables` makes it and brings it up to date. */
import type { Migration } from '@promethean/postgres-schema';

export const MIGRATIONS: readonly Migration[] = [
  {
    oldest: 1,
    // One sequence counts the leases of all names, so that the epoch of a name grows also when its row was removed in between.
    sql: ({ table, beside }) => `
      CREATE SEQUENCE ${beside('epoch')};
      CREATE TABLE ${table} (
        name text PRIMARY KEY,
        epoch bigint NOT NULL,
        nonce text,
        expires timestamptz NOT NULL
      );
      CREATE INDEX ON ${table} (expires);`,
  },
];
