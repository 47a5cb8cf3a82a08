/** The tables of ticks and steps, as `makePostgresTables` makes them and brings them up to date. */
import type { Migration } from '@promethean/postgres-schema';

export const MIGRATIONS: readonly Migration[] = [
  {
    oldest: 1,
    // The numbers are given by the statements, so that they follow the order in which a process asked. `opening` tells an opening
    // that is repeated, because its answer was lost, from the next one. `json`, unlike `jsonb`, keeps a text as it is.
    sql: ({ table, beside }) => `
      CREATE SEQUENCE ${beside('number')};
      CREATE TABLE ${table} (
        number bigint PRIMARY KEY,
        id text NOT NULL UNIQUE,
        actor text NOT NULL,
        cause text,
        input json,
        opened double precision NOT NULL,
        attempt integer NOT NULL,
        opening text NOT NULL,
        status text,
        completed double precision
      );
      CREATE UNIQUE INDEX ON ${table} (actor, cause) WHERE cause IS NOT NULL;
      CREATE INDEX ON ${table} (number) WHERE status IS NULL;
      CREATE INDEX ON ${table} (completed) WHERE status IS NOT NULL;
      CREATE TABLE ${beside('step')} (
        tick bigint NOT NULL,
        name text NOT NULL,
        value json NOT NULL,
        recorded double precision NOT NULL,
        number bigint NOT NULL,
        PRIMARY KEY (tick, name)
      );`,
  },
];
