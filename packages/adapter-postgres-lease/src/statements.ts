/** The statements of leases. Each is a transaction of its own, and goes by the clock of the database as it is when the row is locked. */
import type { TableNames } from '@promethean/postgres-schema';

/** SQL by what it does. A row without a nonce is that of a name that was released. */
export interface Statements {
  /** Name, nonce, milliseconds. Answers with the epoch, or with nothing where somebody has the name. */
  readonly take: string;
  /** Name, token, milliseconds. Answers with a row where the name has that token. */
  readonly renew: string;
  /** Name, token. */
  readonly release: string;
  /** Removes what nobody has had for so many milliseconds, so many rows at most. Answers with how many there were. */
  readonly sweep: string;
}

const AFTER = (milliseconds: string): string =>
  `clock_timestamp() + ${milliseconds}::double precision * interval '1 millisecond'`;

/** The statements on the tables of those names. */
export const makeStatements = ({ table, beside }: TableNames): Statements => {
  const epoch = `nextval('${beside('epoch')}')`;
  const hasToken = `name = $1 AND epoch || ':' || nonce = $2`;
  return {
    // The epoch of a row that is there is counted under its lock. Who asks again with its own nonce has the name, and does not know.
    take: `
      INSERT INTO ${table} AS held (name, epoch, nonce, expires) VALUES ($1, ${epoch}, $2, ${AFTER('$3')})
      ON CONFLICT (name) DO UPDATE
      SET epoch = CASE WHEN held.nonce = $2 THEN held.epoch ELSE ${epoch} END, nonce = $2, expires = ${AFTER('$3')}
      WHERE held.nonce IS NULL OR held.nonce = $2 OR held.expires <= clock_timestamp()
      RETURNING epoch::text AS epoch`,

    // A term that has ended begins again too: nobody has taken the name.
    renew: `UPDATE ${table} SET expires = ${AFTER('$3')} WHERE ${hasToken} RETURNING name`,

    release: `UPDATE ${table} SET nonce = NULL, expires = clock_timestamp() WHERE ${hasToken}`,

    sweep: `
      WITH old AS MATERIALIZED (
        SELECT name FROM ${table} WHERE expires < clock_timestamp() - $1::double precision * interval '1 millisecond'
        ORDER BY expires LIMIT $2::integer FOR UPDATE SKIP LOCKED
      ), gone AS (
        DELETE FROM ${table} AS held USING old WHERE held.name = old.name RETURNING held.name
      )
      SELECT count(*)::integer AS names FROM gone`,
  };
};
