/** A journal on Redis: what ticks did, for any number of processes. */
import { randomBytes } from 'node:crypto';
import {
  type IJournalPort,
  PantheonError,
  type RecordedTick,
  type UnfinishedTick,
} from '@promethean/pantheon-core';
import {
  inputText,
  makeTickRecord,
  nameProblem,
  requireOptionName,
  requireTick,
  requireWhole,
  tickConflict,
} from '@promethean/pantheon-core/adapter';
import { makeRedisConnection, openRedisClient, type RedisAddress } from '@promethean/redis-client';
import { makeKeys, refOf } from './keys.ts';
import { COMPLETE, HEADS, OPEN, PAGE, READ, REOPEN, STEP } from './lua.ts';
import {
  headOf,
  readMembers,
  readStep,
  recordedOf,
  statusOf,
  stepMember,
  stepTexts,
} from './stored-tick.ts';

export type { RedisAddress, RedisClient } from '@promethean/redis-client';

/** Settings of `makeRedisJournal`: one of `url`, `redis` and `client`. */
export interface RedisJournalOptions extends RedisAddress {
  /** Ticks of another namespace are out of sight. Default `pantheon`. */
  readonly namespace?: string | undefined;
  /** Milliseconds that one call (one page of `unfinished`) takes at most, connecting included. Default 5,000. */
  readonly timeoutMs?: number | undefined;
  /**
   * How long a finished tick is kept, in milliseconds: so long is a message that comes again recognised. Default 604,800,000 (seven
   * days).
   */
  readonly keepFinishedMs?: number | undefined;
  /** Accept a Redis that drops keys when its memory is full. Default `false`. */
  readonly allowEviction?: boolean | undefined;
  /** Gets what an operator should know, once: that Redis runs without `appendonly`. Default: nothing. */
  readonly onWarning?: ((sentence: string) => void) | undefined;
}

/** A journal in Redis. */
export interface RedisJournal extends IJournalPort {
  /** Connects, and resolves when Redis can be used. Otherwise the first call connects. */
  readonly ready: () => Promise<void>;
  readonly read: (tickId: string) => Promise<RecordedTick | undefined>;
  readonly close: () => Promise<void>;
}

/** Unfinished ticks that are read at a time. */
const PAGE_SIZE = 100;

const goneTick = (tickId: string): PantheonError =>
  new PantheonError(
    'unavailable',
    `The tick ${tickId} is no longer in Redis: it was finished longer ago than keepFinishedMs, or Redis has lost it. Nothing was recorded.`,
    { details: { tickId } },
  );

/** Keeps what ticks do in Redis, 6 or newer. Connects at the first call. Throws `option-invalid`. */
export const makeRedisJournal = (options: RedisJournalOptions): RedisJournal => {
  const {
    namespace = 'pantheon',
    timeoutMs = 5_000,
    keepFinishedMs = 604_800_000,
    allowEviction = false,
    onWarning,
  } = options;
  requireOptionName('namespace', namespace);
  requireWhole({ timeoutMs }, 1);
  requireWhole({ keepFinishedMs }, 0);
  const keys = makeKeys(namespace);
  const redis = makeRedisConnection(openRedisClient(options, timeoutMs), {
    port: 'journal',
    keeps: 'ticks',
    timeoutMs,
    allowEviction,
    onWarning,
  });

  const tokens = randomBytes(9).toString('base64url');
  let openings = 0;
  /** Differs from every token of every process. */
  const newToken = (): string => {
    openings += 1;
    return `${tokens}.${openings.toString(36)}`;
  };

  const open: IJournalPort['open'] = async (tick, { resume = false } = {}) => {
    requireTick(tick);
    const { tickId: wanted, actorId, cause = '' } = tick;
    const input = inputText(tick) ?? '';
    const ref = refOf(tick);
    const key = keys.tick(ref);
    const { answer } = await redis.write(
      { what: `the opening of the tick ${wanted}`, isRepeatable: true },
      OPEN,
      [key, keys.id(wanted), keys.unfinished],
      [ref, wanted, actorId, cause, input, newToken(), resume ? '1' : ''],
    );
    if (answer === 'conflict') throw tickConflict(wanted);
    const members = readMembers(answer as string[]);
    const tickId = members.get('id') as string;
    return makeTickRecord(
      { tickId, attempt: Number(members.get('attempt')), status: statusOf(members) },
      {
        known: stepTexts(members),
        write: (name, text) =>
          redis.accept(async () => {
            const { answer: recorded } = await redis.write(
              { what: `the recording of "${name}" of the tick ${tickId}`, isRepeatable: true },
              STEP,
              [key],
              [stepMember(name), text],
            );
            if (recorded === null) throw goneTick(tickId);
            return recorded === '' ? text : readStep(recorded as string).text;
          }),
        complete: (status) =>
          redis.accept(async () => {
            await redis.write(
              { what: `the completion of the tick ${tickId}`, isRepeatable: true },
              status === undefined ? REOPEN : COMPLETE,
              [key, keys.id(tickId), keys.unfinished],
              status === undefined ? [ref] : [ref, status, String(keepFinishedMs)],
            );
          }),
      },
    );
  };

  const unfinished = async (): Promise<readonly UnfinishedTick[]> => {
    const found: UnfinishedTick[] = [];
    for (let after = '0'; ;) {
      const page = (await redis.read(
        PAGE,
        [keys.unfinished],
        [after, String(PAGE_SIZE)],
      )) as string[];
      const refs = page.filter((_, at) => at % 2 === 0);
      const heads =
        refs.length === 0 ? [] : ((await redis.read(HEADS, refs.map(keys.tick))) as string[][]);
      for (const members of heads.map(readMembers)) {
        // It may have been finished a moment ago.
        if (members.has('id') && statusOf(members) === undefined) found.push(headOf(members));
      }
      if (refs.length < PAGE_SIZE) return found;
      after = page.at(-1) as string;
    }
  };

  const read = async (tickId: string): Promise<RecordedTick | undefined> => {
    // What no tick can be called is not asked for.
    if (nameProblem(tickId) !== undefined) return undefined;
    const ref = await redis.get(keys.id(tickId));
    if (ref === null) return undefined;
    const members = readMembers((await redis.read(READ, [keys.tick(ref)])) as string[]);
    return members.size === 0 ? undefined : recordedOf(members);
  };

  const { accept } = redis;
  return {
    ready: () => accept(redis.ready),
    open: (tick, openOptions) => accept(() => open(tick, openOptions)),
    unfinished: () => accept(unfinished),
    read: (tickId) => accept(() => read(tickId)),
    close: redis.close,
  };
};
