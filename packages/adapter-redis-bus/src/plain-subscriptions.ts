/** Subscriptions without a group: every one gets every message, from a stream that all processes read. */
import { isThenable } from '@promethean/pantheon-core/adapter';
import type { BusMessage, MessageHandler } from '@promethean/pantheon-core';
import { errorMessage, PantheonError } from '@promethean/pantheon-core';
import type { Settings } from './options.ts';
import type { Joined, Tail } from './session.ts';
import type { Turns } from './turns.ts';
import { decodeMessage } from './wire.ts';

interface Subscription {
  readonly handler: MessageHandler;
  isActive: boolean;
  /** The last entry before it was registered; unknown until the server has answered. */
  since: string | undefined;
  /** What came until then. */
  early: { readonly id: string; readonly message: BusMessage }[];
}

/** An entry of a stream as Redis gives it. */
export type Entry = readonly [id: string, fields: readonly string[]];

export interface PlainSubscriptions {
  /** `confirm` is called with the end of the stream when the server knows the subscription. */
  readonly add: (
    handler: MessageHandler,
    to: string | undefined,
  ) => { readonly confirm: (tail: Tail) => void; readonly remove: () => void };
  readonly isEmpty: () => boolean;
  /** Resolves when it is known where to begin, or nobody listens any more. */
  readonly whenPlaced: () => Promise<void> | undefined;
  /** The last entry that was read; `''` when nothing is to be read. */
  readonly position: () => string;
  /** The same, and the number of that entry. */
  readonly progress: () => Tail;
  readonly onJoined: (joined: Joined) => void;
  readonly take: (entries: readonly Entry[]) => void;
  readonly delivered: () => number;
  /** Resolves when everything up to that entry has been read. */
  readonly whenRead: (id: string) => Promise<void>;
}

/** Whether an entry comes after another. */
const isAfter = (id: string, other: string): boolean => {
  const [ms = '0', seq = '0'] = id.split('-');
  const [otherMs = '0', otherSeq = '0'] = other.split('-');
  if (ms.length !== otherMs.length) return ms.length > otherMs.length;
  if (ms !== otherMs) return ms > otherMs;
  return Number(seq) > Number(otherSeq);
};

/** Calls a handler; what goes wrong goes to `onFailure`. */
const call = (
  handler: MessageHandler,
  message: BusMessage,
  onFailure: (error: unknown) => void,
): void => {
  try {
    const result = handler(message);
    if (isThenable(result)) Promise.resolve(result).then(undefined, onFailure);
  } catch (error) {
    onFailure(error);
  }
};

export const makePlainSubscriptions = (settings: Settings, turns: Turns): PlainSubscriptions => {
  const { report, retention } = settings;
  const everyone = new Set<Subscription>();
  const byRecipient = new Map<string, Set<Subscription>>();
  let position = '';
  let number = 0;
  let delivered = 0;
  const waiters = new Set<{ readonly id: string; readonly tell: () => void }>();

  let unplaced: (() => void)[] = [];
  const tellPlaced = (): void => {
    const told = unplaced;
    unplaced = [];
    for (const tell of told) tell();
  };

  const isEmpty = (): boolean => everyone.size === 0 && byRecipient.size === 0;

  const deliver = (subscription: Subscription, id: string, message: BusMessage): void => {
    if (subscription.since === undefined) {
      subscription.early.push({ id, message });
      return;
    }
    if (!isAfter(id, subscription.since)) return;
    turns.push(() => {
      if (!subscription.isActive) return;
      delivered += 1;
      call(subscription.handler, message, (error) => report(error, message));
    });
  };

  const count = (text: string | undefined): void => {
    const next = Number(text);
    if (!Number.isSafeInteger(next)) return; // Written by somebody else.
    if (next > number + 1) {
      report(
        new PantheonError(
          'outcome-unknown',
          `${next - number - 1} messages to plain subscriptions were not delivered: they were trimmed (retention ${retention}) before this process read them.`,
          { details: { missed: next - number - 1 } },
        ),
      );
    }
    number = next;
  };

  const takeOne = ([id, fields]: Entry): void => {
    position = id;
    const numbered = fields[0] === 'n';
    if (numbered) count(fields[1]);
    let message: BusMessage;
    try {
      message = decodeMessage(
        fields[numbered ? 2 : 0] === 'm' ? fields[numbered ? 3 : 1] : undefined,
      );
    } catch (error) {
      report(
        new PantheonError(
          'message-invalid',
          `Entry ${id} of the stream of all messages is skipped: ${errorMessage(error)}`,
          { cause: error },
        ),
      );
      return;
    }
    for (const one of everyone) deliver(one, id, message);
    if (message.to === '*') {
      for (const some of byRecipient.values()) for (const one of some) deliver(one, id, message);
    } else {
      for (const one of byRecipient.get(message.to) ?? []) deliver(one, id, message);
    }
  };

  return {
    add: (handler, to) => {
      const subscription: Subscription = { handler, isActive: true, since: undefined, early: [] };
      let list = everyone;
      if (to !== undefined) {
        list = byRecipient.get(to) ?? new Set();
        byRecipient.set(to, list);
      }
      list.add(subscription);
      return {
        confirm: (tail) => {
          if (position === '' && !isEmpty()) {
            position = tail.id;
            number = tail.number;
            tellPlaced();
          }
          subscription.since = tail.id;
          const { early } = subscription;
          subscription.early = [];
          for (const { id, message } of early) deliver(subscription, id, message);
        },
        remove: () => {
          subscription.isActive = false;
          list.delete(subscription);
          if (to !== undefined && list.size === 0 && byRecipient.get(to) === list)
            byRecipient.delete(to);
          if (!isEmpty()) return;
          position = '';
          tellPlaced();
        },
      };
    },
    isEmpty,
    position: () => position,
    progress: () => ({ id: position, number }),
    whenPlaced: () =>
      position !== '' || isEmpty() ? undefined : new Promise((resolve) => unplaced.push(resolve)),
    onJoined: ({ tail, progress, wasLost }) => {
      if (position === '') return;
      // Redis lost its last seconds, or all: what it numbers from now on begins there.
      if (tail.number < progress.number || (wasLost && isAfter(progress.id, tail.id))) {
        // What was read meanwhile was read from what Redis has now.
        if (position === progress.id && isAfter(position, tail.id)) {
          position = tail.id;
          for (const list of [everyone, ...byRecipient.values()])
            for (const one of list) if (one.since !== undefined) one.since = tail.id;
        }
        if (position === tail.id || position === progress.id) number = tail.number;
        report(
          new PantheonError(
            'outcome-unknown',
            'Redis has forgotten messages to plain subscriptions that it had accepted; reading goes on with what it has.',
          ),
        );
      }
    },
    take: (entries) => {
      if (isEmpty()) return; // Read for somebody who has left.
      for (const entry of entries) takeOne(entry);
      for (const one of waiters) if (!isAfter(one.id, position)) one.tell();
    },
    delivered: () => delivered,
    whenRead: (id) =>
      new Promise((resolve) => {
        const waiter = {
          id,
          tell: () => {
            waiters.delete(waiter);
            resolve();
          },
        };
        waiters.add(waiter);
        if (position === '' || !isAfter(id, position)) waiter.tell();
      }),
  };
};
