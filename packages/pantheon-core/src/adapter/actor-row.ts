/** An actor as a row of a table: the same for every database that is asked in SQL. */
import { PantheonError } from '../core/errors.ts';
import type { ActorRecord, ActorState } from '../core/types.ts';
import type { Changeable } from './actor-changes.ts';
import type { ScriptLibrary } from './script-library.ts';

/** A row as a database gives it: `goals` and `metadata` are JSON, times are milliseconds since the epoch. */
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

/**
 * The record that a row stands for. What can change is read from the row, unless it is at hand as values that nobody else
 * has. Throws `script-unknown`.
 */
export const recordOfRow = (
  row: ActorRow,
  scripts: ScriptLibrary,
  { goals, state, metadata }: Changeable = changeableOf(row),
): ActorRecord => ({
  id: row.id,
  script: scripts.find(row.script, row.scriptVersion ?? undefined),
  goals,
  state,
  version: row.version,
  createdAt: row.created,
  updatedAt: row.updated,
  ...(row.parent !== null && { parentId: row.parent }),
  ...(metadata !== undefined && { metadata }),
});

/** The error for an actor that would take more than `maxRecordBytes`. */
export const recordTooLarge = (
  code: 'actor-invalid' | 'action-invalid',
  maxRecordBytes: number,
): PantheonError =>
  new PantheonError(
    code,
    `The actor's goals and metadata take more bytes as JSON than maxRecordBytes allows (${maxRecordBytes}); ` +
      'keep large data elsewhere and store a reference to it.',
    { details: { maxRecordBytes } },
  );
