/** The table of actors, as `makePostgresTables` makes it and brings it up to date. */
import type { Migration } from '@promethean/postgres-schema';

export const MIGRATIONS: readonly Migration[] = [
  {
    oldest: 1,
    // `number` is the order of creation.
    sql: ({ table }) => `
      CREATE TABLE ${table} (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id text NOT NULL UNIQUE,
        script text NOT NULL,
        script_version text,
        goals jsonb NOT NULL,
        state text NOT NULL,
        version integer NOT NULL,
        parent text,
        created double precision NOT NULL,
        updated double precision NOT NULL,
        metadata jsonb
      );
      CREATE INDEX ON ${table} (parent, number);
      CREATE INDEX ON ${table} (state, number);
      CREATE INDEX ON ${table} (script, number);`,
  },
];
