import type { DeadLetter } from '../core/ports.ts';

/** Dead letters, oldest first, and the group that each failed in. */
export interface DeadLetterBox {
  readonly add: (letter: DeadLetter, group?: string) => void;
  readonly list: () => readonly DeadLetter[];
  /** Takes out the letters with this message; each leaves only when `send` did not throw. */
  readonly redrive: (
    messageId: string,
    send: (letter: DeadLetter, group?: string) => void,
  ) => boolean;
  readonly clear: () => void;
}

interface Kept {
  readonly letter: DeadLetter;
  readonly group: string | undefined;
}

/** Keeps `capacity` letters; the oldest beyond goes to `onDropped`. */
export const makeDeadLetterBox = (
  capacity: number,
  onDropped: (letter: DeadLetter) => void,
): DeadLetterBox => {
  const kept: Kept[] = [];
  return {
    add: (letter, group) => {
      kept.push({ letter, group });
      if (kept.length > capacity) onDropped((kept.shift() as Kept).letter);
    },
    list: () => kept.map(({ letter }) => letter),
    redrive: (messageId, send) => {
      const found = kept.filter(({ letter }) => letter.message.id === messageId);
      for (const one of found) {
        send(one.letter, one.group);
        kept.splice(kept.indexOf(one), 1);
      }
      return found.length > 0;
    },
    clear: () => {
      kept.length = 0;
    },
  };
};
