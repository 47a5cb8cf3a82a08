/** What may be said of an actor when it is spawned and when it is changed: the same in every state port. */
import { type ErrorCode, PantheonError } from '../core/errors.ts';
import type { ActorPatch, SpawnOptions } from '../core/ports.ts';
import type { ActorScript, ActorState, JsonValue } from '../core/types.ts';
import { copyMetadata } from './plain-data.ts';
import { nameProblem, textProblem } from '../core/text.ts';

/** What of an actor can change. */
export interface Changeable {
  readonly goals: readonly string[];
  readonly state: ActorState;
  readonly metadata: Readonly<Record<string, JsonValue>> | undefined;
}

/** What `spawn` was asked for, checked and copied. */
export interface Spawned {
  readonly id: string | undefined;
  readonly goals: readonly string[];
  readonly parentId: string | undefined;
  readonly metadata: Readonly<Record<string, JsonValue>> | undefined;
}

const STATES: ReadonlySet<unknown> = new Set<ActorState>([
  'idle',
  'running',
  'paused',
  'completed',
  'failed',
]);
const POLLUTING: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

const refuser =
  (code: ErrorCode) =>
  (path: string, problem: string): never => {
    throw new PantheonError(code, `${path} ${problem}; it must be JSON.`, { details: { path } });
  };

/** Refuses what is no id, by its name. */
export const requireActorId = (value: unknown, what: string): void => {
  const problem = nameProblem(value);
  if (problem !== undefined) throw new PantheonError('actor-invalid', `${what} ${problem}.`);
};

const requireGoal = (goal: unknown): string => {
  if (typeof goal !== 'string')
    throw new PantheonError('actor-invalid', `goal must be a string, not ${typeof goal}.`);
  const problem = textProblem(goal);
  if (problem !== undefined) throw new PantheonError('actor-invalid', `goal ${problem}.`);
  return goal;
};

/** Reads the arguments of `spawn`. Throws `actor-invalid`. */
export const readSpawn = (
  script: ActorScript,
  goal: string,
  { id, parentId, metadata }: SpawnOptions = {},
): Spawned => {
  if (id !== undefined) requireActorId(id, 'id');
  if (typeof script !== 'object' || script === null || typeof script.name !== 'string')
    throw new PantheonError('actor-invalid', 'spawn takes a script with a name.');
  if (parentId !== undefined) requireActorId(parentId, 'parentId');
  return {
    id,
    goals: [requireGoal(goal)],
    parentId,
    metadata:
      metadata === undefined
        ? undefined
        : copyMetadata(metadata, 'metadata', refuser('actor-invalid')),
  };
};

/** A patch that cannot be applied. */
const invalid = (path: string, problem: string): never => {
  throw new PantheonError('action-invalid', `${path} ${problem}.`, { details: { path } });
};

/** What an actor is after a patch; nothing is changed in place. Throws `action-invalid` with the path. */
export const applyPatch = (before: Changeable, patch: ActorPatch): Changeable => {
  if (typeof patch !== 'object' || patch === null) return invalid('patch', 'must be an object');
  let { goals, state, metadata } = before;
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
  for (const [index, goal] of goals.entries()) {
    const problem = textProblem(goal);
    if (problem !== undefined) invalid(`patch.goals[${index}]`, problem);
  }
  return [...goals];
};

const mergeMetadata = (
  before: Changeable['metadata'],
  patch: NonNullable<ActorPatch['metadata']>,
): Changeable['metadata'] => {
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

/** A copy of metadata that was checked before. */
export const copyOfMetadata = (
  metadata: Readonly<Record<string, JsonValue>>,
): Record<string, JsonValue> => copyMetadata(metadata, 'metadata', refuser('unexpected'));

/** The error for an id that no actor has. */
export const unknownActor = (id: unknown): PantheonError =>
  new PantheonError('actor-unknown', `There is no actor "${String(id)}".`, { details: { id } });

/** The error for a version that is no longer the actor's. */
export const staleVersion = (id: string, expectedVersion: number, version: number): PantheonError =>
  new PantheonError(
    'state-conflict',
    `The actor "${id}" has version ${version}, not ${expectedVersion}; read it again and decide anew.`,
    { retryable: true, details: { id, expectedVersion, version } },
  );
