import { PantheonError } from '../core/errors.ts';
import { nameProblem } from '../core/text.ts';

/** Gives out ids, and recognises those of the last messages. */
export interface MessageIds {
  /** An id that no message of the window has. */
  readonly fresh: () => string;
  /** Whether a message of the window has this id. */
  readonly has: (id: string) => boolean;
  /** Takes an id that a sender chose into the window. */
  readonly remember: (id: string) => void;
}

/**
 * Remembers at least `window` ids, and at most twice as many: two sets take turns, so that forgetting costs nothing. Without `newId` the
 * ids are numbered, and not stored: the number tells whether it was given out.
 */
export const makeMessageIds = (
  prefix: string,
  window: number,
  newId?: () => string,
): MessageIds => {
  let counter = 0;
  let young = new Set<string>();
  let old = new Set<string>();

  const isNumbered = (id: string): boolean => {
    if (newId !== undefined || !id.startsWith(prefix)) return false;
    const number = Number(id.slice(prefix.length));
    return (
      number > Math.max(0, counter - window) && number <= counter && id === `${prefix}${number}`
    );
  };

  const has = (id: string): boolean => young.has(id) || old.has(id) || isNumbered(id);

  const remember = (id: string): void => {
    if (window === 0) return;
    if (young.size >= window) {
      old = young;
      young = new Set();
    }
    young.add(id);
  };

  return {
    has,
    remember,
    fresh: () => {
      if (newId === undefined) {
        counter += 1;
        return `${prefix}${counter}`;
      }
      const id = newId();
      const problem =
        nameProblem(id) ?? (has(id) ? 'must not be one that it made before' : undefined);
      if (problem !== undefined) {
        throw new PantheonError(
          'option-invalid',
          `An id that newId makes ${problem}: ${String(id)}.`,
        );
      }
      remember(id);
      return id;
    },
  };
};
