import { errorInfo, PantheonError } from '../core/errors.ts';
import type {
  DeadLetter,
  DeadLetters,
  IMessageBus,
  MessageHandler,
  Now,
  SubscribeOptions,
  Timers,
} from '../core/ports.ts';
import type { BusMessage, OutgoingMessage } from '../core/types.ts';
import { requireMessage, toBusMessage } from './bus-message.ts';
import { type Group, Groups, Lane, type Member } from './groups.ts';
import { hostNow, hostTimers } from './host.ts';
import { frozenCopy } from './plain-data.ts';
import { RecentIds } from './recent-ids.ts';
import { RunQueue } from './run-queue.ts';
import { Subscription, SubscriptionList } from './subscriptions.ts';
import { nameProblem } from './text.ts';
import { isThenable } from './thenable.ts';

/** A message and what went wrong with it. */
export interface BusFailure {
  readonly message: BusMessage;
  /** What a handler threw or rejected with, or a `PantheonError` of the bus's own. */
  readonly error: unknown;
}

/** Settings of `makeMemoryBus`. */
export interface MemoryBusOptions {
  /** Makes the ids of messages. Default: `m-<start of the bus in base 36>-<counter>`. */
  readonly newId?: (() => string) | undefined;
  /** Default: the process's wall clock. */
  readonly now?: Now | undefined;
  /** For the delays of retries. Default: the process's monotonic clock and timers. */
  readonly timers?: Timers | undefined;
  /** Bytes of UTF-8 of a message's content at most. Default 262,144. */
  readonly maxMessageBytes?: number | undefined;
  /** Deliveries to a group before a message is set aside. Default 5. */
  readonly maxDeliveries?: number | undefined;
  /** Milliseconds before the first retry; the next ones wait 5, 30 and 120 times as long. Default 1,000. */
  readonly retryDelayMs?: number | undefined;
  /** Messages whose id is remembered at least. Default 10,000. */
  readonly dedupWindow?: number | undefined;
  /** Dead letters that are kept; beyond, the oldest goes, by way of `onError`. Default 10,000. */
  readonly maxDeadLetters?: number | undefined;
  /** Messages to one recipient that a group holds before `send` rejects with `bus-full`. Default 10,000. */
  readonly capacity?: number | undefined;
  /** How long `close` waits for groups, in milliseconds. Default 5,000. */
  readonly closeTimeoutMs?: number | undefined;
  /** Gets every failed delivery, and what `close` could not deliver. Default: nothing. */
  readonly onError?: ((failure: BusFailure) => void) | undefined;
}

/**
 * A bus in this process. `close` delivers what was accepted; failed deliveries to groups are then repeated without a pause, and what is
 * still open after `closeTimeoutMs` goes to `onError` with the code `closed`.
 */
export interface MemoryBus extends IMessageBus {
  readonly deadLetters: DeadLetters;
  readonly close: () => Promise<void>;
}

const RETRY_FACTORS = [1, 5, 30, 120];
/** Beyond this many waiting messages `send` resolves only when some have been delivered. */
const HIGH_WATER = 4_096;

/** A message that a group has taken as well, so that it cannot be undeliverable. */
class Taken {
  readonly message: BusMessage;
  constructor(message: BusMessage) {
    this.message = message;
  }
}

interface KeptLetter {
  readonly letter: DeadLetter;
  /** The group that failed, which alone gets it again. */
  readonly group: string | undefined;
}

/**
 * Carries messages in this process's memory. All subscribers get one and the same message object: nobody may change it.
 *
 * A sender that is faster than the delivery is slowed down: with many messages waiting, `send` resolves later.
 */
export const makeMemoryBus = (options: MemoryBusOptions = {}): MemoryBus => {
  const {
    now = hostNow,
    timers = hostTimers,
    maxMessageBytes = 262_144,
    maxDeliveries = 5,
    retryDelayMs = 1_000,
    dedupWindow = 10_000,
    maxDeadLetters = 10_000,
    capacity = 10_000,
    closeTimeoutMs = 5_000,
    onError,
  } = options;
  requireWhole({ maxMessageBytes, maxDeliveries, capacity }, 1);
  requireWhole({ retryDelayMs, dedupWindow, maxDeadLetters, closeTimeoutMs }, 0);

  const everyone = new SubscriptionList();
  const byRecipient = new Map<string, SubscriptionList>();
  const groups = new Groups();
  /** Lanes with messages. */
  const busyLanes = new Set<Lane>();
  const recentIds = new RecentIds(dedupWindow);
  const letters: KeptLetter[] = [];
  let closing: Promise<void> | undefined;
  let onQuiet: (() => void) | undefined;
  let room: { readonly promise: Promise<void>; readonly open: () => void } | undefined;

  const report = (message: BusMessage, error: unknown): void => {
    try {
      onError?.({ message, error });
    } catch {
      // The reporter failed; there is nobody left to tell.
    }
  };

  // ----------------------------------------------------------------------------------------------------------- dead letters

  const setAside = (letter: DeadLetter, group: string | undefined): void => {
    letters.push({ letter, group });
    if (letters.length <= maxDeadLetters) return;
    const oldest = (letters.shift() as KeptLetter).letter;
    report(
      oldest.message,
      new PantheonError(
        'bus-full',
        `There are more than ${maxDeadLetters} dead letters; this one is given up.`,
      ),
    );
  };

  const setAsideUnknown = (message: BusMessage): void =>
    setAside(
      {
        message,
        reason: {
          code: 'recipient-unknown',
          message: `Nobody takes messages to "${message.to}".`,
          retryable: false,
        },
        attempts: 0,
        deadAt: now(),
      },
      undefined,
    );

  // ------------------------------------------------------------------------------------------------- plain subscriptions

  /** The message under delivery and those who get it; filled by `begin`, emptied by `step`. */
  let current: BusMessage | undefined;
  const targets: (Subscription | undefined)[] = [];
  let targetCount = 0;
  let nextTarget = 0;
  let currentLane: Lane | undefined;

  const aim = (list: SubscriptionList | undefined, number: number): void => {
    if (list === undefined) return;
    for (let one = list.first; one !== undefined; one = one.next) {
      if (one.since > number) break;
      targets[targetCount] = one;
      targetCount += 1;
    }
  };

  const begin = (entry: BusMessage | Taken | Lane): void => {
    if (entry instanceof Lane) {
      currentLane = entry;
      return;
    }
    const isTaken = entry instanceof Taken;
    const message = isTaken ? entry.message : entry;
    const number = queue.begun - 1;
    targetCount = 0;
    nextTarget = 0;
    aim(everyone, number);
    if (message.to === '*') for (const list of byRecipient.values()) aim(list, number);
    else aim(byRecipient.get(message.to), number);
    if (targetCount > 0) current = message;
    else if (!isTaken) setAsideUnknown(message);
  };

  const call = (handler: MessageHandler, message: BusMessage): void => {
    try {
      const result = handler(message);
      if (isThenable(result)) {
        Promise.resolve(result).then(undefined, (error: unknown) => report(message, error));
      }
    } catch (error) {
      report(message, error);
    }
  };

  const step = (): boolean => {
    if (currentLane !== undefined) {
      const lane = currentLane;
      currentLane = undefined;
      handle(lane);
      return true;
    }
    while (nextTarget < targetCount) {
      const target = targets[nextTarget] as Subscription;
      targets[nextTarget] = undefined;
      nextTarget += 1;
      if (!target.active) continue;
      call(target.handler, current as BusMessage);
      return true;
    }
    current = undefined;
    return false;
  };

  // ----------------------------------------------------------------------------------------------------------------- groups

  const enqueue = (lane: Lane): void => {
    lane.state = 'queued';
    lane.timer = undefined;
    queue.push(lane);
  };

  const handle = (lane: Lane): void => {
    const message = lane.waiting.first;
    if (message === undefined) return; // The bus was closed and gave it up.
    const member = lane.group.pick(lane.recipient);
    if (member === undefined) {
      lane.state = 'stranded';
      return;
    }
    lane.state = 'handling';
    try {
      const result = member.handler(message);
      if (!isThenable(result)) return acknowledge(lane, message);
      Promise.resolve(result).then(
        () => acknowledge(lane, message),
        (error: unknown) => retry(lane, message, error),
      );
    } catch (error) {
      retry(lane, message, error);
    }
  };

  const acknowledge = (lane: Lane, message: BusMessage): void => {
    if (lane.waiting.first !== message) return;
    lane.waiting.shift();
    lane.attempts = 0;
    if (lane.waiting.length > 0) return enqueue(lane);
    lane.state = 'idle';
    lane.group.lanes.delete(lane.recipient);
    busyLanes.delete(lane);
    groups.forgetIfEmpty(lane.group);
    settleIfQuiet();
  };

  const retry = (lane: Lane, message: BusMessage, error: unknown): void => {
    if (lane.waiting.first !== message) return;
    lane.attempts += 1;
    report(message, error);
    const isTerminal = PantheonError.is(error) && !error.retryable;
    if (isTerminal || lane.attempts >= maxDeliveries) {
      setAside(
        { message, reason: errorInfo(error), attempts: lane.attempts, deadAt: now() },
        lane.group.name,
      );
      return acknowledge(lane, message);
    }
    if (closing !== undefined) return enqueue(lane);
    lane.state = 'pausing';
    const factor = RETRY_FACTORS[Math.min(lane.attempts, RETRY_FACTORS.length) - 1] as number;
    lane.timer = timers.set(() => enqueue(lane), Math.min(retryDelayMs * factor, 2_147_483_647));
  };

  const hand = (group: Group, message: BusMessage): void => {
    const lane = group.lane(message.to);
    lane.waiting.push(message);
    if (lane.state !== 'idle') return;
    busyLanes.add(lane);
    enqueue(lane);
  };

  const queue: RunQueue<BusMessage | Taken | Lane> = new RunQueue(timers, {
    begin,
    step,
    onIdle: () => settleIfQuiet(),
    onTurn: () => {
      if (room === undefined || queue.length > HIGH_WATER / 2) return;
      room.open();
      room = undefined;
    },
  });

  // ------------------------------------------------------------------------------------------------------------------- send

  const prefix = `m-${now().toString(36)}-`;
  let counter = 0;
  const { newId } = options;

  /** A generated id is not stored to be recognised: its number tells whether it was given out. */
  const isRepeated = (id: string): boolean => {
    if (recentIds.has(id)) return true;
    if (newId !== undefined || !id.startsWith(prefix)) return false;
    const number = Number.parseInt(id.slice(prefix.length), 36);
    return (
      number <= counter && number > counter - dedupWindow && id === prefix + number.toString(36)
    );
  };

  const freshId = (): string => {
    if (newId === undefined) {
      counter += 1;
      return prefix + counter.toString(36);
    }
    const id = newId();
    const problem =
      nameProblem(id) ?? (recentIds.has(id) ? 'must not be an id that it made before' : undefined);
    if (problem !== undefined)
      throw new PantheonError('option-invalid', `What newId makes ${problem}: ${String(id)}.`);
    recentIds.add(id);
    return id;
  };

  /** The groups that take a message to this recipient, each with room for it. */
  const takersOf = (to: string): readonly Group[] => {
    const takers = groups.takersOf(to);
    for (const { name, lanes } of takers) {
      if ((lanes.get(to)?.waiting.length ?? 0) < capacity) continue;
      throw new PantheonError(
        'bus-full',
        `The group "${name}" holds ${capacity} messages to "${to}" already; send again later.`,
        {
          retryable: true,
          details: { group: name, to, capacity },
        },
      );
    }
    return takers;
  };

  const dispatch = (message: BusMessage, takers: readonly Group[]): void => {
    if (takers.length === 0) {
      queue.push(message);
      return;
    }
    for (const group of takers) hand(group, message);
    queue.push(new Taken(message));
  };

  const accept = (outgoing: OutgoingMessage): BusMessage => {
    if (closing !== undefined) throw closedError();
    requireMessage(outgoing, maxMessageBytes);
    const { id } = outgoing;
    if (id !== undefined && isRepeated(id)) return toBusMessage(outgoing, id, now());
    const takers = takersOf(outgoing.to);
    const message = toBusMessage(outgoing, id ?? freshId(), now());
    if (id !== undefined) recentIds.add(id);
    dispatch(message, takers);
    return message;
  };

  const whenRoom = (): Promise<void> => {
    if (room === undefined) {
      let open = (): void => undefined;
      const promise = new Promise<void>((resolve) => {
        open = resolve;
      });
      room = { promise, open };
    }
    return room.promise;
  };

  const send = (outgoing: OutgoingMessage): Promise<BusMessage> => {
    try {
      const message = accept(outgoing);
      return queue.length > HIGH_WATER ? whenRoom().then(() => message) : Promise.resolve(message);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  };

  // -------------------------------------------------------------------------------------------------------------- subscribe

  const subscribePlain = (handler: MessageHandler, to: string | undefined): (() => void) => {
    const subscription = new Subscription(handler, queue.added);
    let list = to === undefined ? everyone : byRecipient.get(to);
    if (list === undefined) {
      list = new SubscriptionList();
      byRecipient.set(to as string, list);
    }
    const joined = list;
    joined.add(subscription);
    return () => {
      if (!subscription.active) return;
      subscription.active = false;
      joined.remove(subscription);
      if (to !== undefined && joined.first === undefined) byRecipient.delete(to);
    };
  };

  const subscribeMember = (
    name: string,
    handler: MessageHandler,
    to: string | undefined,
  ): (() => void) => {
    const member: Member = { handler, to };
    const joined = groups.join(name, member);
    for (const lane of joined.lanes.values()) {
      if (lane.state === 'stranded' && joined.takes(lane.recipient)) enqueue(lane);
    }
    return () => groups.leave(joined, member);
  };

  const subscribe = (
    handler: MessageHandler,
    { group, to }: SubscribeOptions = {},
  ): (() => void) => {
    if (closing !== undefined) throw closedError();
    if (typeof handler !== 'function')
      throw new PantheonError(
        'option-invalid',
        `subscribe takes a function, not ${typeof handler}.`,
      );
    for (const [what, value] of [
      ['group', group],
      ['to', to],
    ] as const) {
      const problem = value === undefined ? undefined : nameProblem(value);
      if (problem !== undefined) throw new PantheonError('option-invalid', `${what} ${problem}.`);
    }
    return group === undefined ? subscribePlain(handler, to) : subscribeMember(group, handler, to);
  };

  // ------------------------------------------------------------------------------------------------------------------ close

  const isQuiet = (): boolean => {
    if (queue.length > 0 || current !== undefined) return false;
    for (const lane of busyLanes) if (lane.state !== 'stranded') return false;
    return true;
  };

  const settleIfQuiet = (): void => {
    if (onQuiet !== undefined && isQuiet()) onQuiet();
  };

  const finish = async (): Promise<void> => {
    for (const lane of busyLanes) {
      if (lane.state !== 'pausing') continue;
      timers.clear(lane.timer);
      enqueue(lane);
    }
    if (!isQuiet()) {
      await new Promise<void>((resolve) => {
        const deadline = timers.set(resolve, closeTimeoutMs);
        onQuiet = () => {
          timers.clear(deadline);
          resolve();
        };
      });
    }
    onQuiet = undefined;
    for (const lane of busyLanes) {
      for (const message of lane.waiting.drain()) report(message, closedError());
    }
    busyLanes.clear();
    groups.clear();
    byRecipient.clear();
    letters.length = 0;
  };

  return {
    send,
    subscribe,
    deadLetters: {
      list: async () => {
        if (closing !== undefined) throw closedError();
        return letters.map(({ letter }) => letter);
      },
      add: async (letter) => {
        if (closing !== undefined) throw closedError();
        setAside(frozenCopy(letter), undefined);
      },
      redrive: async (messageId) => {
        if (closing !== undefined) throw closedError();
        const found = letters.filter(({ letter }) => letter.message.id === messageId);
        for (const kept of found) {
          const { message } = kept.letter;
          const failed = kept.group === undefined ? undefined : groups.get(kept.group);
          if (failed === undefined) dispatch(message, takersOf(message.to));
          else hand(failed, message);
          letters.splice(letters.indexOf(kept), 1);
        }
        return found.length > 0;
      },
    },
    close: () => {
      closing ??= finish();
      return closing;
    },
  };
};

const closedError = (): PantheonError => new PantheonError('closed', 'The bus is closed.');

const requireWhole = (values: Readonly<Record<string, number>>, least: number): void => {
  for (const [name, value] of Object.entries(values)) {
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new PantheonError(
      'option-invalid',
      `${name} must be a whole number from ${least}, not ${String(value)}.`,
    );
  }
};
