/** The statements on the table of actors. Each is a transaction of its own. */

/** The list of a SELECT or RETURNING that gives an `ActorRow`; JSON as text, whatever a driver makes of jsonb. */
const COLUMNS =
  'id, script, script_version AS "scriptVersion", goals::text AS goals, state, version, parent, created, updated, ' +
  'metadata::text AS metadata';

/** SQL by what it does. */
export interface Statements {
  /** To be continued with WHERE. */
  readonly select: string;
  /** id, script, its version, goals, parent, time, metadata. */
  readonly insert: string;
  /** id, expected version, goals, state, metadata to set, metadata keys to remove, time, bytes at most, known scripts. */
  readonly update: string;
  /** id. */
  readonly remove: string;
}

/** The statements on a table, whose name is quoted. */
export const makeStatements = (table: string): Statements => {
  const goals = 'COALESCE($3::text::jsonb, goals)';
  const metadata = `CASE WHEN $5::text IS NULL THEN metadata
    ELSE (COALESCE(metadata, '{}') || $5::text::jsonb) - ARRAY(SELECT jsonb_array_elements_text($6::text::jsonb)) END`;
  return {
    select: `SELECT ${COLUMNS} FROM ${table}`,

    insert: `INSERT INTO ${table} (id, script, script_version, goals, state, version, parent, created, updated, metadata)
      VALUES ($1, $2, $3, $4::text::jsonb, 'idle', 1, $5, $6, $6, $7::text::jsonb)
      ON CONFLICT (id) DO NOTHING RETURNING ${COLUMNS}`,

    // Reads, merges, compares and writes in one: no transaction stays open between two round trips, and nobody who stops holds a
    // lock. What the patch does not name stays as it is, whoever wrote it. An actor that is too large can still be paused.
    update: `UPDATE ${table}
      SET goals = ${goals}, state = COALESCE($4::text, state), metadata = ${metadata}, version = version + 1, updated = $7
      WHERE id = $1
        AND ($2::double precision IS NULL OR version = $2)
        AND ($3::text IS NULL AND $5::text IS NULL
          OR octet_length((${goals})::text) + COALESCE(octet_length((${metadata})::text), 0) <= $8::double precision)
        AND EXISTS (SELECT FROM jsonb_to_recordset($9::text::jsonb) AS known (name text, version text)
          WHERE known.name = script AND known.version IS NOT DISTINCT FROM script_version)
      RETURNING ${COLUMNS}`,

    remove: `DELETE FROM ${table} WHERE id = $1 RETURNING id`,
  };
};
