import {
  applyPatch,
  copyOfMetadata,
  readSpawn,
  requireActorId,
  staleVersion,
  unknownActor,
} from '../adapter/actor-changes.ts';
import { PantheonError } from '../core/errors.ts';
import type { ActorFilter, IActorStatePort, Now } from '../core/ports.ts';
import type { ActorRecord, ActorScript, ActorState, JsonValue } from '../core/types.ts';
import { hostNow } from './host.ts';

/** Settings of `makeMemoryState`. */
export interface MemoryStateOptions {
  /** Default: the process's wall clock. */
  readonly now?: Now | undefined;
  /** Makes the ids of new actors. Default: `a-<start of the port in base 36>-<counter>`. */
  readonly newId?: (() => string) | undefined;
}

/** Actors in this process; they are gone when it ends. */
export interface MemoryState extends IActorStatePort {
  readonly remove: (id: string) => Promise<boolean>;
  readonly close: () => Promise<void>;
}

/** What is kept of an actor. A class, because a hundred thousand of one shape are small. */
class Kept {
  readonly id: string;
  readonly script: ActorScript;
  goals: readonly string[];
  state: ActorState = 'idle';
  version = 1;
  readonly parentId: string | undefined;
  readonly createdAt: number;
  updatedAt: number;
  metadata: Readonly<Record<string, JsonValue>> | undefined;

  constructor(
    id: string,
    script: ActorScript,
    goals: readonly string[],
    at: number,
    parentId: string | undefined,
    metadata: Readonly<Record<string, JsonValue>> | undefined,
  ) {
    this.id = id;
    this.script = script;
    this.goals = goals;
    this.createdAt = at;
    this.updatedAt = at;
    this.parentId = parentId;
    this.metadata = metadata;
  }
}

/** Keeps actors in a map. Scripts are shared by reference; everything else is copied on its way in and out. */
export const makeMemoryState = (options: MemoryStateOptions = {}): MemoryState => {
  const { now = hostNow } = options;
  const prefix = `a-${now().toString(36)}-`;
  let counter = 0;
  const newId =
    options.newId ??
    (() => {
      counter += 1;
      return `${prefix}${counter.toString(36)}`;
    });

  const actors = new Map<string, Kept>();
  const children = new Map<string, Set<string>>();
  let closed = false;
  const requireOpen = (): void => {
    if (closed) throw new PantheonError('closed', 'The state port is closed.');
  };

  const freshId = (): string => {
    for (;;) {
      const id = newId();
      requireActorId(id, 'The id that newId made');
      if (!actors.has(id)) return id;
    }
  };

  const matching = (filter: ActorFilter): readonly Kept[] => {
    const { parentId, state, script } = filter;
    const candidates =
      parentId === undefined
        ? Array.from(actors.values())
        : Array.from(children.get(parentId) ?? [], (id) => actors.get(id) as Kept);
    return candidates.filter(
      (actor) =>
        (state === undefined || actor.state === state) &&
        (script === undefined || actor.script.name === script),
    );
  };

  return {
    spawn: async (script, goal, spawnOptions = {}) => {
      requireOpen();
      const { id: wanted } = spawnOptions;
      if (wanted !== undefined) {
        requireActorId(wanted, 'id');
        const existing = actors.get(wanted);
        if (existing !== undefined) return recordOf(existing);
      }
      const { goals, parentId, metadata } = readSpawn(script, goal, spawnOptions);
      const actor = new Kept(wanted ?? freshId(), script, goals, now(), parentId, metadata);
      actors.set(actor.id, actor);
      if (parentId !== undefined) {
        const siblings = children.get(parentId);
        if (siblings === undefined) children.set(parentId, new Set([actor.id]));
        else siblings.add(actor.id);
      }
      return recordOf(actor);
    },

    list: async (filter = {}) => {
      requireOpen();
      return matching(filter).map(recordOf);
    },

    get: async (id) => {
      requireOpen();
      const actor = actors.get(id);
      return actor === undefined ? undefined : recordOf(actor);
    },

    update: async (id, patch, { expectedVersion } = {}) => {
      requireOpen();
      const actor = actors.get(id);
      if (actor === undefined) throw unknownActor(id);
      if (expectedVersion !== undefined && expectedVersion !== actor.version)
        throw staleVersion(id, expectedVersion, actor.version);
      // Everything that can be refused is computed before anything is written.
      const { goals, state, metadata } = applyPatch(actor, patch);
      actor.goals = goals;
      actor.state = state;
      actor.metadata = metadata;
      actor.version += 1;
      actor.updatedAt = now();
      return recordOf(actor);
    },

    remove: async (id) => {
      requireOpen();
      const actor = actors.get(id);
      if (actor === undefined) return false;
      actors.delete(id);
      if (actor.parentId !== undefined) {
        const siblings = children.get(actor.parentId);
        siblings?.delete(id);
        if (siblings?.size === 0) children.delete(actor.parentId);
      }
      return true;
    },

    close: async () => {
      closed = true;
      actors.clear();
      children.clear();
    },
  };
};

const recordOf = (actor: Kept): ActorRecord => ({
  id: actor.id,
  script: actor.script,
  goals: [...actor.goals],
  state: actor.state,
  version: actor.version,
  createdAt: actor.createdAt,
  updatedAt: actor.updatedAt,
  ...(actor.parentId !== undefined && { parentId: actor.parentId }),
  ...(actor.metadata !== undefined && { metadata: copyOfMetadata(actor.metadata) }),
});
