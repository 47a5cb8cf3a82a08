/** Handles the messages of groups: takes recipients, calls handlers one message at a time, acknowledges, repeats, gives up. */
import type { BusMessage } from '@promethean/pantheon-core';
import { errorInfo, errorMessage, PantheonError } from '@promethean/pantheon-core';
import { isThenable, decodeId, retryDelay } from '@promethean/pantheon-core/adapter';
import { closedError, readFailure, unavailable } from './failure.ts';
import type { GroupMembers } from './group-members.ts';
import type { Settings } from './options.ts';
import { reportDropped } from './outbox.ts';
import type { Entry } from './plain-subscriptions.ts';
import { type Ending, fill, keyOf, type Lane, makeLane, type Taken } from './lane.ts';
import type { Link } from './redis-client.ts';
import type { Joined, Session } from './session.ts';
import type { Turns } from './turns.ts';
import { decodeMessage, encodeMessage, unreadable } from './wire.ts';
import { WORK } from './work-script.ts';

export interface GroupDeliveryOptions {
  readonly settings: Settings;
  readonly prefix: string;
  readonly link: Link;
  readonly session: Session;
  readonly members: GroupMembers;
  readonly turns: Turns;
}

/** Counters of the delivery. */
interface GroupDeliveryStats {
  /** Recipients that this process holds. */
  readonly lanes: number;
  /** Handlers that run. */
  readonly running: number;
  /** Recipients that wait for a turn or for the server. */
  readonly waiting: number;
  readonly delivered: number;
  readonly acknowledged: number;
  readonly failed: number;
  readonly dead: number;
  /** Acknowledgements that the server refused, because somebody else has the recipient. */
  readonly fenced: number;
}

export interface GroupDelivery {
  /** Looks for work, now. */
  readonly wake: () => void;
  /** Group and recipient of all that is held, flat. */
  readonly held: () => readonly string[];
  readonly onJoined: (joined: Joined) => void;
  readonly stats: () => GroupDeliveryStats;
  /** Takes nothing of these groups any more, and gives back what did not begin. */
  readonly stopTaking: (groups: readonly string[] | 'all') => void;
  /** Resolves when nothing is held and, unless taking was stopped, nothing is there to be taken. */
  readonly whenQuiet: () => Promise<void>;
  /** Ends the timers, and reports the handlers that still run. */
  readonly stop: () => void;
}

/** Recipients that one call asks for at most: what is left goes to others. */
const MAX_TAKE = 64;
/** Entries of a recipient that come with one call at most. */
const BATCH = 32;
const MAX_OPERATIONS = 512;
const RETRY_MS = 100;
const MAX_ERROR_CHARACTERS = 500;

type Result = 'lost' | readonly [removed: number, entries: readonly Entry[], held: number];
type Answer =
  | readonly ['lost' | 'again']
  | readonly ['ok', readonly Result[], readonly Taken[], number, readonly string[], number];

export const makeGroupDelivery = (options: GroupDeliveryOptions): GroupDelivery => {
  const { settings, prefix, link, session, members, turns } = options;
  const {
    leaseMs,
    concurrency,
    maxDeliveries,
    retryDelayMs,
    maxDeadLetters,
    commandTimeoutMs,
    report,
  } = settings;
  const lanes = new Map<string, Lane>();
  /** Lanes with something to tell the server. */
  let outgoing = new Set<Lane>();
  /** Lanes that wait for a renewal of the lease. */
  const parked = new Set<Lane>();
  /** Handlers that run for lanes which are lost, by key: the recipient may not be handled here before they end. */
  const stragglers = new Map<string, Promise<void>>();
  let sequence = 0;
  let isWorking = false;
  let isScheduled = false;
  /** Whether the server has this process on its list of those that wait for a ring. */
  let isIdle = false;
  let mustLook = false;
  const stoppedGroups = new Set<string>();
  let takesNothing = false;
  let isStopped = false;
  let dueTimer: ReturnType<typeof setTimeout> | undefined;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  let waiters: (() => void)[] = [];
  let running = 0;
  let delivered = 0;
  let acknowledged = 0;
  let failed = 0;
  let dead = 0;
  let fenced = 0;

  const tellQuiet = (): void => {
    if (waiters.length === 0 || lanes.size > 0 || outgoing.size > 0 || isWorking) return;
    if (!takesNothing && takeable().length > 0 && !isIdle) return;
    const told = waiters;
    waiters = [];
    for (const tell of told) tell();
  };

  const takeable = (): readonly string[] =>
    takesNothing ? [] : members.groups().filter((group) => !stoppedGroups.has(group));

  const schedule = (): void => {
    if (isScheduled || isWorking || isStopped) return;
    isScheduled = true;
    setImmediate(work);
  };

  const wake = (): void => {
    mustLook = true;
    schedule();
  };

  const tell = (lane: Lane, ending?: Ending): void => {
    if (ending !== undefined) lane.ending = ending;
    outgoing.add(lane);
    schedule();
  };

  const forget = (lane: Lane): void => {
    const key = keyOf(lane.group, lane.to);
    if (lanes.get(key) === lane) lanes.delete(key);
    outgoing.delete(lane);
    parked.delete(lane);
  };

  /** Somebody else may have the recipient: nothing of it is begun or told any more. */
  const lose = (lane: Lane): void => {
    lane.isLost = true;
    forget(lane);
    const { running: message, ended } = lane;
    if (message !== undefined && ended !== undefined) {
      const key = keyOf(lane.group, lane.to);
      stragglers.set(key, ended);
      void ended.then(() => {
        if (stragglers.get(key) === ended) stragglers.delete(key);
      });
    }
    if (message === undefined && lane.done.length > 0 && !lane.isDoubtful)
      noteFenced(lane, lane.done.length);
  };

  const noteFenced = (lane: Lane, count: number, message?: BusMessage): void => {
    fenced += count;
    report(
      new PantheonError(
        'unavailable',
        `This process lost its lease while it handled messages to "${decodeId(lane.to)}" in the group "${decodeId(lane.group)}"; they are handled again by another member.`,
        { retryable: true, details: { group: decodeId(lane.group), to: decodeId(lane.to) } },
      ),
      message,
    );
  };

  // ---------------------------------------------------------------------------------------------------------------- handlers

  const advance = (lane: Lane): void => turns.push(() => step(lane));

  const step = (lane: Lane): void => {
    if (lane.isLost || lane.running !== undefined || lane.ending !== undefined || isStopped) return;
    const entry = lane.entries[lane.next];
    if (entry === undefined) return tell(lane, { kind: 'm', extra: [] });
    const mayTake = !takesNothing && !stoppedGroups.has(lane.group);
    const handler = mayTake ? members.pick(lane.group, lane.to) : undefined;
    if (handler === undefined) return tell(lane, { kind: 'x', extra: [] });
    if (!session.mayStart()) return void parked.add(lane);
    const [id, fields] = entry;
    const text = fields[0] === 'm' ? fields[1] : undefined;
    let message: BusMessage;
    try {
      message = decodeMessage(text);
    } catch (error) {
      return bury(lane, id, unreadable(id, decodeId(lane.to), text), error, lane.attempts, true);
    }
    if (lane.attempts >= maxDeliveries) {
      const why =
        lane.problem === '' ? 'the member that handled it ended without an answer' : lane.problem;
      const error = new PantheonError(
        'deliveries-exceeded',
        `Given up after ${lane.attempts} deliveries: ${why}.`,
      );
      return bury(lane, id, message, error, lane.attempts, false);
    }
    begin(lane, id, message, handler);
  };

  const begin = (
    lane: Lane,
    id: string,
    message: BusMessage,
    handler: (message: BusMessage) => unknown,
  ): void => {
    lane.running = message;
    running += 1;
    delivered += 1;
    let result: unknown;
    try {
      result = handler(message);
    } catch (error) {
      return end(lane, id, message, { error });
    }
    if (!isThenable(result)) return end(lane, id, message, undefined);
    const ended = Promise.resolve(result).then(
      () => end(lane, id, message, undefined),
      (error: unknown) => end(lane, id, message, { error }),
    );
    lane.ended = ended;
  };

  const end = (
    lane: Lane,
    id: string,
    message: BusMessage,
    failure: { readonly error: unknown } | undefined,
  ): void => {
    lane.running = undefined;
    running -= 1;
    if (failure !== undefined) {
      failed += 1;
      report(failure.error, message);
    }
    if (lane.isLost) {
      if (failure === undefined && !isStopped) noteFenced(lane, 1, message);
      return;
    }
    if (failure === undefined) {
      lane.done.push(id);
      lane.next += 1;
      lane.attempts = 0;
      outgoing.add(lane);
      schedule();
      advance(lane);
      return;
    }
    const { error } = failure;
    const attempts = lane.attempts + 1;
    if ((PantheonError.is(error) && !error.retryable) || attempts >= maxDeliveries)
      return bury(lane, id, message, error, attempts, false);
    const problem = errorMessage(error).slice(0, MAX_ERROR_CHARACTERS);
    const firstFailure = lane.firstFailure > 0 ? lane.firstFailure : Date.now();
    const delay = retryDelay(attempts, retryDelayMs);
    tell(lane, { kind: 'r', extra: [id, attempts, firstFailure, problem, delay] });
  };

  const bury = (
    lane: Lane,
    id: string,
    message: BusMessage,
    error: unknown,
    attempts: number,
    isUnreadable: boolean,
  ): void => {
    dead += 1;
    if (isUnreadable) report(error, message);
    const wire = isUnreadable ? encodeMessage(message) : '';
    const reason = JSON.stringify(errorInfo(error)).replaceAll('\uFFFD', '\\ufffd');
    tell(lane, { kind: 'd', extra: [id, message.id, wire, reason, attempts] });
  };

  // ------------------------------------------------------------------------------------------------------------------ server

  const onResult = (lane: Lane, told: Told, result: Result): void => {
    if (result === 'lost') {
      // After a call with an unknown outcome the first one may have been it that gave the recipient back.
      lane.isDoubtful ||= told.isDoubtful;
      lane.done = [...told.done];
      return lose(lane);
    }
    const [removed, entries, held] = result;
    acknowledged += removed;
    if (removed < told.done.length && !told.isDoubtful) {
      report(
        new PantheonError(
          'outcome-unknown',
          `${told.done.length - removed} messages to "${decodeId(lane.to)}" in the group "${decodeId(lane.group)}" were deleted from Redis by somebody else.`,
        ),
      );
    }
    lane.isDoubtful = false;
    if (told.ending === undefined) return;
    if (held === 0) return forget(lane);
    lane.ending = undefined;
    fill(lane, entries);
    advance(lane);
  };

  const onTaken = (taken: Taken): void => {
    const lane = makeLane(taken);
    const { group, to } = lane;
    const key = keyOf(group, to);
    lanes.set(key, lane);
    const straggler = stragglers.get(key);
    if (straggler === undefined) advance(lane);
    else void straggler.then(() => advance(lane));
  };

  interface Told {
    readonly lane: Lane;
    readonly done: readonly string[];
    readonly ending: Ending | undefined;
    readonly isDoubtful: boolean;
  }

  const collect = (): readonly Told[] => {
    const told: Told[] = [];
    for (const lane of outgoing) {
      if (told.length === MAX_OPERATIONS) break;
      outgoing.delete(lane);
      told.push({ lane, done: lane.done, ending: lane.ending, isDoubtful: lane.isDoubtful });
      lane.done = [];
    }
    return told;
  };

  /** How many recipients of each group are held here, where the call has a use for it. */
  const countHolds = (told: readonly Told[]): ReadonlyMap<string, number> => {
    const holds = new Map<string, number>();
    if (told.every(({ ending }) => ending?.kind !== 'm')) return holds;
    for (const { group } of lanes.values()) holds.set(group, (holds.get(group) ?? 0) + 1);
    return holds;
  };

  /** A call that failed: what it told is told again, before what came since. */
  const restore = (told: readonly Told[], isDoubtful: boolean): void => {
    for (const { lane, done } of told) {
      if (lane.isLost) continue;
      lane.done = [...done, ...lane.done];
      lane.isDoubtful ||= isDoubtful;
      outgoing.add(lane);
    }
  };

  const work = (): void => {
    isScheduled = false;
    if (isWorking || isStopped || !session.isJoined()) return;
    const groups = takeable();
    const room = Math.min(concurrency - lanes.size, MAX_TAKE);
    const want = mustLook && groups.length > 0 ? Math.max(0, room) : 0;
    if (outgoing.size === 0 && want === 0) return tellQuiet();
    const told = collect();
    if (want > 0) mustLook = false;
    sequence += 1;
    const isCrowded = lanes.size >= concurrency ? 1 : 0;
    // Another group comes first each time, so that none is always last.
    const shift = groups.length === 0 ? 0 : sequence % groups.length;
    const args: (string | number)[] = [
      session.token(),
      leaseMs,
      sequence,
      want,
      BATCH,
      maxDeadLetters,
      isCrowded,
    ];
    args.push(groups.length, ...groups.slice(shift), ...groups.slice(0, shift));
    const holds = countHolds(told);
    for (const { lane, done, ending } of told) {
      args.push(lane.group, lane.to, ending?.kind ?? 'a', done.length, ...done);
      if (ending?.kind === 'm') args.push(holds.get(lane.group) ?? 0);
      else if (ending !== undefined) args.push(...ending.extra);
    }
    isWorking = true;
    const sentAt = performance.now();
    const guard = setTimeout(
      () => link.reset(new Error(`Redis did not answer within ${commandTimeoutMs} ms`)),
      commandTimeoutMs,
    );
    link.run(WORK, prefix, args).then(
      (answer) => {
        clearTimeout(guard);
        isWorking = false;
        onAnswer(told, want, sentAt, answer as Answer);
      },
      (error: unknown) => {
        clearTimeout(guard);
        isWorking = false;
        mustLook ||= want > 0;
        const { kind, isServer } = readFailure(error);
        restore(told, kind === 'unknown');
        if (kind === 'unknown' || isServer) return link.reset(error);
        if (kind === 'refused')
          report(unavailable('Redis refused to hand out or acknowledge messages', error));
        clearTimeout(retryTimer);
        retryTimer = setTimeout(schedule, RETRY_MS);
      },
    );
  };

  const onAnswer = (told: readonly Told[], want: number, sentAt: number, answer: Answer): void => {
    if (answer[0] !== 'ok') {
      mustLook ||= want > 0;
      restore(told, answer[0] === 'again');
      // `again`: the client made the call twice behind our back; a new token tells what we hold.
      session.lost(link);
      return;
    }
    session.renewed(sentAt);
    const [, results, taken, due, dropped, more] = answer;
    for (const [index, one] of told.entries()) onResult(one.lane, one, results[index] as Result);
    for (const one of taken) onTaken(one);
    reportDropped(dropped, maxDeadLetters, report);
    if (want > 0) {
      isIdle = taken.length < want && more === 0;
      if (!isIdle) mustLook = true;
    } else if (!isIdle && lanes.size < concurrency) mustLook = true;
    clearTimeout(dueTimer);
    if (due >= 0) dueTimer = setTimeout(wake, Math.min(due + 1, 2_147_483_647));
    resume();
    if (mustLook || outgoing.size > 0) schedule();
    tellQuiet();
  };

  const resume = (): void => {
    if (parked.size === 0 || !session.mayStart()) return;
    const waiting = [...parked];
    parked.clear();
    for (const lane of waiting) advance(lane);
  };

  return {
    wake: () => {
      resume();
      wake();
    },
    held: () => Array.from(lanes.values()).flatMap(({ group, to }) => [group, to]),
    onJoined: ({ kept }) => {
      sequence = 0;
      isIdle = false;
      for (const [key, lane] of lanes) if (!kept.has(key)) lose(lane);
      resume();
      wake();
    },
    stats: () => ({
      lanes: lanes.size,
      running,
      waiting:
        (isWorking || isScheduled ? 1 : 0) +
        Array.from(lanes.values()).filter(
          (lane) => lane.running === undefined || outgoing.has(lane),
        ).length,
      delivered,
      acknowledged,
      failed,
      dead,
      fenced,
    }),
    stopTaking: (groups) => {
      if (groups === 'all') takesNothing = true;
      else for (const group of groups) stoppedGroups.add(group);
      for (const lane of lanes.values()) if (lane.running === undefined) advance(lane);
      parked.clear();
    },
    whenQuiet: () =>
      new Promise((resolve) => {
        waiters.push(resolve);
        wake();
      }),
    stop: () => {
      isStopped = true;
      clearTimeout(dueTimer);
      clearTimeout(retryTimer);
      for (const { running: message } of lanes.values())
        if (message !== undefined) report(closedError(), message);
      lanes.clear();
      outgoing = new Set();
    },
  };
};
