/** An actor as a row of the table, and back. */
import { type ActorRecord, type ActorState, PantheonError } from '@promethean/pantheon-core';
import type { Changeable, ScriptLibrary } from '@promethean/pantheon-core/adapter';

/** A row as SQLite gives and takes it: `goals` and `metadata` are JSON. */
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

/** What of a row can change, as values. */
export const changeableOf = ({ goals, state, metadata }: ActorRow): Changeable => ({
  goals: JSON.parse(goals) as string[],
  state: state as ActorState,
  metadata:
    metadata === null
      ? undefined
      : // Without a prototype, so that no key is there that was not stored.
        Object.assign(
          Object.create(null) as NonNullable<Changeable['metadata']>,
          JSON.parse(metadata),
        ),
});

/** The record that a row stands for. Throws `script-unknown`. */
export const recordOf = (row: ActorRow, scripts: ScriptLibrary): ActorRecord => {
  const { goals, state, metadata } = changeableOf(row);
  return {
    id: row.id,
    script: scripts.find(row.script, row.scriptVersion ?? undefined),
    goals,
    state,
    version: row.version,
    createdAt: row.created,
    updatedAt: row.updated,
    ...(row.parent !== null && { parentId: row.parent }),
    ...(metadata !== undefined && { metadata }),
  };
};

/** The columns for what can change. Throws `code` when they take more than `maxRecordBytes`. */
export const columnsOf = (
  { goals, state, metadata }: Changeable,
  maxRecordBytes: number,
  code: 'actor-invalid' | 'action-invalid',
): Pick<ActorRow, 'goals' | 'state' | 'metadata'> => {
  const columns = {
    goals: JSON.stringify(goals),
    state,
    metadata: metadata === undefined ? null : JSON.stringify(metadata),
  };
  const bytes = Buffer.byteLength(columns.goals) + Buffer.byteLength(columns.metadata ?? '');
  if (bytes <= maxRecordBytes) return columns;
  throw new PantheonError(
    code,
    `The actor's goals and metadata take ${bytes} bytes as JSON, and maxRecordBytes allows ${maxRecordBytes}; ` +
      'keep large data elsewhere and store a reference to it.',
    { details: { bytes, maxRecordBytes } },
  );
};
