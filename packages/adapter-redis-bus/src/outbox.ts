/** What goes to the server in the order of the calls: messages, and the registrations between them. */
import type { BusMessage } from '@promethean/pantheon-core';
import { errorMessage, PantheonError } from '@promethean/pantheon-core';
import { decodeId, encodeId } from '@promethean/pantheon-core/adapter';
import { readFailure, unavailable, unreachable } from './failure.ts';
import type { Settings } from './options.ts';
import type { Link } from './redis-client.ts';
import type { Script } from './lua.ts';
import { REGISTER, SEND } from './scripts.ts';
import type { Session, Tail } from './session.ts';
import { encodeMessage } from './wire.ts';

/** A change of what this bus takes. */
export interface Registration {
  readonly change: '+' | '-';
  /** Encoded; `''` for plain subscriptions. */
  readonly group: string;
  /** An encoded recipient, or `@`. */
  readonly filter: string;
}

interface Sending {
  readonly kind: 'send';
  readonly to: string;
  readonly wire: string;
  readonly message: BusMessage;
  /** Whether its id was made for it. */
  readonly isFresh: boolean;
  readonly deadline: number;
  readonly resolve: (message: BusMessage) => void;
  readonly reject: (error: unknown) => void;
  /** Whether it was handed to a connection that broke. */
  wasWritten: boolean;
  isSettled: boolean;
}

interface Registering {
  readonly kind: 'register';
  readonly registration: Registration | undefined;
  readonly done: (tail: Tail) => void;
}

export interface OutboxOptions {
  readonly settings: Settings;
  readonly prefix: string;
  readonly link: Link;
  readonly session: Session;
  /** The server has confirmed a registration. */
  readonly onRegistered: (registration: Registration) => void;
}

/** Counters of the outbox. */
interface OutboxStats {
  readonly pending: number;
  readonly sent: number;
  readonly duplicates: number;
}

export interface Outbox {
  /** `isFresh`: the id was made for this message, so that nobody can have sent it before. */
  readonly send: (message: BusMessage, isFresh: boolean) => Promise<BusMessage>;
  /** Tells the server of a change, or only asks for the tail. */
  readonly register: (registration: Registration | undefined, done: (tail: Tail) => void) => void;
  readonly pump: () => void;
  readonly stats: () => OutboxStats;
  /** Resolves when no message waits any more. */
  readonly whenEmpty: () => Promise<void>;
  /** Rejects what waits, and ends the timer. */
  readonly stop: (error: PantheonError) => void;
}

const isOpen = (one: Sending | Registering): boolean => one.kind !== 'send' || !one.isSettled;

const MAX_MESSAGES = 256;
const MAX_CHARACTERS = 1_048_576;
/** Characters that wait at most: memory of this process. */
const MAX_PENDING_CHARACTERS = 67_108_864;
const RETRY_MS = 100;

/**
 * Calls of one turn go out together, one call at a time, so that the order is kept whatever fails. A call whose outcome is unknown
 * is repeated: the ids tell the server what it has already.
 */
export const makeOutbox = (options: OutboxOptions): Outbox => {
  const { settings, prefix, link, session, onRegistered } = options;
  const {
    sendTimeoutMs,
    maxPendingSends,
    capacity,
    dedupWindow,
    dedupWindowMs,
    retention,
    maxDeadLetters,
    report,
  } = settings;
  let queue: (Sending | Registering)[] = [];
  let inFlight: readonly (Sending | Registering)[] = [];
  let pending = 0;
  let characters = 0;
  let sent = 0;
  let duplicates = 0;
  let isScheduled = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  let waiters: (() => void)[] = [];
  let isStopped = false;
  /** Why the last call had to wait although there was a connection. */
  let delay: unknown;

  const settle = (one: Sending, error: unknown): void => {
    if (one.isSettled) return;
    one.isSettled = true;
    pending -= 1;
    characters -= one.wire.length;
    if (error === undefined) one.resolve(one.message);
    else one.reject(error);
  };

  /** A message may have been accepted although this process never heard of it. */
  const unknown = ({ message }: Sending, cause: unknown): PantheonError =>
    new PantheonError(
      'send-unknown',
      `Nobody can know whether the message ${message.id} was accepted: ${errorMessage(cause)}. Send it again with the same id.`,
      { retryable: true, cause, details: { id: message.id } },
    );

  const timedOut = (one: Sending): PantheonError =>
    one.wasWritten || inFlight.includes(one)
      ? unknown(one, link.problem() ?? `Redis did not answer within ${sendTimeoutMs} ms`)
      : unreachable(
          `The message ${one.message.id} was not sent within ${sendTimeoutMs} ms`,
          (link.isConnected() ? delay : undefined) ?? link.problem(),
        );

  const expire = (): void => {
    timer = undefined;
    const now = performance.now();
    let next: number | undefined;
    for (const one of [...inFlight, ...queue]) {
      if (one.kind !== 'send' || one.isSettled) continue;
      if (one.deadline > now) {
        next = one.deadline;
        break;
      }
      settle(one, timedOut(one));
    }
    queue = queue.filter(isOpen);
    if (next !== undefined) timer = setTimeout(expire, Math.max(1, next - now));
    tellEmpty();
  };

  const tellEmpty = (): void => {
    if (pending > 0) return;
    clearTimeout(timer);
    timer = undefined;
    const told = waiters;
    waiters = [];
    for (const tell of told) tell();
  };

  const takeBatch = (): readonly (Sending | Registering)[] => {
    const kind = queue[0]?.kind;
    let count = 0;
    let size = 0;
    for (const one of queue) {
      if (one.kind !== kind || count === MAX_MESSAGES) break;
      if (one.kind === 'send') {
        if (count > 0 && size + one.wire.length > MAX_CHARACTERS) break;
        size += one.wire.length;
      }
      count += 1;
    }
    return queue.splice(0, count);
  };

  const requestOf = (
    batch: readonly (Sending | Registering)[],
  ): readonly [Script, (string | number)[]] => {
    if (batch[0]?.kind === 'send') {
      const args: (string | number)[] = [session.token(), dedupWindow, dedupWindowMs, capacity];
      args.push(retention, maxDeadLetters);
      for (const one of batch as readonly Sending[]) args.push(one.to, one.message.id, one.wire);
      return [SEND, args];
    }
    const args: (string | number)[] = [session.token()];
    for (const { registration } of batch as readonly Registering[])
      if (registration !== undefined)
        args.push(registration.change, registration.group, registration.filter);
    return [REGISTER, args];
  };

  const onAnswer = (batch: readonly (Sending | Registering)[], answer: unknown): void => {
    if (batch[0]?.kind === 'send') {
      const [results, dropped] = answer as [(number | string)[], string[]];
      for (const [index, one] of (batch as readonly Sending[]).entries()) {
        const result = results[index];
        if (result === 0) sent += 1;
        else if (result === 1) duplicates += 1;
        settle(one, refusalOf(one, result));
      }
      reportDropped(dropped, maxDeadLetters, report);
      return;
    }
    const [id, number] = answer as [string, number];
    for (const { registration, done } of batch as readonly Registering[]) {
      if (registration !== undefined) onRegistered(registration);
      done({ id, number });
    }
  };

  /** Why the server did not accept a message; undefined when it did, now or before. */
  const refusalOf = (
    { message, isFresh, wasWritten }: Sending,
    result: number | string | undefined,
  ): PantheonError | undefined => {
    if (result === 0 || (result === 1 && (wasWritten || !isFresh))) return undefined;
    if (result === 1) {
      return new PantheonError(
        'option-invalid',
        `An id that newId makes must not be one that it made before: ${message.id}.`,
      );
    }
    const group = decodeId(String(result));
    return new PantheonError(
      'bus-full',
      `The group "${group}" holds ${capacity} messages to "${message.to}" already; send again later.`,
      { retryable: true, details: { group, to: message.to, capacity } },
    );
  };

  const onFailure = (batch: readonly (Sending | Registering)[], error: unknown): void => {
    const { kind, isServer, isScript } = readFailure(error);
    delay = error;
    for (const one of batch) {
      if (one.kind !== 'send') continue;
      if (kind === 'unknown') one.wasWritten = true;
      if (kind === 'refused') {
        const { wasWritten, message } = one;
        // What was written before, without an answer, is not undone by a refusal now.
        settle(
          one,
          wasWritten
            ? unknown(one, error)
            : unavailable(`Redis refused the message ${message.id}`, error),
        );
      } else if (kind === 'unknown' && (dedupWindow === 0 || isScript)) {
        // Without ids to go by, or with a script that fails half way, sending again could deliver twice.
        settle(one, unknown(one, error));
      }
    }
    if (kind === 'refused' && batch[0]?.kind === 'register')
      report(unavailable('Redis refused a registration', error));
    queue = [...batch.filter(isOpen), ...queue];
    if (kind === 'unknown' || isServer) link.reset(error);
    // Not at once: a server that refuses is asked again with a pause.
    else if (queue.length > 0) {
      clearTimeout(retryTimer);
      retryTimer = setTimeout(pump, RETRY_MS);
    }
  };

  const pump = (): void => {
    isScheduled = false;
    if (isStopped || inFlight.length > 0 || queue.length === 0 || !session.isJoined()) return;
    const batch = takeBatch();
    inFlight = batch;
    const [script, args] = requestOf(batch);
    const guard = setTimeout(
      () => link.reset(new Error(`Redis did not answer within ${settings.commandTimeoutMs} ms`)),
      settings.commandTimeoutMs,
    );
    link.run(script, prefix, args).then(
      (answer) => {
        clearTimeout(guard);
        inFlight = [];
        delay = undefined;
        if (answer === 0) {
          queue = [...batch.filter(isOpen), ...queue];
          session.lost(link);
          return;
        }
        onAnswer(batch, answer);
        pump();
        tellEmpty();
      },
      (error: unknown) => {
        clearTimeout(guard);
        inFlight = [];
        onFailure(batch, error);
        tellEmpty();
      },
    );
  };

  const add = (one: Sending | Registering): void => {
    queue.push(one);
    link.start();
    if (isScheduled || inFlight.length > 0) return;
    isScheduled = true;
    setImmediate(pump);
  };

  return {
    send: (message, isFresh) => {
      const wire = encodeMessage(message);
      const to = encodeId(message.to);
      if (pending >= maxPendingSends || characters > MAX_PENDING_CHARACTERS) {
        return Promise.reject(
          new PantheonError(
            'bus-full',
            `${pending} messages of this bus wait for Redis already; send again later.`,
            { retryable: true },
          ),
        );
      }
      return new Promise((resolve, reject) => {
        const deadline = performance.now() + sendTimeoutMs;
        pending += 1;
        characters += wire.length;
        timer ??= setTimeout(expire, sendTimeoutMs);
        add({
          kind: 'send',
          to,
          wire,
          message,
          isFresh,
          deadline,
          resolve,
          reject,
          wasWritten: false,
          isSettled: false,
        });
      });
    },
    register: (registration, done) => add({ kind: 'register', registration, done }),
    pump,
    stats: () => ({ pending, sent, duplicates }),
    whenEmpty: () =>
      new Promise((resolve) => {
        waiters.push(resolve);
        tellEmpty();
      }),
    stop: (error) => {
      isStopped = true;
      clearTimeout(timer);
      clearTimeout(retryTimer);
      for (const one of inFlight) if (one.kind === 'send') settle(one, timedOut(one));
      for (const one of queue)
        if (one.kind === 'send') settle(one, one.wasWritten ? timedOut(one) : error);
      queue = [];
    },
  };
};

/** Tells of dead letters that had to go. */
export const reportDropped = (
  ids: readonly string[],
  maxDeadLetters: number,
  report: Settings['report'],
): void => {
  for (const id of ids) {
    report(
      new PantheonError(
        'bus-full',
        `There are more than ${maxDeadLetters} dead letters; that of the message ${id} is given up.`,
        { details: { id } },
      ),
    );
  }
};
