import { encodeId } from '@promethean/pantheon-core/adapter';
import type { JournalTick } from '@promethean/pantheon-core';

/** The names of the keys of one namespace. */
export interface Keys {
  /** The tick with that ref: its head and its steps. */
  readonly tick: (ref: string) => string;
  /** The ref of the tick with that id. */
  readonly id: (tickId: string) => string;
  /** The refs of the ticks that are not finished, by the order of their opening. */
  readonly unfinished: string;
}

/**
 * What tells a tick from all others before it is known: its actor and cause, or its id where it has none. Encoded, so that none
 * reaches into another.
 */
export const refOf = ({ tickId, actorId, cause }: JournalTick): string =>
  cause === undefined ? `id:${encodeId(tickId)}` : `cause:${encodeId(actorId)}:${encodeId(cause)}`;

/**
 * All keys of a namespace share one hash tag, hence one slot of a Cluster: opening a tick looks at its cause, at its id and at the index of
 * what is unfinished, and does so at once. Nothing can end between two of them and leave a tick that nobody finds.
 */
export const makeKeys = (namespace: string): Keys => {
  const base = `{${encodeId(namespace)}}:journal:`;
  return {
    tick: (ref) => `${base}tick:${ref}`,
    id: (tickId) => `${base}id:${encodeId(tickId)}`,
    unfinished: `${base}unfinished`,
  };
};
