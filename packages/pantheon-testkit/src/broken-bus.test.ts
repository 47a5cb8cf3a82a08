import type {
  BusMessage,
  IMessageBus,
  MessageHandler,
  OutgoingMessage,
} from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { makeManualTimers, makeMemoryBus } from '@promethean/pantheon-core/memory';
import {
  codeOf,
  describeBroken,
  describeProved,
  insteadOf,
  type Wrap,
} from '../test/broken-ports.ts';
import { makeMemoryBusHarness } from './memory-harnesses.ts';
import { busSuite } from './index.ts';

/** Puts something between the bus and its handlers. */
const handlersOf =
  (
    which: 'plain' | 'all' | 'group',
    around: (handler: MessageHandler) => MessageHandler,
  ): Wrap<IMessageBus> =>
  (bus) => ({
    ...bus,
    subscribe: (handler, options) => {
      const isGroup = options?.group !== undefined;
      const isMeant = which === 'all' || (which === 'group' ? isGroup : options === undefined);
      return bus.subscribe(isMeant ? around(handler) : handler, options);
    },
  });

const busWith =
  (options: Parameters<typeof makeMemoryBus>[0]): Wrap<IMessageBus> =>
  (_, timers) =>
    makeMemoryBus({ timers, retryDelayMs: 100, capacity: 200, ...options });

const sendOf =
  (
    send: (message: OutgoingMessage, bus: IMessageBus) => ReturnType<IMessageBus['send']>,
  ): Wrap<IMessageBus> =>
  (bus) => ({
    ...bus,
    send: (message) => send(message, bus),
  });

/** Counts over all handlers of a bus, and does something odd with each thousandth message. */
const everyThousandth =
  (
    which: 'plain' | 'group',
    odd: (handler: MessageHandler, message: BusMessage) => unknown,
  ): Wrap<IMessageBus> =>
  (bus, timers) => {
    let count = 0;
    return handlersOf(
      which,
      (handler) => (message) =>
        (count += 1) % 1_000 === 0 ? odd(handler, message) : handler(message),
    )(bus, timers);
  };

/** A failed message goes to the plain subscribers and the other groups once more. */
const againToOthers: Wrap<IMessageBus> = (bus) => {
  const all = new Set<{ readonly handler: MessageHandler; readonly group: string | undefined }>();
  return {
    ...bus,
    subscribe: (handler, options) => {
      const own = { handler, group: options?.group };
      if (options?.to === undefined) all.add(own);
      const tried = new Set<string>();
      const end = bus.subscribe((message) => {
        const others = own.group !== undefined && tried.has(message.id) ? [...all] : [];
        tried.add(message.id);
        for (const other of others) {
          if (other.group !== own.group)
            void (async () => other.handler(message))().catch(() => {});
        }
        return handler(message);
      }, options);
      return () => {
        all.delete(own);
        end();
      };
    },
  };
};

/** One lane for each sender and recipient, where there are groups that take all. */
const perSender: Wrap<IMessageBus> = (bus) => {
  let groups = 0;
  const plain = <T extends OutgoingMessage>(message: T): T => ({
    ...message,
    to: message.to.split(' from ')[0] as string,
  });
  return {
    ...bus,
    send: async (message) =>
      groups > 0 && message?.to === 'bob' && message.from !== 'ada'
        ? plain(await bus.send({ ...message, to: `bob from ${message.from}` }))
        : bus.send(message),
    subscribe: (handler, options) => {
      if (options?.group !== undefined && options.to === undefined) groups += 1;
      return bus.subscribe(
        (message) => handler(message.to.includes(' from ') ? plain(message) : message),
        options,
      );
    },
  };
};

describeBroken<ReturnType<typeof makeMemoryBusHarness>, IMessageBus>(
  'a bus',
  busSuite,
  makeMemoryBusHarness,
  [
    ['keeps every rule', [], (bus) => bus],
    ['loses one message in a thousand', ['bus:3'], everyThousandth('plain', () => undefined)],
    [
      'loses one message of a group in a thousand',
      ['bus:7'],
      everyThousandth('group', () => undefined),
    ],
    [
      'delivers one message in a thousand twice',
      ['bus:3'],
      everyThousandth('plain', (handler, message) => {
        void handler(message);
        return handler(message);
      }),
    ],
    [
      'delivers one message of a group in a thousand twice, though it was acknowledged',
      ['bus:7'],
      everyThousandth('group', async (handler, message) => {
        await handler(message);
        return handler(message);
      }),
    ],
    [
      'calls a member that has left its group',
      ['bus:6'],
      (bus) => ({
        ...bus,
        subscribe: (handler, options) => {
          const end = bus.subscribe(handler, options);
          return options?.group === undefined ? end : () => undefined;
        },
      }),
    ],
    ['gives what one group failed to all others again', ['bus:7'], againToOthers],
    [
      'gives a letter that is redriven one try only',
      ['bus:7'],
      (bus) => {
        const redriven = new Set<string>();
        const { deadLetters } = bus;
        if (deadLetters === undefined) return bus;
        return {
          ...handlersOf('group', (handler) => async (message) => {
            try {
              return await handler(message);
            } catch (error) {
              if (redriven.has(message.id)) throw new PantheonError('actor-invalid', String(error));
              throw error;
            }
          })(bus, makeManualTimers()),
          deadLetters: {
            ...deadLetters,
            redrive: (id) => {
              redriven.add(id);
              return deadLetters.redrive(id);
            },
          },
        };
      },
    ],
    ['handles what two send to one recipient at once', ['bus:8'], perSender],
    [
      'knows an id again from the same sender to the same recipient only',
      ['bus:9'],
      (bus) => {
        const seen = new Map<string, string>();
        return {
          ...bus,
          send: async (message) => {
            const { id } = message ?? {};
            const parties = `${message?.from} ${message?.to}`;
            if (typeof id === 'string' && (seen.get(id) ?? parties) !== parties)
              return { ...(await bus.send({ ...message, id: `${id} ${parties}` })), id };
            if (typeof id === 'string') seen.set(id, parties);
            return bus.send(message);
          },
        };
      },
    ],
    [
      'keeps broadcasts from groups',
      ['bus:12'],
      handlersOf(
        'group',
        (handler) => (message) => (message.to === '*' ? undefined : handler(message)),
      ),
    ],
    [
      'subscribes to what is no name',
      ['bus:12'],
      (bus) => ({
        ...bus,
        subscribe: (handler, options) => {
          try {
            return bus.subscribe(handler, options);
          } catch (error) {
            if (codeOf(error) === 'option-invalid') return () => undefined;
            throw error;
          }
        },
      }),
    ],
    [
      'hands all subscribers one object that can be changed',
      ['port:1'],
      (bus, timers) => {
        const shared = new Map<string, BusMessage>();
        return handlersOf('all', (handler) => (message) => {
          const one = shared.get(message.id) ?? structuredClone(message);
          shared.set(message.id, one);
          return handler(one);
        })(bus, timers);
      },
    ],
    [
      'leaves the timer of a retry behind',
      ['port:2'],
      (bus, timers) =>
        handlersOf('group', (handler) => async (message) => {
          try {
            return await handler(message);
          } catch (error) {
            timers.set(() => undefined, 2_000_000_000);
            throw error;
          }
        })(bus, timers),
    ],
    ['accepts more than it has room for', ['bus:1'], busWith({ capacity: 10_000 })],
    [
      'forgets what led to a message',
      ['bus:2'],
      sendOf((message, bus) =>
        bus.send(
          typeof message?.causationId === 'string'
            ? { ...message, causationId: undefined as never }
            : message,
        ),
      ),
    ],
    ['handles again without a pause', ['bus:7'], busWith({ retryDelayMs: 0 })],
    [
      'lets the recipients of a group wait for each other',
      ['bus:8'],
      handlersOf('group', (handler) => {
        let last: Promise<unknown> = Promise.resolve();
        return (message) => {
          const mine = last.then(() => handler(message));
          last = mine.catch(() => undefined);
          return mine;
        };
      }),
    ],
    [
      'takes a failure for handled',
      ['bus:7', 'bus:8'],
      handlersOf('group', (handler) => async (message) => {
        try {
          await handler(message);
        } catch {
          // Lost.
        }
      }),
    ],
    [
      'acknowledges before the handling',
      ['bus:7', 'bus:8', 'port:2'],
      handlersOf('group', (handler) => (message) => {
        Promise.resolve()
          .then(() => handler(message))
          .catch(() => undefined);
      }),
    ],
    [
      'still delivers what was under way when a handler unsubscribed',
      ['bus:6'],
      (bus) => ({
        ...bus,
        subscribe: (handler, options) => {
          const end = bus.subscribe(handler, options);
          return () => void Promise.resolve().then(end);
        },
      }),
    ],
    [
      'takes the same function twice for one subscription',
      ['bus:6'],
      (bus) => {
        const known = new Map<MessageHandler, () => void>();
        return {
          ...bus,
          subscribe: (handler, options) => {
            const end =
              options === undefined
                ? (known.get(handler) ?? bus.subscribe(handler))
                : bus.subscribe(handler, options);
            if (options === undefined) known.set(handler, end);
            return end;
          },
        };
      },
    ],
    [
      'lets a message overtake another',
      ['bus:4'],
      handlersOf('plain', (handler) => {
        let count = 0;
        return (message) =>
          (count += 1) % 40 === 0 ? void setImmediate(() => handler(message)) : handler(message);
      }),
    ],
    [
      "waits for a plain handler's promise before the next message",
      ['bus:4'],
      (bus) => ({
        ...bus,
        subscribe: (handler, options) => {
          let last: Promise<unknown> | undefined;
          const inTurn: MessageHandler = (message) => {
            if (last !== undefined) return last.then(() => handler(message));
            const result = handler(message);
            if (result instanceof Promise) last = result.catch(() => undefined);
            return result;
          };
          return bus.subscribe(options === undefined ? inTurn : handler, options);
        },
      }),
    ],
    [
      'lets a rejection reach the process',
      ['bus:5'],
      handlersOf('plain', (handler) => (message) => void handler(message)),
    ],
    ['gives up after three deliveries', ['bus:7'], busWith({ maxDeliveries: 3 })],
    [
      'handles again what can never succeed',
      ['bus:7'],
      handlersOf('group', (handler) => async (message) => {
        try {
          await handler(message);
        } catch (error) {
          throw new Error('Try again.', { cause: error });
        }
      }),
    ],
    ['remembers no id', ['bus:9'], busWith({ dedupWindow: 0 })],
    [
      'exchanges messages in microtasks alone',
      ['bus:10'],
      (bus) => {
        const handlers = new Map<string, MessageHandler>();
        return {
          ...bus,
          send: (message) => {
            const player = handlers.get(message?.to);
            if (player === undefined) return bus.send(message);
            const sent = { ...message, id: 'ball', sentAt: 0, hops: 0 };
            queueMicrotask(() => void player(sent));
            return Promise.resolve(sent);
          },
          subscribe: (handler, options) => {
            const isPlayer =
              options?.group === undefined && (options?.to === 'ada' || options?.to === 'bob');
            // Bob of the other cases stays with the bus.
            if (!isPlayer || (options?.to === 'bob' && !handlers.has('ada')))
              return bus.subscribe(handler, options);
            handlers.set(options.to, handler);
            return bus.subscribe(() => undefined, options);
          },
        };
      },
    ],
    [
      'mends a broken text in silence',
      ['bus:11'],
      sendOf((message, bus) =>
        bus.send(
          typeof message?.content === 'string'
            ? { ...message, content: message.content.toWellFormed() }
            : message,
        ),
      ),
    ],
    ['counts characters for bytes', ['bus:11'], busWith({ maxMessageBytes: 3 * 262_144 })],
    [
      'reads a recipient without regard to capitals',
      ['bus:12'],
      (bus) => ({
        ...bus,
        subscribe: (handler, options) => {
          const end = bus.subscribe(handler, options);
          const capitals = options?.to?.toUpperCase();
          const endOther =
            capitals === undefined || capitals === options?.to
              ? () => undefined
              : bus.subscribe(handler, { ...options, to: capitals });
          return () => {
            end();
            endOther();
          };
        },
      }),
    ],
    [
      'drops what nobody takes',
      ['bus:13'],
      (bus) => {
        bus.subscribe(() => undefined);
        return bus;
      },
    ],
    [
      'writes into what it was handed',
      ['port:1'],
      sendOf(async (message, bus) => {
        const sent = await bus.send(message);
        Object.assign(message, { id: sent.id });
        return sent;
      }),
    ],
    [
      'accepts messages after close',
      ['port:2'],
      sendOf((message, bus) =>
        insteadOf(bus.send(message), 'closed', () => ({
          ...message,
          id: 'late',
          sentAt: 0,
          hops: 0,
        })),
      ),
    ],
    [
      'resolves to another message than it delivers',
      ['bus:1'],
      sendOf(async (message, bus) => {
        const sent = await bus.send(message);
        return { ...sent, sentAt: sent.sentAt + 1 };
      }),
    ],
    [
      'sends when the handlers have ended',
      ['bus:1'],
      (bus, timers) => {
        const open = new Set<unknown>();
        return sendOf(async (message, port) => {
          const sent = await port.send(message);
          await new Promise((resolve) => setImmediate(resolve));
          await Promise.all(open);
          return sent;
        })(
          handlersOf('plain', (handler) => (message) => {
            const result = handler(message);
            if (message.content === 'slow') open.add(result);
            return result;
          })(bus, timers),
          timers,
        );
      },
    ],
    [
      'counts hops from one',
      ['bus:2'],
      sendOf((message, bus) =>
        bus.send(
          typeof message?.content === 'string' ? { ...message, hops: message.hops ?? 1 } : message,
        ),
      ),
    ],
    [
      'delivers to two plain subscribers at most',
      ['bus:3', 'bus:5'],
      (bus, timers) => {
        const counts = new Map<string, number>();
        return handlersOf('plain', (handler) => (message) => {
          const count = (counts.get(message.id) ?? 0) + 1;
          counts.set(message.id, count);
          return count > 2 ? undefined : handler(message);
        })(bus, timers);
      },
    ],
    [
      'begins a subscription with what was sent last',
      ['bus:3'],
      (bus) => {
        let last: BusMessage | undefined;
        return {
          ...bus,
          send: async (message) => {
            const sent = await bus.send(message);
            last = sent.content === 'first' ? sent : undefined;
            return sent;
          },
          subscribe: (handler, options) => {
            if (last !== undefined) handler(last);
            return bus.subscribe(handler, options);
          },
        };
      },
    ],
    [
      'gives a message to a handler that subscribed during its delivery',
      ['bus:6'],
      (bus) => {
        let current: BusMessage | undefined;
        return {
          ...bus,
          subscribe: (handler, options) => {
            if (current !== undefined) void handler(current);
            return bus.subscribe((message) => {
              current = message;
              try {
                return handler(message);
              } finally {
                current = undefined;
              }
            }, options);
          },
        };
      },
    ],
    [
      'takes every member for a group of its own',
      ['bus:7', 'bus:8', 'bus:12'],
      (bus) => {
        let members = 0;
        return {
          ...bus,
          subscribe: (handler, options) => {
            members += 1;
            return bus.subscribe(
              handler,
              typeof options?.group !== 'string' || options.group.length > 9
                ? options
                : { ...options, group: `${options.group} ${members}` },
            );
          },
        };
      },
    ],
    [
      'lists dead letters by their ids',
      ['bus:7'],
      (bus) => {
        const { deadLetters } = bus;
        return deadLetters === undefined
          ? bus
          : {
              ...bus,
              deadLetters: {
                ...deadLetters,
                list: async () =>
                  (await deadLetters.list()).toSorted((a, b) =>
                    a.message.id < b.message.id ? -1 : 1,
                  ),
              },
            };
      },
    ],
    [
      'exchanges the messages of a group in microtasks alone',
      ['bus:10'],
      (bus) => {
        let player: MessageHandler | undefined;
        return {
          ...bus,
          send: (message) => {
            if (player === undefined) return bus.send(message);
            const call = player;
            const sent = { ...message, id: 'ball', sentAt: 0, hops: 0 };
            queueMicrotask(() => void call(sent));
            return Promise.resolve(sent);
          },
          subscribe: (handler, options) => {
            if (options?.group === 'players') player = handler;
            return bus.subscribe(handler, options);
          },
        };
      },
    ],
  ],
);

const withoutLetters = (bus: IMessageBus): IMessageBus => {
  const { deadLetters: _, ...rest } = bus;
  return rest;
};

describeBroken<ReturnType<typeof makeMemoryBusHarness>, IMessageBus>(
  'a bus without dead letters',
  busSuite,
  (wrap) => ({
    ...makeMemoryBusHarness((bus, timers) => withoutLetters(wrap(bus, timers))),
    supports: ['capacity', 'close'],
  }),
  [
    ['keeps every rule', [], (bus) => bus],
    ['gives up after three deliveries', ['bus:7'], busWith({ maxDeliveries: 3 })],
    [
      'handles again what can never succeed',
      ['bus:7'],
      handlersOf('group', (handler) => async (message) => {
        try {
          await handler(message);
        } catch (error) {
          throw new Error('Try again.', { cause: error });
        }
      }),
    ],
  ],
);

describeProved(busSuite);
