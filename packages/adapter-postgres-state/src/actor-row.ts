/** An actor as a row of the table. */
import { type ActorRecord, type ActorState, PantheonError } from '@promethean/pantheon-core';
import type { ScriptLibrary } from '@promethean/pantheon-core/adapter';

/** A row as `COLUMNS` selects it: `goals` and `metadata` are JSON, whatever a driver makes of jsonb. */
export interface ActorRow {
  readonly id: string;
  readonly script: string;
  readonly scriptVersion: string | null;
  readonly goals: string;
  readonly state: string;
  readonly version: number;
  readonly parent: string | null;
  readonly created: number;
  readonly updated: number;
  readonly metadata: string | null;
}

/** The list of a SELECT or RETURNING that gives an `ActorRow`. */
export const COLUMNS: string =
  'id, script, script_version AS "scriptVersion", goals::text AS goals, state, version, parent, created, updated, ' +
  'metadata::text AS metadata';

/** The record that a row stands for. Throws `script-unknown`. */
export const recordOf = (row: ActorRow, scripts: ScriptLibrary): ActorRecord => ({
  id: row.id,
  script: scripts.find(row.script, row.scriptVersion ?? undefined),
  goals: JSON.parse(row.goals) as string[],
  state: row.state as ActorState,
  version: row.version,
  createdAt: row.created,
  updatedAt: row.updated,
  ...(row.parent !== null && { parentId: row.parent }),
  // Without a prototype, so that no key is there that was not stored.
  ...(row.metadata !== null && {
    metadata: Object.assign(
      Object.create(null) as NonNullable<ActorRecord['metadata']>,
      JSON.parse(row.metadata),
    ),
  }),
});

/** The error for an actor that would take more than `maxRecordBytes`. */
export const tooLarge = (
  code: 'actor-invalid' | 'action-invalid',
  maxRecordBytes: number,
): PantheonError =>
  new PantheonError(
    code,
    `The actor's goals and metadata take more bytes as JSON than maxRecordBytes allows (${maxRecordBytes}); ` +
      'keep large data elsewhere and store a reference to it.',
    { details: { maxRecordBytes } },
  );
