/** The statements of a journal. Each is a transaction of its own, and does what was asked for in one turn of the process. */
import type { TableNames } from '@promethean/postgres-schema';

/** SQL by what it does. Those for many take one parameter: the JSON of a list of objects. */
export interface Statements {
  /** Many: id, actor, cause, input, resume, opening. Answers by `opening`. */
  readonly open: string;
  /** Many: tick, name, value. Answers with the places of those that were there before. */
  readonly record: string;
  /** The value of a step: tick, name. */
  readonly recorded: string;
  /** Many: tick, status. */
  readonly complete: string;
  readonly unfinished: string;
  /** A tick with its steps: id. */
  readonly read: string;
  /** Removes finished ticks: milliseconds that they are kept, how many at most. Answers with how many there were. */
  readonly prune: string;
}

/** Milliseconds since the epoch, by the clock of the database: the one clock that all processes share. */
const NOW = 'floor(extract(epoch FROM clock_timestamp()) * 1000)::double precision';

const TICK =
  'id, actor, cause, input::text AS input, opened, attempt, status, completed AS "completedAt"';

/**
 * What was asked for, as rows. The planner takes what `one = 1` leaves for one row, and so looks up the rest by its indexes, also in
 * a table that it has no statistics of yet.
 */
const asked = (columns: string): string =>
  `json_to_recordset($1::json) AS asked (one integer, place integer, ${columns}) WHERE one = 1`;

/** The statements on the tables of those names. */
export const makeStatements = ({ table, beside }: TableNames): Statements => {
  const [step, sequence] = [beside('step'), beside('number')];
  return {
    // What another process commits during the statement is in the way of the insert, and the rest does not see it: such a tick is
    // answered with nothing, and is asked for again. Everyone locks in the same order, so that nobody waits in a circle.
    open: `
      WITH asked AS MATERIALIZED (
        SELECT *, nextval('${sequence}') AS number
        FROM ${asked('id text, actor text, cause text, input text, resume boolean, opening text')}
      ), made AS (
        INSERT INTO ${table} (number, id, actor, cause, input, opened, attempt, opening)
        SELECT number, id, actor, cause, input::json, ${NOW}, 1, opening FROM asked ORDER BY actor, cause, id
        ON CONFLICT DO NOTHING
        RETURNING opening, number, id
      ), found AS MATERIALIZED (
        SELECT asked.resume, asked.opening AS latest, tick.number, tick.id, tick.attempt, tick.status
        FROM asked JOIN ${table} AS tick ON tick.actor = asked.actor AND tick.cause = asked.cause AND tick.cause IS NOT NULL
        UNION ALL
        SELECT asked.resume, asked.opening, tick.number, tick.id, tick.attempt, tick.status
        FROM asked JOIN ${table} AS tick ON tick.id = asked.id AND tick.actor = asked.actor AND tick.cause IS NULL
        WHERE asked.cause IS NULL
      ), counted AS (
        UPDATE ${table} AS tick
        SET attempt = tick.attempt + CASE WHEN tick.opening = latest THEN 0 ELSE 1 END, opening = latest
        FROM (SELECT number, latest FROM found WHERE NOT resume ORDER BY number) AS again
        WHERE tick.number = again.number
        RETURNING tick.number, tick.attempt, tick.status
      )
      SELECT opening, number::text AS number, id, 1 AS attempt, NULL AS status, NULL AS known FROM made
      UNION ALL
      SELECT latest, number::text, id, CASE WHEN resume THEN found.attempt ELSE counted.attempt END,
        CASE WHEN resume THEN found.status ELSE counted.status END,
        (SELECT json_agg(json_build_array(step.name, step.value::text)) FROM ${step} AS step WHERE step.tick = found.number)::text
      FROM found LEFT JOIN counted USING (number) WHERE resume OR counted.attempt IS NOT NULL
      UNION ALL
      SELECT asked.opening, NULL, NULL, NULL, NULL, NULL
      FROM asked JOIN ${table} AS tick ON tick.id = asked.id
      WHERE tick.actor <> asked.actor OR tick.cause IS DISTINCT FROM asked.cause`,

    record: `
      WITH asked AS MATERIALIZED (
        SELECT *, nextval('${sequence}') AS number FROM ${asked('tick bigint, name text, value text')}
      ), made AS (
        INSERT INTO ${step} (tick, name, value, recorded, number)
        SELECT tick, name, value::json, ${NOW}, number FROM asked ORDER BY tick, name
        ON CONFLICT DO NOTHING
        RETURNING number
      )
      SELECT place FROM asked WHERE number NOT IN (SELECT number FROM made)`,

    recorded: `SELECT value::text AS value FROM ${step} WHERE tick = $1::bigint AND name = $2`,

    complete: `
      UPDATE ${table} AS tick SET status = asked.status,
        completed = CASE WHEN asked.status IS NULL THEN NULL ELSE ${NOW} END
      FROM (SELECT * FROM ${asked('tick bigint, status text')} ORDER BY tick) AS asked
      WHERE tick.number = asked.tick`,

    unfinished: `SELECT ${TICK} FROM ${table} WHERE status IS NULL ORDER BY number`,

    read: `
      SELECT ${TICK}, (SELECT json_agg(json_build_array(name, value::text, recorded) ORDER BY step.number)
        FROM ${step} AS step WHERE step.tick = tick.number)::text AS steps
      FROM ${table} AS tick WHERE id = $1`,

    prune: `
      WITH old AS MATERIALIZED (
        SELECT number FROM ${table} WHERE status IS NOT NULL AND completed < ${NOW} - $1::double precision
        ORDER BY completed LIMIT $2::integer FOR UPDATE SKIP LOCKED
      ), gone AS (
        DELETE FROM ${table} AS tick USING old WHERE tick.number = old.number RETURNING tick.number
      ), steps AS (
        DELETE FROM ${step} AS step USING gone WHERE step.tick = gone.number
      )
      SELECT count(*)::integer AS ticks FROM gone`,
  };
};
