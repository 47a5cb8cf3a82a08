import type { BusMessage } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { requireOptionName, requireWhole } from '@promethean/pantheon-core/adapter';
import type { RedisAddress } from './redis-client.ts';

/** What went wrong, and the message that it went wrong with, where there was one. */
export interface RedisBusFailure {
  readonly message?: BusMessage | undefined;
  /** What a handler threw or rejected with, or a `PantheonError` of the bus's own. */
  readonly error: unknown;
}

/** Settings of `makeRedisBus`. */
export interface RedisBusOptions extends RedisAddress {
  /** Buses with one namespace on one Redis are one bus. Default `pantheon`. */
  readonly namespace?: string | undefined;
  /** Makes the ids of messages. Default: the time, the instance and a counter. */
  readonly newId?: (() => string) | undefined;
  /** For `sentAt`. Default: the process's wall clock. */
  readonly now?: (() => number) | undefined;
  /** Bytes of UTF-8 of a message's content at most. Default 262,144. */
  readonly maxMessageBytes?: number | undefined;
  /** How long `send` waits for Redis, in milliseconds. Default 5,000. */
  readonly sendTimeoutMs?: number | undefined;
  /** Messages that wait to be sent at most; beyond, `send` rejects with `bus-full`. Default 100,000. */
  readonly maxPendingSends?: number | undefined;
  /** Messages to one recipient that a group holds before `send` rejects with `bus-full`. Default 10,000. */
  readonly capacity?: number | undefined;
  /** Messages whose id is remembered at least. 0: none. Default 1,000,000. */
  readonly dedupWindow?: number | undefined;
  /** How long an id is remembered at least, where fewer messages came. Default 86,400,000 (a day). */
  readonly dedupWindowMs?: number | undefined;
  /** Messages that are kept for plain subscriptions which lag behind. Default 100,000. */
  readonly retention?: number | undefined;
  /** Deliveries to a group before a message is set aside. Default 5. */
  readonly maxDeliveries?: number | undefined;
  /** Milliseconds before the first retry; the next ones wait 5, 30 and 120 times as long. Default 1,000. */
  readonly retryDelayMs?: number | undefined;
  /** Dead letters that are kept; beyond, the oldest goes, by way of `onError`. Default 10,000. */
  readonly maxDeadLetters?: number | undefined;
  /** Recipients whose messages this bus handles at a time, over all its groups. Default 1,000. */
  readonly concurrency?: number | undefined;
  /** How long a process that stopped answering keeps its recipients, in milliseconds. Default 15,000. */
  readonly leaseMs?: number | undefined;
  /** A blocking read ends after this; at least so often a member looks for work. Default 2,000. */
  readonly pollMs?: number | undefined;
  /** A command without an answer for so long gives its connection up. Default 5,000. */
  readonly commandTimeoutMs?: number | undefined;
  /** The longest pause between two attempts to connect. Default 1,000. */
  readonly maxReconnectDelayMs?: number | undefined;
  /** How long `close` waits for handlers, in milliseconds. Default 5,000. */
  readonly closeTimeoutMs?: number | undefined;
  /** Use a Redis that may evict keys when its memory is full. Default `false`. */
  readonly allowEviction?: boolean | undefined;
  /** Gets every failed delivery, and what the bus had to give up. Default: nothing. */
  readonly onError?: ((failure: RedisBusFailure) => void) | undefined;
  /** Gets what an operator should know, once. Default: nothing. */
  readonly onWarning?: ((sentence: string) => void) | undefined;
}

/** The options with every default in place, without the address. */
export interface Settings {
  readonly namespace: string;
  readonly newId: (() => string) | undefined;
  readonly now: () => number;
  readonly maxMessageBytes: number;
  readonly sendTimeoutMs: number;
  readonly maxPendingSends: number;
  readonly capacity: number;
  readonly dedupWindow: number;
  readonly dedupWindowMs: number;
  readonly retention: number;
  readonly maxDeliveries: number;
  readonly retryDelayMs: number;
  readonly maxDeadLetters: number;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly commandTimeoutMs: number;
  readonly maxReconnectDelayMs: number;
  readonly closeTimeoutMs: number;
  readonly allowEviction: boolean;
  readonly report: (error: unknown, message?: BusMessage) => void;
  readonly warn: (sentence: string) => void;
}

const MAX_MS = 2_147_483_647;

/** Reads the options. Throws `option-invalid`. */
export const readOptions = (options: RedisBusOptions): Settings => {
  const {
    namespace = 'pantheon',
    newId,
    now = Date.now,
    maxMessageBytes = 262_144,
    sendTimeoutMs = 5_000,
    maxPendingSends = 100_000,
    capacity = 10_000,
    dedupWindow = 1_000_000,
    dedupWindowMs = 86_400_000,
    retention = 100_000,
    maxDeliveries = 5,
    retryDelayMs = 1_000,
    maxDeadLetters = 10_000,
    concurrency = 1_000,
    leaseMs = 15_000,
    pollMs = 2_000,
    commandTimeoutMs = 5_000,
    maxReconnectDelayMs = 1_000,
    closeTimeoutMs = 5_000,
    allowEviction = false,
    onError,
    onWarning,
  } = options;
  requireOptionName('namespace', namespace);
  requireWhole(
    { maxMessageBytes, maxPendingSends, capacity, retention, maxDeliveries, concurrency },
    1,
  );
  requireWhole({ sendTimeoutMs, pollMs, commandTimeoutMs, dedupWindowMs }, 1);
  requireWhole({ maxReconnectDelayMs }, 50);
  requireWhole({ leaseMs }, 300);
  requireWhole({ retryDelayMs, dedupWindow, maxDeadLetters, closeTimeoutMs }, 0);
  for (const [name, value] of Object.entries({
    sendTimeoutMs,
    pollMs,
    commandTimeoutMs,
    leaseMs,
    closeTimeoutMs,
    maxReconnectDelayMs,
  })) {
    if (value > MAX_MS)
      throw new PantheonError('option-invalid', `${name} must be at most ${MAX_MS}.`);
  }
  return {
    namespace,
    newId,
    now,
    maxMessageBytes,
    sendTimeoutMs,
    maxPendingSends,
    capacity,
    dedupWindow,
    dedupWindowMs,
    retention,
    maxDeliveries,
    retryDelayMs,
    maxDeadLetters,
    concurrency,
    leaseMs,
    pollMs,
    commandTimeoutMs,
    maxReconnectDelayMs,
    closeTimeoutMs,
    allowEviction,
    report: (error, message) => {
      try {
        onError?.({ error, ...(message !== undefined && { message }) });
      } catch {
        // The reporter failed; there is nobody left to tell.
      }
    },
    warn: (sentence) => {
      try {
        onWarning?.(sentence);
      } catch {
        // As above.
      }
    },
  };
};

/** How long what tells new messages from known ones stays in Redis after the last sign of life of a bus. */
export const keepMs = ({ dedupWindowMs, leaseMs }: Settings): number =>
  Math.max(dedupWindowMs * 2, leaseMs * 10);
