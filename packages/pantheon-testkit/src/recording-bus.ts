import type { BusMessage, IMessageBus, Timers } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { requireWhole } from '@promethean/pantheon-core/adapter';
import { makeMemoryBus } from '@promethean/pantheon-core/memory';

/** Settings of `makeRecordingBus`. */
export interface RecordingBusOptions {
  /** For the deadline of `waitFor`. Default: the process's timers. */
  readonly timers?: Pick<Timers, 'set' | 'clear'> | undefined;
}

/** How long to wait. */
export interface WaitForOptions {
  /** Milliseconds. Default 5,000. */
  readonly deadlineMs?: number | undefined;
}

/** A bus that keeps what was sent over it. */
export interface RecordingBus extends IMessageBus {
  /** The messages that the bus accepted, in the order of the calls of `send`. What it refused is not here. */
  readonly sent: readonly BusMessage[];
  /**
   * Resolves to the first sent message that meets the condition, one sent before the call included. Rejects with `timeout` after the
   * deadline, telling what was sent instead, with `closed` when the bus is closed, and with what the condition throws.
   */
  readonly waitFor: (
    condition: (message: BusMessage) => boolean,
    options?: WaitForOptions,
  ) => Promise<BusMessage>;
  readonly close: () => Promise<void>;
}

interface Waiting {
  readonly look: (message: BusMessage) => void;
  readonly give: (error: PantheonError) => void;
}

const SHOWN = 5;

const inWords = (messages: readonly BusMessage[]): string => {
  if (messages.length === 0) return 'nothing was sent';
  const last = messages
    .slice(-SHOWN)
    .map(({ from, to, content }) => `${from} -> ${to} ${JSON.stringify(content.slice(0, 40))}`);
  return `${messages.length} sent, the last: ${last.join(', ')}`;
};

/**
 * Wraps a bus and keeps what is sent over it. Everything else is the bus's own: its capabilities are those of the bus, and `close` closes
 * it. Default: an in-memory bus.
 */
export const makeRecordingBus = (
  bus: IMessageBus = makeMemoryBus(),
  options: RecordingBusOptions = {},
): RecordingBus => {
  const {
    timers = {
      set: (run, delayMs) => setTimeout(run, delayMs),
      clear: (handle) => clearTimeout(handle as NodeJS.Timeout),
    },
  } = options;
  /** A place for each call of `send`, in their order; empty until the bus accepts. */
  const places: { message?: BusMessage }[] = [];
  const waiting = new Set<Waiting>();
  let isClosed = false;
  const { deadLetters } = bus;

  const sent = (): readonly BusMessage[] => places.flatMap(({ message }) => message ?? []);

  return {
    send: async (message) => {
      const place: { message?: BusMessage } = {};
      places.push(place);
      const accepted = await bus.send(message);
      place.message = accepted;
      for (const { look } of waiting) look(accepted);
      return accepted;
    },
    subscribe: (handler, subscription) => bus.subscribe(handler, subscription),
    ...(deadLetters !== undefined && { deadLetters }),
    close: async () => {
      isClosed = true;
      for (const { give } of waiting)
        give(
          new PantheonError(
            'closed',
            `The bus was closed while a test waited; ${inWords(sent())}.`,
          ),
        );
      await bus.close?.();
    },
    get sent() {
      return sent();
    },
    waitFor: async (condition, { deadlineMs = 5_000 } = {}) => {
      requireWhole({ deadlineMs }, 0);
      return new Promise((resolve, reject) => {
        const entry: Waiting = {
          look: (message) => {
            try {
              if (condition(message)) end(() => resolve(message));
            } catch (error) {
              end(() => reject(error));
            }
          },
          give: (error) => end(() => reject(error)),
        };
        const end = (settle: () => void): void => {
          waiting.delete(entry);
          timers.clear(timer);
          settle();
        };
        waiting.add(entry);
        const timer = timers.set(
          () =>
            entry.give(
              new PantheonError(
                'timeout',
                `No sent message met the condition within ${deadlineMs} ms; ${inWords(sent())}.`,
              ),
            ),
          deadlineMs,
        );
        for (const message of sent()) if (waiting.has(entry)) entry.look(message);
        if (isClosed && waiting.has(entry))
          entry.give(new PantheonError('closed', `The bus is closed; ${inWords(sent())}.`));
      });
    },
  };
};
