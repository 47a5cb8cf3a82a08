/**
 * Harnesses as ports on a server have them: time is the host's, nothing happens at once, and a subscription is made by a request that
 * takes its way. What the suites demand must hold here too.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { DeadLetters, IMessageBus, Metadata } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { copyJson, requireMessage, requireOptionName } from '@promethean/pantheon-core/adapter';
import { makeMemoryBus, makeMemoryTools } from '@promethean/pantheon-core/memory';
import type { BusHarness, ToolsHarness } from '@promethean/pantheon-testkit';

const LATENCY_MS = 2;
const QUIET_MS = 25;

const advance = async (ms: number): Promise<void> => {
  await wait(ms);
};

const refuse = (path: string, problem: string): never => {
  throw new PantheonError('message-invalid', `${path} ${problem}.`);
};

export const serverBusHarness = (): BusHarness => {
  const server = makeMemoryBus({ retryDelayMs: 20, capacity: 200 });
  let connection: Promise<unknown> = Promise.resolve();
  let lastActivity = performance.now();
  let underWay = 0;
  let closing: Promise<void> | undefined;

  /** Requests arrive in their order, each after its way to the server, and are answered after the way back. */
  const request = async <T>(run: () => T | Promise<T>): Promise<T> => {
    underWay += 1;
    const arrived = Promise.all([connection, wait(LATENCY_MS)]);
    // Arrived and taken up; the answer is not waited for by the next one.
    const answer = arrived.then(() => ({ value: Promise.resolve().then(run) }));
    connection = answer;
    try {
      return await (
        await answer
      ).value;
    } finally {
      await wait(LATENCY_MS);
      underWay -= 1;
      lastActivity = performance.now();
    }
  };

  const deadLetters: DeadLetters = {
    list: () => request(server.deadLetters.list),
    add: (letter) => request(() => server.deadLetters.add(letter)),
    redrive: (id) => request(() => server.deadLetters.redrive(id)),
  };
  const bus: IMessageBus = {
    send: async (message) => {
      if (closing !== undefined) throw new PantheonError('closed', 'The bus is closed.');
      requireMessage(message, 262_144);
      const { metadata } = message;
      const sent = {
        ...message,
        ...(metadata !== undefined && {
          metadata: copyJson(metadata, 'metadata', refuse) as Metadata,
        }),
      };
      return request(() => server.send(sent));
    },
    subscribe: (handler, options) => {
      if (closing !== undefined) throw new PantheonError('closed', 'The bus is closed.');
      requireOptionName('to', options?.to);
      requireOptionName('group', options?.group);
      let isOver = false;
      let end: (() => void) | undefined;
      void request(() => {
        end = server.subscribe((message) => {
          lastActivity = performance.now();
          return isOver ? undefined : handler(message);
        }, options);
      });
      return () => {
        if (isOver) return;
        isOver = true;
        void request(() => end?.());
      };
    },
    deadLetters,
    close: () => (closing ??= request(server.close)),
  };
  return {
    bus,
    settle: async () => {
      do await wait(5);
      while (underWay > 0 || performance.now() - lastActivity < QUIET_MS);
    },
    now: () => performance.now(),
    advance,
    retryDelayMs: 20,
    capacity: 200,
    supports: ['deadLetters', 'capacity', 'close'],
    close: async () => bus.close?.(),
    leftovers: () => (underWay === 0 ? [] : [`${underWay} requests under way`]),
  };
};

export const realToolsHarness = (): ToolsHarness => {
  const tools = makeMemoryTools();
  return { tools, advance, supports: ['list', 'close'], close: tools.close };
};
