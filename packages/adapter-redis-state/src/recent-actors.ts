import type { StoredActor } from './stored-actor.ts';

/** The actors that were seen last: a guess at what is stored, which saves reading it before it is replaced. */
export interface RecentActors {
  readonly get: (id: string) => StoredActor | undefined;
  /** `length` is that of its text; a long one is not kept. */
  readonly note: (actor: StoredActor, length: number) => void;
  readonly forget: (id: string) => void;
  readonly clear: () => void;
}

const MAX_ACTORS = 1_000;
const MAX_LENGTH = 8_192;

export const makeRecentActors = (): RecentActors => {
  const actors = new Map<string, StoredActor>();
  return {
    get: (id) => actors.get(id),
    note: (actor, length) => {
      actors.delete(actor.id);
      if (length > MAX_LENGTH) return;
      actors.set(actor.id, actor);
      if (actors.size > MAX_ACTORS) actors.delete(actors.keys().next().value as string);
    },
    forget: (id) => void actors.delete(id),
    clear: () => actors.clear(),
  };
};
