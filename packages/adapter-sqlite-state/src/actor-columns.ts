/** What of an actor can change, as columns. */
import { type ActorRow, type Changeable, recordTooLarge } from '@promethean/pantheon-core/adapter';

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
  if (bytes > maxRecordBytes) throw recordTooLarge(code, maxRecordBytes);
  return columns;
};
