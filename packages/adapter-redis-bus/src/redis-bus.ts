import { randomBytes } from 'node:crypto';
import type {
  DeadLetters,
  IMessageBus,
  MessageHandler,
  SubscribeOptions,
} from '@promethean/pantheon-core';
import { errorMessage, PantheonError } from '@promethean/pantheon-core';
import {
  encodeId,
  nameProblem,
  requireMessage,
  requireOptionName,
  toBusMessage,
} from '@promethean/pantheon-core/adapter';
import { makeDeadLetters } from './dead-letters.ts';
import { closedError, readFailure, unavailable, unreachable } from './failure.ts';
import { makeGroupDelivery } from './group-delivery.ts';
import { makeGroupMembers } from './group-members.ts';
import { PLAIN, prefixOf } from './keys.ts';
import { keepMs, readOptions, type RedisBusOptions } from './options.ts';
import { makeOutbox, type Registration } from './outbox.ts';
import { makePlainSubscriptions } from './plain-subscriptions.ts';
import { makeReader } from './reader.ts';
import { type Link, makeLink, readAddress } from './redis-client.ts';
import { FORGET, LEAVE, OTHERS } from './scripts.ts';
import { makeSession, type Tail } from './session.ts';
import { makeTurns } from './turns.ts';
import { within } from './within.ts';

/** How a bus stands; counters begin with the bus. */
export interface RedisBusStats {
  /** Whether Redis can be reached and knows this bus. */
  readonly isConnected: boolean;
  /** Times that a connection was made: 2 with subscriptions, 1 without, and more after every loss. */
  readonly connections: number;
  /** Milliseconds since the blocking reader heard of Redis; undefined before the first time, and without subscriptions. */
  readonly lastReadAgeMs: number | undefined;
  /** Messages that `send` has not settled yet. */
  readonly pendingSends: number;
  readonly sent: number;
  readonly duplicates: number;
  /** Calls of handlers, plain and in groups. */
  readonly delivered: number;
  readonly acknowledged: number;
  readonly failed: number;
  readonly dead: number;
  /** Acknowledgements that were refused because somebody else had the recipient by then. */
  readonly fenced: number;
  /** Handlers of groups that run. */
  readonly running: number;
  /** Recipients that this process holds, and of them those that wait for a turn or for Redis. */
  readonly held: number;
  readonly waiting: number;
  /** Deliveries to plain subscriptions that wait for a turn. */
  readonly queued: number;
  /** The last message for plain subscriptions that was read; `''` without such subscriptions. */
  readonly position: string;
}

/** A bus over Redis. */
export interface RedisBus extends IMessageBus {
  readonly deadLetters: DeadLetters;
  /** Resolves when Redis is reached and knows the subscriptions made so far. Rejects with `unavailable` after `sendTimeoutMs`. */
  readonly ready: () => Promise<void>;
  /** Removes a group and its messages, and resolves to how many they were. Rejects with `option-invalid` while it has members. */
  readonly forgetGroup: (group: string) => Promise<number>;
  readonly stats: () => RedisBusStats;
  readonly close: () => Promise<void>;
}

/**
 * A bus over Redis Streams, shared by all processes with the same namespace. It connects with the first call.
 *
 * - A group that takes messages to everybody stays registered when its last member leaves, and keeps messages for the next one,
 *   until `forgetGroup`. What it takes by `to` goes with the last subscription to that recipient, unless the process died or closed the bus.
 * - A dead letter that a group gave up is redriven to that group alone.
 * - `close` handles what is there for groups that have no other member, and leaves the rest to the others.
 */
export const makeRedisBus = (options: RedisBusOptions): RedisBus => {
  const settings = readOptions(options);
  const makeClient = readAddress(options);
  const {
    namespace,
    newId,
    now,
    maxMessageBytes,
    sendTimeoutMs,
    commandTimeoutMs,
    pollMs,
    closeTimeoutMs,
  } = settings;
  const prefix = prefixOf(namespace);
  const instance = randomBytes(9).toString('base64url');
  const turns = makeTurns();
  const plain = makePlainSubscriptions(settings, turns);
  const registered = new Map<string, Registration>();
  let counter = 0;
  let isStarted = false;
  let closing: Promise<void> | undefined;
  let joinWaiters: (() => void)[] = [];

  const session = makeSession({
    settings,
    prefix,
    instance,
    registrations: () =>
      Array.from(registered.values()).flatMap(({ group, filter }) => [group, filter]),
    held: () => delivery.held(),
    progress: () => plain.progress(),
    onJoined: (joined) => {
      plain.onJoined(joined);
      delivery.onJoined(joined);
      outbox.pump();
      const told = joinWaiters;
      joinWaiters = [];
      for (const tell of told) tell();
    },
  });

  const writer = makeLink({
    makeClient,
    silenceMs: commandTimeoutMs,
    maxReconnectDelayMs: settings.maxReconnectDelayMs,
    onUp: async (link) => {
      await session.join(link);
      session.startBeating(link);
    },
    onDown: () => session.down(),
  });

  const outbox = makeOutbox({
    settings,
    prefix,
    link: writer,
    session,
    onRegistered: (registration) => {
      const key = `${registration.group} ${registration.filter}`;
      if (registration.change === '+') registered.set(key, registration);
      else registered.delete(key);
    },
  });

  const register = (registration: Registration): void =>
    outbox.register(registration, () => undefined);
  const members = makeGroupMembers((registration) => {
    register(registration);
    outbox.register(undefined, () => delivery.wake());
  });
  const plainFilters = makeGroupMembers((registration) =>
    register({ ...registration, group: PLAIN }),
  );
  const delivery = makeGroupDelivery({ settings, prefix, link: writer, session, members, turns });
  const reader = makeReader({
    settings,
    prefix,
    instance,
    plain,
    turns,
    onRing: () => delivery.wake(),
  });
  const readLink = makeLink({
    makeClient,
    // Less than the reader's watchdog: a socket that carries nothing is noticed first.
    silenceMs: pollMs + Math.ceil(commandTimeoutMs * 0.6),
    maxReconnectDelayMs: settings.maxReconnectDelayMs,
    onUp: async (link) => reader.read(link),
    onDown: () => undefined,
  });

  const requireOpen = (): void => {
    if (closing !== undefined) throw closedError();
  };

  const start = (): void => {
    isStarted = true;
    writer.start();
  };

  const whenJoined = (): Promise<void> =>
    session.isJoined() ? Promise.resolve() : new Promise((resolve) => joinWaiters.push(resolve));

  const ask = async <T>(
    what: string,
    isChange: boolean,
    call: (link: Link) => Promise<T>,
  ): Promise<T> => {
    requireOpen();
    start();
    const since = performance.now();
    const late = (): PantheonError =>
      unreachable(`Could not ${what} within ${sendTimeoutMs} ms`, writer.problem());
    await within(whenJoined(), sendTimeoutMs, late);
    try {
      const left = sendTimeoutMs - (performance.now() - since);
      return await within(call(writer), left, () => new Error('Redis did not answer in time'));
    } catch (error) {
      if (!isChange || readFailure(error).kind !== 'unknown')
        throw unavailable(`Could not ${what}`, error);
      throw new PantheonError(
        'outcome-unknown',
        `Nobody can know whether Redis did ${what}: ${errorMessage(error)}.`,
        { cause: error },
      );
    }
  };

  const freshId = (): string => {
    if (newId === undefined) {
      counter += 1;
      return `${instance}-${counter.toString(36)}`;
    }
    const id = newId();
    const problem = nameProblem(id);
    if (problem !== undefined)
      throw new PantheonError(
        'option-invalid',
        `An id that newId makes ${problem}: ${String(id)}.`,
      );
    return id;
  };

  const subscribe = (
    handler: MessageHandler,
    { group, to }: SubscribeOptions = {},
  ): (() => void) => {
    requireOpen();
    if (typeof handler !== 'function')
      throw new PantheonError(
        'option-invalid',
        `subscribe takes a function, not ${typeof handler}.`,
      );
    requireOptionName('to', to);
    requireOptionName('group', group);
    start();
    readLink.start();
    if (group !== undefined) {
      const member = members.join(group, to, handler);
      return () => members.leave(group, member);
    }
    const subscription = plain.add(handler, to);
    const filter = plainFilters.join('plain', to, handler);
    outbox.register(undefined, subscription.confirm);
    return () => {
      subscription.remove();
      plainFilters.leave('plain', filter);
    };
  };

  const finish = async (): Promise<void> => {
    if (!isStarted) return;
    const deadline = performance.now() + closeTimeoutMs;
    const give = <T>(promise: Promise<T>): Promise<T | undefined> =>
      within(promise, deadline - performance.now(), () => undefined).catch(() => undefined);
    await give(outbox.whenEmpty());
    if (session.isJoined() && !plain.isEmpty()) {
      const tail = await give(new Promise<Tail>((resolve) => outbox.register(undefined, resolve)));
      if (tail !== undefined) await give(plain.whenRead(tail.id));
    }
    await give(new Promise<void>((resolve) => turns.push(resolve)));
    const groups = members.groups();
    if (groups.length > 0 && session.isJoined()) {
      const counts = await give(
        writer.run(OTHERS, prefix, [session.token(), ...groups]) as Promise<number[]>,
      );
      delivery.stopTaking(groups.filter((_, index) => (counts?.[index] ?? 1) > 0));
    } else delivery.stopTaking('all');
    // Without a connection nothing is told any more; what runs may end.
    if (session.isJoined() || delivery.stats().running > 0) await give(delivery.whenQuiet());
    delivery.stopTaking('all');
    delivery.stop();
    const token = session.token();
    const wasJoined = session.isJoined();
    session.stop();
    reader.stop();
    if (wasJoined) {
      // Whoever waits for our recipients shall not wait for the end of the lease; should this fail, it ends by itself.
      await within(
        writer.run(LEAVE, prefix, [token, keepMs(settings)]),
        Math.min(1_000, commandTimeoutMs),
        () => undefined,
      ).catch(() => undefined);
    }
    outbox.stop(closedError());
    await Promise.all([writer.close(), readLink.close()]);
  };

  return {
    send: (outgoing) => {
      try {
        requireOpen();
        requireMessage(outgoing, maxMessageBytes);
        const message = toBusMessage(outgoing, outgoing.id ?? freshId(), now());
        isStarted = true;
        return outbox.send(message, outgoing.id === undefined);
      } catch (error) {
        return Promise.reject(error);
      }
    },
    subscribe,
    deadLetters: makeDeadLetters({ settings, prefix, ask }),
    ready: async () => {
      requireOpen();
      start();
      const known = new Promise<Tail>((resolve) => outbox.register(undefined, resolve));
      await within(known, sendTimeoutMs, () =>
        unreachable(`Redis was not ready within ${sendTimeoutMs} ms`, writer.problem()),
      );
    },
    forgetGroup: async (group) => {
      requireOptionName('group', group);
      const run = (link: Link): Promise<unknown> => link.run(FORGET, prefix, [encodeId(group)]);
      const count = (await ask('forget a group', true, run)) as number;
      if (count >= 0) return count;
      throw new PantheonError(
        'option-invalid',
        `The group "${group}" has members; unsubscribe them first.`,
      );
    },
    stats: () => {
      const { pending, sent, duplicates } = outbox.stats();
      const { lanes, running, waiting, delivered, acknowledged, failed, dead, fenced } =
        delivery.stats();
      return {
        isConnected: session.isJoined(),
        connections: writer.connections() + readLink.connections(),
        lastReadAgeMs: reader.lastReadAgeMs(),
        pendingSends: pending,
        sent,
        duplicates,
        delivered: delivered + plain.delivered(),
        acknowledged,
        failed,
        dead,
        fenced,
        running,
        held: lanes,
        waiting,
        queued: turns.length(),
        position: plain.position(),
      };
    },
    close: () => {
      closing ??= finish();
      return closing;
    },
  };
};
