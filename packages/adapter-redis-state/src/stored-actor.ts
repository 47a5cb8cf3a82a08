/**
 * How an actor is stored: one text, `<token of its spawn> <token of its last write> <JSON>`. The first two are its head. Every write
 * replaces the record whose head it has read, and has a token that no other write has, so that neither a version that comes
 * again (an actor removed and spawned anew, a log cut off at a crash) nor a write that is repeated is taken for something else.
 */
import {
  type ActorRecord,
  type ActorScript,
  type ActorState,
  type JsonValue,
  PantheonError,
} from '@promethean/pantheon-core';
import {
  type Changeable,
  copyOfMetadata,
  type ScriptLibrary,
  type Spawned,
} from '@promethean/pantheon-core/adapter';

/** The newest format that this package reads, and the one that it writes. */
const FORMAT = 1;

/** The JSON. Members that a newer version of this package added stay as they are. */
interface Data {
  readonly format: number;
  readonly version: number;
  readonly script: { readonly name: string; readonly version?: string | undefined };
  readonly parentId?: string | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly state: ActorState;
  readonly goals: readonly string[];
  readonly metadata?: Readonly<Record<string, JsonValue>> | undefined;
}

/** An actor as it is stored. Never changed, never handed out. */
export interface StoredActor {
  readonly id: string;
  /** The part of the text that tells which write it comes from, with a blank at its end. */
  readonly head: string;
  readonly data: Data;
}

/** What is written. */
export const textOf = ({ head, data }: StoredActor): string => head + JSON.stringify(data);

/** A new actor. */
export const storeSpawned = (
  id: string,
  { name, version }: ActorScript,
  { goals, parentId, metadata }: Spawned,
  at: number,
  token: string,
): StoredActor => ({
  id,
  head: `${token} ${token} `,
  data: {
    format: FORMAT,
    version: 1,
    script: { name, version },
    parentId,
    createdAt: at,
    updatedAt: at,
    state: 'idle',
    goals,
    metadata,
  },
});

/** The part of a head that tells which spawn it comes from. */
export const spawnOf = ({ head }: StoredActor): string => head.slice(0, head.indexOf(' ') + 1);

/** An actor after a change, one version on. */
export const storeChanged = (
  before: StoredActor,
  changed: Changeable,
  at: number,
  token: string,
): StoredActor => ({
  id: before.id,
  head: `${spawnOf(before)}${token} `,
  data: { ...before.data, ...changed, version: before.data.version + 1, updatedAt: at },
});

const refuse = (id: string, problem: string): never => {
  throw new PantheonError('option-invalid', `namespace: ${problem}`, { details: { id } });
};

/** Reads a stored text. Throws `option-invalid` for what a newer version of this package wrote, and for what is no record. */
export const readStored = (id: string, text: string): StoredActor => {
  const head = /^\S+ \S+ (?=\{)/.exec(text)?.[0] ?? '';
  let data: Data | undefined;
  try {
    data = JSON.parse(text.slice(head.length)) as Data;
  } catch {
    // Told below.
  }
  if (head === '' || typeof data?.format !== 'number')
    return refuse(
      id,
      `what is stored for the actor "${id}" is no record of this package; choose another namespace.`,
    );
  if (data.format > FORMAT)
    return refuse(
      id,
      `the actor "${id}" was stored by a newer version of this package (format ${data.format}, known ${FORMAT}); update the package here.`,
    );
  return { id, head, data };
};

/** What can be changed of an actor. */
export const changeable = ({ data: { goals, state, metadata } }: StoredActor): Changeable => ({
  goals,
  state,
  metadata,
});

/** A stored actor as callers get it. It shares nothing with what is kept. Throws `script-unknown`. */
export const toRecord = ({ id, data }: StoredActor, library: ScriptLibrary): ActorRecord => {
  const { script, goals, state, version, createdAt, updatedAt, parentId, metadata } = data;
  return {
    id,
    script: library.find(script.name, script.version),
    goals: [...goals],
    state,
    version,
    createdAt,
    updatedAt,
    ...(parentId !== undefined && { parentId }),
    ...(metadata !== undefined && { metadata: copyOfMetadata(metadata) }),
  };
};
