import { errorInfo, PantheonError } from '../core/errors.ts';
import type {
  DeadLetters,
  IMessageBus,
  MessageHandler,
  Now,
  SubscribeOptions,
  Timers,
} from '../core/ports.ts';
import type { BusMessage, OutgoingMessage } from '../core/types.ts';
import { requireMessage, toBusMessage } from '../adapter/bus-message.ts';
import { makeDeadLetterBox } from './dead-letter-box.ts';
import { makeGroupDelivery } from './group-delivery.ts';
import { type Group, Lane } from './groups.ts';
import { hostTimers } from '../adapter/host-timers.ts';
import { hostNow } from './host.ts';
import { makeMessageIds } from './message-ids.ts';
import { frozenCopy } from './frozen-copy.ts';
import { RunQueue } from './run-queue.ts';
import { Subscription, SubscriptionList } from './subscriptions.ts';
import { requireOptionName, requireWhole } from '../adapter/options.ts';
import { isThenable } from '../core/thenable.ts';

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
  /** Gets every failed delivery, and what the bus had to give up. Default: nothing. */
  readonly onError?: ((failure: BusFailure) => void) | undefined;
}

/**
 * A bus in this process. `close` delivers what was accepted; failed deliveries to groups are then repeated without a pause, and what is
 * not handled after `closeTimeoutMs` goes to `onError` with the code `closed`.
 */
export interface MemoryBus extends IMessageBus {
  readonly deadLetters: DeadLetters;
  readonly close: () => Promise<void>;
}

/** Beyond this many waiting messages `send` resolves only when half of them have been delivered. */
const HIGH_WATER = 4_096;

/** A message that a group has taken as well, so that it cannot be undeliverable. */
class Taken {
  readonly message: BusMessage;
  constructor(message: BusMessage) {
    this.message = message;
  }
}

/**
 * Carries messages in this process's memory. All subscribers get one and the same message, frozen: what one of them did to it would be the next one's message.
 *
 * - A sender that is faster than the delivery is slowed down: while many messages wait, `send` resolves later.
 * - A group whose last member leaves keeps what it accepted for its next member.
 * - A dead letter that a group gave up is redriven to that group alone.
 */
export const makeMemoryBus = (options: MemoryBusOptions = {}): MemoryBus => {
  const {
    newId,
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

  const report = (message: BusMessage, error: unknown): void => {
    try {
      onError?.({ message, error });
    } catch {
      // The reporter failed; there is nobody left to tell.
    }
  };

  const everyone = new SubscriptionList();
  const byRecipient = new Map<string, SubscriptionList>();
  const ids = makeMessageIds(`m-${now().toString(36)}-`, dedupWindow, newId);
  const letters = makeDeadLetterBox(maxDeadLetters, ({ message }) =>
    report(
      message,
      new PantheonError(
        'bus-full',
        `There are more than ${maxDeadLetters} dead letters; this one is given up.`,
      ),
    ),
  );
  let closing: Promise<void> | undefined;
  let onQuiet: (() => void) | undefined;
  const requireOpen = (): void => {
    if (closing !== undefined) throw closedError();
  };

  // ------------------------------------------------------------------------------------------------------------- deliveries

  /** The message under delivery and those who get it; filled by `begin`, emptied by `step`. */
  let current: BusMessage | undefined;
  const targets: (Subscription | undefined)[] = [];
  let targetCount = 0;
  let nextTarget = 0;
  let currentLane: Lane | undefined;

  const aim = (list: SubscriptionList | undefined, number: number): void => {
    if (list === undefined) return;
    for (let one = list.first; one !== undefined && one.since <= number; one = one.next) {
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
      if (!isThenable(result)) return;
      Promise.resolve(result).then(undefined, (error: unknown) => report(message, error));
    } catch (error) {
      report(message, error);
    }
  };

  const step = (): boolean => {
    if (currentLane !== undefined) {
      const lane = currentLane;
      currentLane = undefined;
      delivery.handle(lane);
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

  const setAsideUnknown = (message: BusMessage): void =>
    letters.add({
      message,
      reason: {
        code: 'recipient-unknown',
        message: `Nobody takes messages to "${message.to}".`,
        retryable: false,
      },
      attempts: 0,
      deadAt: now(),
    });

  const settleIfQuiet = (): void => {
    if (onQuiet !== undefined && isQuiet()) onQuiet();
  };
  const isQuiet = (): boolean => queue.length === 0 && current === undefined && delivery.isIdle();

  /** The time of the messages that handlers send, until the queue looks at its clock again: reading a clock is slow. */
  let stamp: number | undefined;
  const sendingTime = (): number => (queue.isRunning ? (stamp ??= now()) : now());

  /** What senders wait for while too many messages wait. */
  let room: { readonly promise: Promise<void>; readonly open: () => void } | undefined;
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

  const queue: RunQueue<BusMessage | Taken | Lane> = new RunQueue(timers, {
    begin,
    step,
    onLook: () => {
      stamp = undefined;
    },
    onIdle: settleIfQuiet,
    onTurn: () => {
      if (room === undefined || queue.length > HIGH_WATER / 2) return;
      room.open();
      room = undefined;
    },
  });

  const delivery = makeGroupDelivery({
    timers,
    maxDeliveries,
    retryDelayMs,
    capacity,
    enqueue: (lane) => queue.push(lane),
    onFailure: report,
    onDead: (message, error, attempts, group) =>
      letters.add({ message, reason: errorInfo(error), attempts, deadAt: now() }, group),
    onIdle: settleIfQuiet,
  });

  // ------------------------------------------------------------------------------------------------------------------- send

  const dispatch = (message: BusMessage, takers: readonly Group[]): void => {
    const { to } = message;
    if (takers.length === 0) {
      queue.push(message);
      return;
    }
    for (const group of takers) delivery.hand(group, message);
    if (to === '*' || everyone.first !== undefined || byRecipient.has(to))
      queue.push(new Taken(message));
  };

  const accept = (outgoing: OutgoingMessage): BusMessage => {
    requireOpen();
    requireMessage(outgoing, maxMessageBytes);
    const { id } = outgoing;
    if (id !== undefined && ids.has(id)) return toBusMessage(outgoing, id, sendingTime());
    const takers = delivery.takersOf(outgoing.to);
    const message = Object.freeze(toBusMessage(outgoing, id ?? ids.fresh(), sendingTime()));
    if (id !== undefined) ids.remember(id);
    dispatch(message, takers);
    return message;
  };

  const send = (outgoing: OutgoingMessage): Promise<BusMessage> => {
    try {
      const message = accept(outgoing);
      return queue.length > HIGH_WATER ? whenRoom().then(() => message) : Promise.resolve(message);
    } catch (error) {
      return Promise.reject(error);
    }
  };

  // -------------------------------------------------------------------------------------------------------------- subscribe

  const listOf = (to: string | undefined): SubscriptionList => {
    if (to === undefined) return everyone;
    let list = byRecipient.get(to);
    if (list === undefined) {
      list = new SubscriptionList();
      byRecipient.set(to, list);
    }
    return list;
  };

  const subscribe = (
    handler: MessageHandler,
    { group, to }: SubscribeOptions = {},
  ): (() => void) => {
    requireOpen();
    if (typeof handler !== 'function') {
      throw new PantheonError(
        'option-invalid',
        `subscribe takes a function, not ${typeof handler}.`,
      );
    }
    requireOptionName('to', to);
    requireOptionName('group', group);
    if (group !== undefined) return delivery.join(group, { handler, to });
    const list = listOf(to);
    const subscription = new Subscription(handler, queue.added);
    list.add(subscription);
    return () => {
      if (!subscription.active) return;
      subscription.active = false;
      list.remove(subscription);
      if (to !== undefined && list.first === undefined) byRecipient.delete(to);
    };
  };

  const finish = async (): Promise<void> => {
    delivery.hurry();
    if (!isQuiet()) {
      await new Promise<void>((resolve) => {
        const deadline = timers.set(resolve, Math.min(closeTimeoutMs, 2_147_483_647));
        onQuiet = () => {
          timers.clear(deadline);
          resolve();
        };
      });
      onQuiet = undefined;
    }
    for (const message of delivery.abandon()) report(message, closedError());
    byRecipient.clear();
    letters.clear();
  };

  return {
    send,
    subscribe,
    deadLetters: {
      list: async () => {
        requireOpen();
        return letters.list();
      },
      add: async (letter) => {
        requireOpen();
        letters.add(frozenCopy(letter, 'message-invalid', 'A dead letter'));
      },
      redrive: async (messageId) => {
        requireOpen();
        return letters.redrive(messageId, ({ message }, group) => {
          const failed = group === undefined ? undefined : delivery.groups.get(group);
          if (failed === undefined) dispatch(message, delivery.takersOf(message.to));
          else delivery.hand(failed, message);
        });
      },
    },
    close: () => {
      closing ??= finish();
      return closing;
    },
  };
};

const closedError = (): PantheonError => new PantheonError('closed', 'The bus is closed.');
