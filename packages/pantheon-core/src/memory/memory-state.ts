import { type ErrorCode, PantheonError } from '../core/errors.ts';
import type { ActorFilter, ActorPatch, IActorStatePort, Now } from '../core/ports.ts';
import type { ActorRecord, ActorScript, ActorState, JsonValue } from '../core/types.ts';
import { hostNow } from './host.ts';
import { copyMetadata } from './plain-data.ts';
import { nameProblem } from './text.ts';

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

const STATES: ReadonlySet<unknown> = new Set<ActorState>([
  'idle',
  'running',
  'paused',
  'completed',
  'failed',
]);
const POLLUTING: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

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
      requireName(id, 'The id that newId made');
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
      const { id: wanted, parentId } = spawnOptions;
      if (wanted !== undefined) {
        requireName(wanted, 'id');
        const existing = actors.get(wanted);
        if (existing !== undefined) return recordOf(existing);
      }
      if (typeof script !== 'object' || script === null || typeof script.name !== 'string') {
        throw new PantheonError('actor-invalid', 'spawn takes a script with a name.');
      }
      if (typeof goal !== 'string')
        throw new PantheonError('actor-invalid', `goal must be a string, not ${typeof goal}.`);
      if (parentId !== undefined) requireName(parentId, 'parentId');
      const metadata =
        spawnOptions.metadata === undefined
          ? undefined
          : copyMetadata(spawnOptions.metadata, 'metadata', refuser('actor-invalid'));
      const actor = new Kept(wanted ?? freshId(), script, [goal], now(), parentId, metadata);
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
      if (actor === undefined)
        throw new PantheonError('actor-unknown', `There is no actor "${String(id)}".`, {
          details: { id },
        });
      if (expectedVersion !== undefined && expectedVersion !== actor.version) {
        throw new PantheonError(
          'state-conflict',
          `The actor "${id}" has version ${actor.version}, not ${expectedVersion}; read it again and decide anew.`,
          { retryable: true, details: { id, expectedVersion, version: actor.version } },
        );
      }
      // Everything that can be refused is computed before anything is written.
      const { goals, state, metadata } = readPatch(patch, actor);
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

const refuser =
  (code: ErrorCode) =>
  (path: string, problem: string): never => {
    throw new PantheonError(code, `${path} ${problem}; it must be JSON.`, { details: { path } });
  };

const requireName = (value: unknown, what: string): void => {
  const problem = nameProblem(value);
  if (problem !== undefined) throw new PantheonError('actor-invalid', `${what} ${problem}.`);
};

const copyOfMetadata = (metadata: Readonly<Record<string, JsonValue>>): Record<string, JsonValue> =>
  copyMetadata(metadata, 'metadata', refuser('unexpected'));

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

const invalid = (path: string, problem: string): never => {
  throw new PantheonError('action-invalid', `${path} ${problem}.`, { details: { path } });
};

/** What an actor's changeable members are after a patch. */
const readPatch = (patch: ActorPatch, actor: Kept): Pick<Kept, 'goals' | 'state' | 'metadata'> => {
  if (typeof patch !== 'object' || patch === null) return invalid('patch', 'must be an object');
  let { goals, state, metadata } = actor;
  for (const key of Object.keys(patch)) {
    switch (key) {
      case 'goals':
        goals = readGoals(patch.goals) ?? goals;
        break;
      case 'state':
        if (patch.state !== undefined && !STATES.has(patch.state))
          invalid('patch.state', `must be a state, not ${String(patch.state)}`);
        state = patch.state ?? state;
        break;
      case 'metadata':
        if (patch.metadata !== undefined) metadata = mergeMetadata(metadata, patch.metadata);
        break;
      default:
        invalid(`patch.${key}`, 'cannot be changed; goals, state and metadata can');
    }
  }
  return { goals, state, metadata };
};

const readGoals = (goals: unknown): readonly string[] | undefined => {
  if (goals === undefined) return undefined;
  if (!Array.isArray(goals) || !goals.every((goal) => typeof goal === 'string'))
    return invalid('patch.goals', 'must be a list of strings');
  return [...goals];
};

const mergeMetadata = (
  before: Kept['metadata'],
  patch: NonNullable<ActorPatch['metadata']>,
): Kept['metadata'] => {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) {
    return invalid('patch.metadata', 'must be an object');
  }
  const kept = Object.entries(patch).filter(([, value]) => value !== undefined);
  for (const key of Object.keys(patch)) {
    if (POLLUTING.has(key)) invalid(`patch.metadata.${key}`, 'is not a name that a patch may use');
  }
  const changes = copyMetadata(
    Object.fromEntries(kept),
    'patch.metadata',
    refuser('action-invalid'),
  );
  const merged = Object.assign(Object.create(null) as Record<string, JsonValue>, before, changes);
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined) delete merged[key];
  }
  return merged;
};
