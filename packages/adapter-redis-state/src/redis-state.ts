import { randomBytes, randomUUID } from 'node:crypto';
import {
  type ActorFilter,
  type ActorPatch,
  type ActorRecord,
  type ActorScript,
  type ActorState,
  type IActorStatePort,
  type Now,
  PantheonError,
} from '@promethean/pantheon-core';
import {
  applyPatch,
  decodeId,
  encodeId,
  isLongerThan,
  makeScriptLibrary,
  nameProblem,
  readSpawn,
  requireActorId,
  requireOptionName,
  requireWhole,
  staleVersion,
  contentProblem,
  textProblem,
  unknownActor,
} from '@promethean/pantheon-core/adapter';
import {
  makeRedisConnection,
  openRedisClient,
  outcomeUnknown,
  type RedisAddress,
} from '@promethean/redis-client';
import { makeKeys } from './keys.ts';
import { NARROWEST, PAGE, REMOVE, REPLACE, SPAWN } from './lua.ts';
import { makeRecentActors } from './recent-actors.ts';
import {
  changeable,
  readStored,
  spawnOf,
  type StoredActor,
  storeChanged,
  storeSpawned,
  textOf,
  toRecord,
} from './stored-actor.ts';
import { makeTurns } from './turns.ts';

export type { RedisAddress, RedisClient as RedisStateClient } from '@promethean/redis-client';

/** Settings of `makeRedisState`: one of `url`, `redis` and `client`, and the scripts. */
export interface RedisStateOptions extends RedisAddress {
  /** The scripts that stored actors may follow. They are found again by name and version. */
  readonly scripts: readonly ActorScript[];
  /** Actors of another namespace are out of sight. Default `pantheon`. */
  readonly namespace?: string | undefined;
  /** Milliseconds that one call (one page of a list) takes at most, connecting included. Default 5,000. */
  readonly timeoutMs?: number | undefined;
  /** Bytes of one stored actor at most. Default 1,048,576. */
  readonly maxRecordBytes?: number | undefined;
  /** Accept a Redis that drops keys when its memory is full. Default `false`. */
  readonly allowEviction?: boolean | undefined;
  /** The clock of `createdAt` and `updatedAt`. Default: the process's wall clock. */
  readonly now?: Now | undefined;
  /** Makes the ids of new actors. Default: a random UUID. */
  readonly newId?: (() => string) | undefined;
}

/** Actors in Redis. */
export interface RedisState extends IActorStatePort {
  /** Connects, and resolves when Redis can be used. Otherwise the first call connects. */
  readonly ready: () => Promise<void>;
  readonly remove: (id: string) => Promise<boolean>;
  readonly close: () => Promise<void>;
}

const STATES: readonly ActorState[] = ['idle', 'running', 'paused', 'completed', 'failed'];
/** Actors that are read at a time while listing. */
const PAGE_SIZE = 100;

/** Keeps actors in Redis, 6 or newer. Connects at the first call. Throws `option-invalid`. */
export const makeRedisState = (options: RedisStateOptions): RedisState => {
  const {
    namespace = 'pantheon',
    timeoutMs = 5_000,
    maxRecordBytes = 1_048_576,
    allowEviction = false,
    now = Date.now,
    newId = randomUUID,
  } = options;
  requireOptionName('namespace', namespace);
  requireWhole({ timeoutMs, maxRecordBytes }, 1);
  const library = makeScriptLibrary(options.scripts);
  for (const { name } of options.scripts) {
    const problem = textProblem(name);
    if (problem !== undefined)
      throw new PantheonError('option-invalid', `scripts: the name of a script ${problem}.`);
  }
  const keys = makeKeys(namespace);
  const redis = makeRedisConnection(openRedisClient(options, timeoutMs), {
    port: 'state port',
    keeps: 'actors',
    timeoutMs,
    allowEviction,
  });
  const recent = makeRecentActors();
  const turns = makeTurns();

  const tokens = randomBytes(9).toString('base64url');
  let written = 0;
  /** Differs from every token of every process. */
  const newToken = (): string => {
    written += 1;
    return `${tokens}.${written.toString(36)}`;
  };

  /** Reads a stored text, and notes it. */
  const noteText = (id: string, text: string | undefined): StoredActor | undefined => {
    recent.forget(id);
    if (text === undefined) return undefined;
    const actor = readStored(id, text);
    recent.note(actor, text.length);
    return actor;
  };

  const read = async (id: string): Promise<StoredActor | undefined> => {
    // What no actor can be called is not asked for.
    if (nameProblem(id) !== undefined) return undefined;
    const text = (await redis.get(keys.actor(id))) ?? undefined;
    return noteText(id, text);
  };

  const get = async (id: string): Promise<ActorRecord | undefined> => {
    const stored = await read(id);
    return stored === undefined ? undefined : toRecord(stored, library);
  };

  const requireSize = (
    id: string,
    text: string,
    code: 'actor-invalid' | 'action-invalid',
  ): void => {
    if (!isLongerThan(text, maxRecordBytes)) return;
    throw new PantheonError(
      code,
      `The actor "${id}" would have more than ${maxRecordBytes} bytes (maxRecordBytes); keep large data elsewhere, and a reference to it here.`,
      { details: { id, maxRecordBytes } },
    );
  };

  const spawn: IActorStatePort['spawn'] = async (script, goal, spawnOptions = {}) => {
    const { id: wanted } = spawnOptions;
    let spawned;
    try {
      library.require(script);
      spawned = readSpawn(script, goal, spawnOptions);
    } catch (error) {
      // An actor that exists is found whatever else was asked for.
      const existing = wanted === undefined ? undefined : await get(wanted);
      if (existing !== undefined) return existing;
      throw error;
    }
    const { parentId } = spawned;
    const indexes = [keys.all, keys.byState('idle'), keys.byScript(script.name)];
    if (parentId !== undefined) indexes.push(keys.byParent(parentId));
    const token = newToken();
    for (;;) {
      const id = wanted ?? newId();
      requireActorId(id, 'The id that newId made');
      const fresh = storeSpawned(id, script, spawned, now(), token);
      const text = textOf(fresh);
      requireSize(id, text, 'actor-invalid');
      const { answer } = await redis.write(
        { what: `the spawn of "${id}"`, isRepeatable: wanted !== undefined },
        SPAWN,
        [keys.actor(id), ...indexes],
        [text, encodeId(id)],
      );
      const actor = answer === null ? fresh : readStored(id, answer as string);
      recent.note(actor, text.length);
      // With the same spawn it is ours: an answer was lost.
      if (wanted !== undefined || spawnOf(actor) === spawnOf(fresh))
        return toRecord(actor, library);
    }
  };

  const change = async (
    id: string,
    patch: ActorPatch,
    expectedVersion: number | undefined,
  ): Promise<ActorRecord> => {
    const write = { what: `the update of "${id}"`, isRepeatable: expectedVersion !== undefined };
    const deadline = performance.now() + timeoutMs;
    const isStale = (actor: StoredActor): boolean =>
      expectedVersion !== undefined && actor.data.version !== expectedVersion;

    let before = recent.get(id);
    if (before === undefined || isStale(before)) before = await read(id);
    for (;;) {
      if (before === undefined) throw unknownActor(id);
      if (isStale(before)) throw staleVersion(id, expectedVersion as number, before.data.version);
      const after = storeChanged(before, applyPatch(changeable(before), patch), now(), newToken());
      const text = textOf(after);
      requireSize(id, text, 'action-invalid');
      // Made before anything is written: an actor whose script is unknown is not changed.
      const record = toRecord(after, library);
      const touched = [keys.actor(id)];
      const args = [before.head, after.head, text];
      if (before.data.state !== after.data.state) {
        touched.push(keys.all, keys.byState(before.data.state), keys.byState(after.data.state));
        args.push(encodeId(id));
      }
      const { answer, isRepeated } = await redis.write(write, REPLACE, touched, args);
      if (answer === '') {
        recent.note(after, text.length);
        return record;
      }
      before = noteText(id, (answer as string | null) ?? undefined);
      // Others have written since an attempt whose answer was lost: theirs may cover ours.
      if (isRepeated) throw outcomeUnknown(write);
      if (performance.now() > deadline)
        throw new PantheonError(
          'state-conflict',
          `The actor "${id}" was changed by other processes all the time for ${timeoutMs} ms; try again.`,
          { retryable: true, details: { id } },
        );
    }
  };

  const update: IActorStatePort['update'] = async (id, patch, { expectedVersion } = {}) => {
    if (nameProblem(id) !== undefined) throw unknownActor(id);
    // In turns within this process, so that its updates do not make each other try again.
    return turns(id, () => change(id, patch, expectedVersion));
  };

  /** Yields the actors of an index in the order of their creation, up to the one that was the last at the beginning. */
  async function* actorsOf(index: string, last: string): AsyncGenerator<StoredActor> {
    for (let after = '0'; ;) {
      const page = (await redis.read(PAGE, [index], [after, last, String(PAGE_SIZE)])) as string[];
      const ids = page.filter((_, at) => at % 2 === 0).map(decodeId);
      const texts = ids.length === 0 ? [] : await redis.mget(ids.map(keys.actor));
      for (const [at, text] of texts.entries()) {
        // It may have been removed a moment ago.
        if (text !== null) yield readStored(ids[at] as string, text);
      }
      if (ids.length < PAGE_SIZE) return;
      after = page.at(-1) as string;
    }
  }

  const list = async ({
    parentId,
    state,
    script,
  }: ActorFilter): Promise<readonly ActorRecord[]> => {
    // What no actor can have is not asked for.
    if (parentId !== undefined && nameProblem(parentId) !== undefined) return [];
    if (script !== undefined && contentProblem(script) !== undefined) return [];
    const indexes = [
      ...(parentId === undefined ? [] : [keys.byParent(parentId)]),
      ...(state === undefined ? [] : [keys.byState(state)]),
      ...(script === undefined ? [] : [keys.byScript(script)]),
    ];
    const candidates = indexes.length === 0 ? [keys.all] : indexes;
    const [best, last] = (await redis.read(NARROWEST, candidates)) as [string, string];
    const found: ActorRecord[] = [];
    for await (const actor of actorsOf(candidates[Number(best) - 1] as string, last)) {
      const { data } = actor;
      const matches =
        (parentId === undefined || data.parentId === parentId) &&
        (state === undefined || data.state === state) &&
        (script === undefined || data.script.name === script);
      if (matches) found.push(toRecord(actor, library));
    }
    return found;
  };

  const remove = async (id: string): Promise<boolean> => {
    for (;;) {
      const actor = await read(id);
      if (actor === undefined) return false;
      const { parentId, script } = actor.data;
      recent.forget(id);
      const { answer, isRepeated } = await redis.write(
        { what: `the removal of "${id}"`, isRepeatable: true },
        REMOVE,
        [
          keys.actor(id),
          keys.all,
          ...STATES.map(keys.byState),
          keys.byScript(script.name),
          ...(parentId === undefined ? [] : [keys.byParent(parentId)]),
        ],
        [spawnOf(actor), encodeId(id)],
      );
      // Where an answer was lost, the actor that was there is gone as well.
      if (answer === 'removed' || isRepeated) return true;
      if (answer === 'absent') return false;
    }
  };

  const { accept } = redis;
  return {
    ready: () => accept(redis.ready),
    spawn: (script, goal, spawnOptions) => accept(() => spawn(script, goal, spawnOptions)),
    list: (filter = {}) => accept(() => list(filter)),
    get: (id) => accept(() => get(id)),
    update: (id, patch, updateOptions) => accept(() => update(id, patch, updateOptions)),
    remove: (id) => accept(() => remove(id)),
    close: async () => {
      await redis.close();
      recent.clear();
    },
  };
};
