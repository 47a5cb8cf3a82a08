import assert from 'node:assert/strict';
import type {
  BusMessage,
  DeadLetters,
  IMessageBus,
  OutgoingMessage,
  SubscribeOptions,
} from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { attempt, rejectsWith, throwsWith, turn, unhandledDuring, within } from './assertions.ts';
import { deepFreeze } from './freeze.ts';
import { makeGate } from './gate.ts';
import type { Case, Harness, Suite } from './suite.ts';

/**
 * What the bus suite needs. Capabilities for `supports`: `deadLetters`, `capacity` (there is a `capacity`), `close`.
 *
 * The bus is made with its defaults, the delay of retries and the capacity excepted.
 */
export interface BusHarness extends Harness {
  readonly bus: IMessageBus;
  /** Resolves when everything that was sent so far and can be delivered now has been handed to its handlers. */
  readonly settle: () => Promise<void>;
  /** The clock of the bus's retries, in milliseconds. */
  readonly now: () => number;
  /** Lets that much time pass for retries: a manual clock's `advance`, or a real wait. */
  readonly advance: (ms: number) => Promise<void>;
  /** The delay before the first retry, in milliseconds, as the harness configured it. */
  readonly retryDelayMs: number;
  /** With `capacity`: how many messages to one recipient a group holds before `bus-full`; from 200 to 2,000. */
  readonly capacity?: number;
  /** With injected timers: how many are set. */
  readonly pending?: () => number;
}

const letter = (content: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  from: 'ada',
  to: 'bob',
  content,
  ...more,
});

/** A subscription that notes what it gets. */
const listen = (bus: IMessageBus, options?: SubscribeOptions): BusMessage[] => {
  const received: BusMessage[] = [];
  bus.subscribe((message) => void received.push(message), options);
  return received;
};

const contents = (messages: readonly OutgoingMessage[]): readonly string[] =>
  messages.map(({ content }) => content);

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);

/** A few more than a thousand messages, to recipients enough that none has many. */
const THOUSAND = range(1_020).map((n) => letter(`${n}`, { to: `recipient-${n % 60}` }));

/** Requires that each of them was received once, and names the others. */
const requireThousand = (received: readonly BusMessage[]): void => {
  const times = new Map<string, number>();
  for (const { content } of received) times.set(content, (times.get(content) ?? 0) + 1);
  const odd = THOUSAND.filter(({ content }) => times.get(content) !== 1).map(
    ({ content }) => `${content} came ${times.get(content) ?? 0} times`,
  );
  assert.ok(
    odd.length === 0,
    `${odd.length} of ${THOUSAND.length}: ${odd.slice(0, 10).join(', ')}`,
  );
};

/** Sends without waiting in between, then waits for all. */
const sendAll = (
  bus: IMessageBus,
  messages: readonly OutgoingMessage[],
): Promise<readonly BusMessage[]> =>
  within(Promise.all(messages.map((message) => bus.send(message))), 'sending');

const deadLettersOf = (harness: BusHarness): DeadLetters => {
  assert.ok(harness.bus.deadLetters, 'a port that claims "deadLetters" has them');
  return harness.bus.deadLetters;
};

const closeOf = (bus: IMessageBus): Promise<void> => {
  assert.ok(bus.close, 'a port that claims "close" has it');
  return bus.close();
};

/** Lets time pass until the condition holds; five deliveries with the usual delays take 156 times the first delay. */
const passUntil = async (
  harness: BusHarness,
  condition: () => boolean,
  what: string,
): Promise<void> => {
  await harness.settle();
  for (let step = 0; step < 400 && !condition(); step += 1) {
    await harness.advance(harness.retryDelayMs);
    await harness.settle();
  }
  assert.ok(condition(), `${what} did not happen within 400 times the delay of the first retry`);
};

/** Settles until the condition holds, a few times at most, and once more for what should not come. */
const settleUntil = async ({ settle }: BusHarness, condition: () => boolean): Promise<void> => {
  for (let round = 0; round < 30 && !condition(); round += 1) await settle();
  await settle();
};

/** Long enough for a retry that must not come. */
const passLong = async (harness: BusHarness): Promise<void> => {
  await harness.advance(10 * harness.retryDelayMs);
  await harness.settle();
};

/** What is no name of a group or of a recipient. */
const NO_NAMES: readonly unknown[] = ['', 'a\nb', 'a\u0000', 'x'.repeat(257), 'ü'.repeat(129), 7];

const cyclic: Record<string, unknown> = {};
cyclic['self'] = cyclic;

const NO_IDS: readonly unknown[] = [
  '',
  'a\nb',
  'a\u0000',
  '\u007f',
  '\u0085',
  '\ud800',
  'x'.repeat(257),
  'ü'.repeat(129),
  7,
  null,
];

const INVALID: readonly (readonly [what: string, message: unknown])[] = [
  ['no message', null],
  ['a content that is a number', { ...letter(''), content: 7 }],
  ['no content', { from: 'ada', to: 'bob' }],
  ['a content with a lone surrogate', letter('a\ud800b')],
  ['a content with U+0000', letter('a\u0000b')],
  ...NO_IDS.map(
    (from) => [`from ${JSON.stringify(from)}`.slice(0, 40), { ...letter('x'), from }] as const,
  ),
  ...NO_IDS.map((to) => [`to ${JSON.stringify(to)}`.slice(0, 40), { ...letter('x'), to }] as const),
  ...NO_IDS.map((id) => [`id ${JSON.stringify(id)}`.slice(0, 40), { ...letter('x'), id }] as const),
  ['no sender', { to: 'bob', content: 'x' }],
  ...[
    ['a function', { f: () => 1 }],
    ['NaN', { n: Number.NaN }],
    ['a bigint', { n: 1n }],
    ['a date', { d: new Date(0) }],
    ['a map', { m: new Map() }],
    ['undefined in a list', { l: [undefined] }],
    ['a cycle', cyclic],
    ['a text', 'text'],
    ['a list', [1]],
  ].map(
    ([what, metadata]) => [`metadata with ${String(what)}`, { ...letter('x'), metadata }] as const,
  ),
];

const cases: readonly Case<BusHarness>[] = [
  {
    id: 'bus:1',
    title: 'send resolves to the message as it is delivered',
    run: async ({ bus, settle }) => {
      const received = listen(bus);
      const sent = await within(bus.send(letter('good morning')), 'send');
      await settle();
      assert.equal(received.length, 1);
      assert.deepEqual(structuredClone(received[0]), structuredClone(sent));
      assert.deepEqual([sent.from, sent.to, sent.content], ['ada', 'bob', 'good morning']);
    },
  },
  {
    id: 'bus:1b',
    title: 'send does not wait for the handlers',
    run: async ({ bus, settle }) => {
      const gate = makeGate();
      let handled = 0;
      const handler = (): Promise<void> => {
        handled += 1;
        return gate.promise;
      };
      bus.subscribe(handler);
      bus.subscribe(handler, { group: 'workers' });
      try {
        await within(bus.send(letter('slow')), 'send');
        await settle();
        assert.equal(handled, 2);
        await within(bus.send(letter('slow again')), 'the second send');
      } finally {
        gate.open();
      }
      await settle();
    },
  },
  {
    id: 'bus:1c',
    title: 'a full bus rejects, and delivers exactly what it accepted',
    requires: 'capacity',
    run: async (harness) => {
      const { bus, capacity } = harness;
      assert.ok(capacity !== undefined, 'a harness that claims "capacity" tells it');
      const gate = makeGate();
      const received: string[] = [];
      bus.subscribe(
        async ({ content }) => {
          await gate.promise;
          received.push(content);
        },
        { group: 'workers' },
      );
      const accepted: string[] = [];
      let full: unknown;
      try {
        for (let n = 0; full === undefined && n < 2 * capacity + 10; n += 1) {
          await within(
            bus.send(letter(`${n}`)).then(
              () => accepted.push(`${n}`),
              (error: unknown) => (full = error),
            ),
            'send',
          );
        }
        assert.ok(accepted.length >= capacity, `${accepted.length} of ${capacity} were accepted`);
        assert.ok(
          PantheonError.is(full, 'bus-full'),
          `a full bus must reject with bus-full, not ${String(full)}`,
        );
        await within(
          bus.send(letter('elsewhere', { to: 'eve' })),
          'a message to another recipient',
        );
      } finally {
        gate.open();
      }
      await passUntil(
        harness,
        () => received.length > accepted.length,
        'the delivery of what was accepted',
      );
      assert.deepEqual(
        received.filter((content) => content !== 'elsewhere'),
        accepted,
      );
      await within(bus.send(letter('room again')), 'send after the work is done');
      await harness.settle();
    },
  },
  {
    id: 'bus:2',
    title: 'a message gets an id of its own, a time and 0 hops',
    run: async ({ bus }) => {
      const sent = await sendAll(
        bus,
        range(30).map((n) => letter(`${n}`)),
      );
      assert.equal(new Set(sent.map(({ id }) => id)).size, 30);
      for (const { id, sentAt, hops } of sent) {
        assert.ok(typeof id === 'string' && id !== '');
        assert.ok(Number.isFinite(sentAt));
        assert.equal(hops, 0);
      }
    },
  },
  {
    id: 'bus:2b',
    title: 'what the sender gave is kept, in every script',
    run: async ({ bus, settle }) => {
      const received = listen(bus);
      const messages: readonly OutgoingMessage[] = [
        letter('', {
          id: 'own-1',
          causationId: 'earlier',
          hops: 3,
          metadata: { a: [1, { b: null }], c: 'x' },
        }),
        letter('🙂 日本語 \\ " \' \n\t\u2028', { from: '__proto__', to: 'a:b *', id: 'ä/{}' }),
        letter('x', {
          from: 'constructor',
          to: 'x'.repeat(256),
          metadata: JSON.parse('{"__proto__":1,"constructor":2}') as never,
        }),
      ];
      await sendAll(bus, messages);
      await settle();
      // Messages to different recipients may overtake each other.
      for (const message of messages) {
        const { from, content, causationId, id, hops, metadata } =
          received.find((one) => one.to === message.to) ?? assert.fail(`to ${message.to}`);
        assert.deepEqual(
          [from, content, causationId],
          [message.from, message.content, message.causationId],
        );
        if (message.id !== undefined) assert.equal(id, message.id);
        assert.equal(hops, message.hops ?? 0);
        assert.deepEqual(
          new Map(Object.entries(metadata ?? {})),
          new Map(Object.entries(message.metadata ?? {})),
        );
      }
    },
  },
  {
    id: 'bus:3',
    title: 'every plain subscriber gets every message exactly once',
    run: async ({ bus, settle }) => {
      const all = range(3).map(() => listen(bus));
      await sendAll(
        bus,
        range(120).map((n) => letter(`${n}`, { to: `recipient-${n % 7}` })),
      );
      await settle();
      for (const received of all) {
        assert.deepEqual(contents(received).toSorted(), range(120).map(String).toSorted());
      }
    },
  },
  {
    id: 'bus:3b',
    title: 'nothing is delivered inside send, and nothing that was sent before the subscription',
    run: async ({ bus, settle }) => {
      const early = listen(bus);
      const sending = bus.send(letter('first'));
      assert.equal(early.length, 0, 'not inside send');
      await sending;
      const late = listen(bus);
      await settle();
      await bus.send(letter('second'));
      await settle();
      assert.deepEqual(contents(early), ['first', 'second']);
      assert.deepEqual(contents(late), ['second']);
    },
  },
  {
    id: 'bus:3c',
    title: 'of a thousand messages none is lost and none comes twice',
    run: async (harness) => {
      const received = listen(harness.bus);
      await sendAll(harness.bus, THOUSAND);
      await settleUntil(harness, () => received.length >= THOUSAND.length);
      requireThousand(received);
    },
  },
  {
    id: 'bus:4',
    title: 'messages from one sender to one recipient arrive in the order in which they were sent',
    run: async ({ bus, settle }) => {
      const all = [listen(bus), listen(bus, { to: 'bob' })];
      const senders = ['ada', 'eve', 'mia'];
      await sendAll(
        bus,
        range(45).map((n) => letter(`${n}`, { from: senders[n % 3] as string })),
      );
      await settle();
      for (const received of all) {
        assert.equal(received.length, 45);
        for (const sender of senders) {
          const own = received
            .filter(({ from }) => from === sender)
            .map(({ content }) => Number(content));
          assert.deepEqual(
            own,
            own.toSorted((a, b) => a - b),
            `in the order of ${sender}`,
          );
        }
      }
    },
  },
  {
    id: 'bus:4b',
    title: "a plain subscription gets the next message without waiting for its handler's promise",
    run: async ({ bus, settle }) => {
      const started: string[] = [];
      bus.subscribe(({ content }) => {
        started.push(content);
        return new Promise(() => undefined);
      });
      await sendAll(
        bus,
        ['a', 'b', 'c'].map((content) => letter(content)),
      );
      await settle();
      assert.deepEqual(started, ['a', 'b', 'c']);
    },
  },
  {
    id: 'bus:5',
    title: 'a handler that throws, rejects or never settles hurts nobody',
    run: async ({ bus, settle }) => {
      const before = listen(bus);
      const bad: (() => unknown)[] = [
        () => {
          throw new Error('a handler that throws');
        },
        () => {
          throw null;
        },
        () => Promise.reject(new Error('a handler that rejects')),
        () => Promise.reject(undefined),
        () => new Promise(() => undefined),
        () => ({
          get then() {
            throw new Error('a result that cannot be read');
          },
        }),
      ];
      for (const handler of bad) bus.subscribe(handler);
      const after = listen(bus);
      const unhandled = await unhandledDuring(async () => {
        await sendAll(bus, [letter('one'), letter('two')]);
        await settle();
      });
      assert.deepEqual(contents(before), ['one', 'two']);
      assert.deepEqual(contents(after), ['one', 'two']);
      assert.deepEqual(unhandled, [], 'nothing reaches the process');
    },
  },
  {
    id: 'bus:6',
    title:
      'after unsubscribe returned the handler is not called, not for what was sent before either',
    run: async ({ bus, settle }) => {
      const received: string[] = [];
      const unsubscribe = bus.subscribe(({ content }) => received.push(content));
      const other = listen(bus);
      await bus.send(letter('one'));
      await settle();
      const sending = bus.send(letter('two'));
      unsubscribe();
      unsubscribe();
      await sending;
      await bus.send(letter('three'));
      await settle();
      assert.deepEqual(received, ['one']);
      assert.deepEqual(contents(other), ['one', 'two', 'three'], 'others stay');
    },
  },
  {
    id: 'bus:6b',
    title: 'a handler that is unsubscribed during a delivery does not get that message',
    run: async ({ bus, settle }) => {
      const received: string[] = [];
      const ends: (() => void)[] = [];
      // Whichever of the two is called first ends the other.
      ends.push(
        bus.subscribe(() => {
          received.push('first');
          ends[1]?.();
        }),
        bus.subscribe(() => {
          received.push('second');
          ends[0]?.();
        }),
      );
      await bus.send(letter('one'));
      await settle();
      assert.equal(received.length, 1, `both were called: ${received.join(', ')}`);
      await bus.send(letter('two'));
      await settle();
      assert.equal(received.length, 2, 'the other one stays');
    },
  },
  {
    id: 'bus:6c',
    title: 'a handler that subscribes during a delivery does not get that message',
    run: async ({ bus, settle }) => {
      const late: string[] = [];
      let subscribed = 0;
      bus.subscribe(() => {
        if (subscribed > 0) return;
        subscribed += 1;
        bus.subscribe(({ content }) => late.push(content));
      });
      await bus.send(letter('one'));
      await settle();
      assert.equal(subscribed, 1);
      await bus.send(letter('two'));
      await settle();
      assert.deepEqual(late, ['two']);
    },
  },
  {
    id: 'bus:6d',
    title: 'the same function subscribed twice is two subscriptions',
    run: async ({ bus, settle }) => {
      const received: string[] = [];
      const handler = ({ content }: BusMessage): void => void received.push(content);
      const first = bus.subscribe(handler);
      bus.subscribe(handler);
      await bus.send(letter('one'));
      await settle();
      assert.deepEqual(received, ['one', 'one']);
      first();
      first();
      await bus.send(letter('two'));
      await settle();
      assert.deepEqual(received, ['one', 'one', 'two']);
    },
  },
  {
    id: 'bus:6e',
    title: 'a member that left its group is not called again, not with what it has failed either',
    run: async (harness) => {
      const { bus } = harness;
      const left: string[] = [];
      const stayed: string[] = [];
      const leave = bus.subscribe(
        ({ content }) => {
          left.push(content);
          bus.subscribe((message) => void stayed.push(message.content), { group: 'workers' });
          leave();
          return Promise.reject(new Error('not here'));
        },
        { group: 'workers' },
      );
      await bus.send(letter('one'));
      await harness.settle();
      await passLong(harness);
      await bus.send(letter('two'));
      await harness.settle();
      assert.deepEqual(left, ['one']);
      assert.equal(stayed.at(-1), 'two', 'the next member has it');
    },
  },
  {
    id: 'bus:7',
    title: 'a group gives each message to one member, and plain subscribers get it as well',
    run: async ({ bus, settle }) => {
      const members = range(3).map(() => listen(bus, { group: 'workers' }));
      const otherGroup = listen(bus, { group: 'auditors' });
      const plain = listen(bus);
      const all = range(30).map(String);
      await sendAll(
        bus,
        all.map((content) => letter(content, { to: `recipient-${content}` })),
      );
      await settle();
      assert.deepEqual(contents(members.flat()).toSorted(), all.toSorted());
      assert.deepEqual(contents(otherGroup).toSorted(), all.toSorted());
      assert.deepEqual(contents(plain).toSorted(), all.toSorted());
    },
  },
  {
    id: 'bus:7b',
    title: 'a message whose handling failed is handled again, after a delay',
    run: async (harness) => {
      const { bus } = harness;
      const times = { rejected: [] as number[], thrown: [] as number[] };
      bus.subscribe(
        () => {
          times.rejected.push(harness.now());
          return times.rejected.length === 1 ? Promise.reject(new Error('try again')) : undefined;
        },
        { group: 'rejecting', to: 'bob' },
      );
      bus.subscribe(
        () => {
          times.thrown.push(harness.now());
          if (times.thrown.length === 1)
            throw new PantheonError('actor-busy', 'Try again.', { retryable: true });
        },
        { group: 'throwing', to: 'eve' },
      );
      await bus.send(letter('to be rejected'));
      await bus.send(letter('to be thrown', { to: 'eve' }));
      await passUntil(
        harness,
        () => times.rejected.length >= 2 && times.thrown.length >= 2,
        'the second delivery',
      );
      for (const [first = 0, second = 0] of Object.values(times)) {
        // Half of the delay, because a bus may spread its retries.
        assert.ok(
          second - first >= harness.retryDelayMs / 2,
          `handled again after ${second - first} ms, not after ${harness.retryDelayMs}`,
        );
      }
      await passLong(harness);
      assert.deepEqual(
        [times.rejected.length, times.thrown.length],
        [2, 2],
        'what was handled is not handled again',
      );
    },
  },
  {
    id: 'bus:7c',
    title:
      'the delays grow, and after five deliveries the tries end; the dead letter has the last error',
    run: async (harness) => {
      const { bus } = harness;
      const times: number[] = [];
      bus.subscribe(
        () => {
          times.push(harness.now());
          return Promise.reject(new Error(`failure ${times.length}`));
        },
        { group: 'workers' },
      );
      const sent = await bus.send(letter('bad'));
      await passUntil(harness, () => times.length === 5, 'the fifth delivery');
      await passLong(harness);
      assert.equal(times.length, 5);
      const delays = times.slice(1).map((time, index) => time - (times[index] as number));
      assert.deepEqual(
        delays,
        delays.toSorted((a, b) => a - b),
        'no delay is shorter than the one before',
      );
      assert.ok(
        (delays[3] as number) > (delays[0] as number),
        `delays grow: ${delays.join(', ')} ms`,
      );
      if (bus.deadLetters === undefined) return;
      const [dead, ...more] = await bus.deadLetters.list();
      assert.equal(more.length, 0);
      assert.equal(dead?.message.id, sent.id);
      assert.equal(dead.message.content, 'bad');
      assert.equal(dead.attempts, 5);
      assert.ok(
        dead.reason.message.includes('failure 5'),
        `the reason is the last error: ${dead.reason.message}`,
      );
      assert.ok(Number.isFinite(dead.deadAt));
    },
  },
  {
    id: 'bus:7d',
    title: 'an error that says it is not retryable ends the tries at once',
    run: async (harness) => {
      let attempts = 0;
      harness.bus.subscribe(
        () => {
          attempts += 1;
          return Promise.reject(new PantheonError('actor-invalid', 'Never.'));
        },
        { group: 'workers' },
      );
      await harness.bus.send(letter('hopeless'));
      await harness.settle();
      const dead = await harness.bus.deadLetters?.list();
      if (dead !== undefined)
        assert.deepEqual(
          dead.map(({ message, attempts: tried, reason }) => [message.content, tried, reason.code]),
          [['hopeless', 1, 'actor-invalid']],
        );
      await passLong(harness);
      assert.equal(attempts, 1);
    },
  },
  {
    id: 'bus:7e',
    title: 'a dead letter is handled again when it is redriven',
    requires: 'deadLetters',
    run: async (harness) => {
      const letters = deadLettersOf(harness);
      let isRepaired = false;
      const handled: string[] = [];
      harness.bus.subscribe(
        ({ content }) => {
          if (!isRepaired) throw new PantheonError('actor-invalid', 'Not yet.');
          handled.push(content);
        },
        { group: 'workers' },
      );
      const { id } = await harness.bus.send(letter('later'));
      await harness.settle();
      assert.equal((await letters.list()).length, 1);
      isRepaired = true;
      assert.equal(await letters.redrive('no-such-id'), false);
      assert.equal(await letters.redrive(id), true);
      await harness.settle();
      assert.deepEqual(handled, ['later']);
      assert.deepEqual([...(await letters.list())], []);
      assert.equal(await letters.redrive(id), false, 'it is not there any more');
    },
  },
  {
    id: 'bus:7f',
    title: 'a letter that was added is listed, oldest first, and can be redriven',
    requires: 'deadLetters',
    run: async (harness) => {
      const letters = deadLettersOf(harness);
      const received = listen(harness.bus);
      for (const id of ['z', 'a']) {
        await letters.add({
          message: { from: 'ada', to: 'bob', content: `letter ${id}`, id, sentAt: 1, hops: 0 },
          reason: { code: 'hops-exceeded', message: 'Too many hops.', retryable: false },
          attempts: 0,
          deadAt: 2,
        });
      }
      assert.deepEqual(
        (await letters.list()).map(({ message, reason }) => [message.id, reason.code]),
        [
          ['z', 'hops-exceeded'],
          ['a', 'hops-exceeded'],
        ],
      );
      assert.equal(await letters.redrive('a'), true);
      await harness.settle();
      assert.deepEqual(contents(received), ['letter a']);
      assert.deepEqual(
        (await letters.list()).map(({ message }) => message.id),
        ['z'],
      );
    },
  },
  {
    id: 'bus:7g',
    title: 'of a thousand messages a group handles each exactly once',
    run: async (harness) => {
      const members = range(2).map(() => listen(harness.bus, { group: 'workers' }));
      await sendAll(harness.bus, THOUSAND);
      await settleUntil(harness, () => members.flat().length >= THOUSAND.length);
      requireThousand(members.flat());
    },
  },
  {
    id: 'bus:7h',
    title: 'what one group fails to handle comes to nobody else again',
    run: async (harness) => {
      const { bus } = harness;
      const plain = listen(bus);
      const others = listen(bus, { group: 'auditors' });
      let tries = 0;
      bus.subscribe(
        () => {
          tries += 1;
          return tries < 3 ? Promise.reject(new Error('try again')) : undefined;
        },
        { group: 'workers' },
      );
      await bus.send(letter('one'));
      await passUntil(harness, () => tries >= 3, 'the third delivery');
      await passLong(harness);
      assert.equal(tries, 3);
      assert.deepEqual(contents(plain), ['one'], 'a plain subscriber gets it once');
      assert.deepEqual(contents(others), ['one'], 'another group handles it once');
    },
  },
  {
    id: 'bus:7i',
    title: 'a dead letter that is redriven has all its deliveries again',
    requires: 'deadLetters',
    run: async (harness) => {
      const letters = deadLettersOf(harness);
      let tries = 0;
      harness.bus.subscribe(
        () => {
          tries += 1;
          return Promise.reject(
            tries === 1 ? new PantheonError('actor-invalid', 'Never.') : new Error('try again'),
          );
        },
        { group: 'workers' },
      );
      const { id } = await harness.bus.send(letter('bad'));
      await harness.settle();
      assert.equal(await letters.redrive(id), true);
      await passUntil(harness, () => tries >= 6, 'the fifth delivery after the redrive');
      await passLong(harness);
      assert.equal(tries, 6);
      assert.deepEqual(
        (await letters.list()).map(({ message, attempts }) => [message.id, attempts]),
        [[id, 5]],
      );
    },
  },
  {
    id: 'bus:8',
    title:
      'within a group messages to one recipient are handled one at a time and in order, over all members',
    run: async (harness) => {
      const { bus } = harness;
      const handled: BusMessage[] = [];
      let open = 0;
      let most = 0;
      const handler = async (message: BusMessage): Promise<void> => {
        open += 1;
        most = Math.max(most, open);
        await turn();
        handled.push(message);
        open -= 1;
      };
      bus.subscribe(handler, { group: 'workers' });
      bus.subscribe(handler, { group: 'workers' });
      const senders = ['ada', 'eve'];
      await sendAll(
        bus,
        range(20).map((n) => letter(`${n}`, { from: senders[n % 2] as string })),
      );
      await settleUntil(harness, () => handled.length >= 20);
      for (const [index, sender] of senders.entries()) {
        const own = handled.filter(({ from }) => from === sender);
        assert.deepEqual(
          contents(own),
          range(10).map((n) => `${2 * n + index}`),
          `in the order of ${sender}`,
        );
      }
      assert.equal(most, 1, `${most} at a time`);
    },
  },
  {
    id: 'bus:8b',
    title: 'recipients of a group do not wait for each other',
    run: async ({ bus, settle }) => {
      const gate = makeGate();
      const handled: string[] = [];
      bus.subscribe(
        async ({ to, content }) => {
          if (to === 'slow') await gate.promise;
          handled.push(`${to} ${content}`);
        },
        { group: 'workers' },
      );
      try {
        await sendAll(bus, [
          letter('1', { to: 'slow' }),
          letter('2', { to: 'slow' }),
          letter('1', { to: 'quick' }),
          letter('2', { to: 'quick' }),
        ]);
        await settle();
        assert.deepEqual(handled, ['quick 1', 'quick 2']);
      } finally {
        gate.open();
      }
      await settle();
      assert.deepEqual(handled.slice(2), ['slow 1', 'slow 2']);
    },
  },
  {
    id: 'bus:8c',
    title: 'a message that is to be handled again keeps its place before those after it',
    run: async (harness) => {
      const handled: string[] = [];
      harness.bus.subscribe(
        ({ content }) => {
          handled.push(content);
          return handled.length === 1 ? Promise.reject(new Error('try again')) : undefined;
        },
        { group: 'workers' },
      );
      await sendAll(harness.bus, [letter('first'), letter('second')]);
      await passUntil(harness, () => handled.length >= 3, 'the third delivery');
      assert.deepEqual(handled, ['first', 'first', 'second']);
    },
  },
  {
    id: 'bus:9',
    title: 'a message with the id of an earlier one is accepted and not delivered again',
    run: async ({ bus, settle }) => {
      const plain = listen(bus);
      const group = listen(bus, { group: 'workers' });
      const first = await bus.send(letter('one', { id: 'same' }));
      await settle();
      const again = await within(bus.send(letter('one', { id: 'same' })), 'sending again');
      assert.equal(again.id, first.id);
      await sendAll(bus, [letter('two', { id: 'twin' }), letter('two', { id: 'twin' })]);
      const fresh = await bus.send(letter('three'));
      await bus.send(letter('three', { id: fresh.id }));
      await bus.send(letter('another content', { id: 'same' }));
      await bus.send(letter('one', { id: 'same', from: 'eve', to: 'mia' }));
      await settle();
      assert.deepEqual(contents(plain), ['one', 'two', 'three']);
      assert.deepEqual(contents(group).toSorted(), ['one', 'three', 'two']);
    },
  },
  {
    id: 'bus:10',
    title: 'an endless exchange of messages leaves timers their turn',
    run: async ({ bus, settle }) => {
      await endless(async (state) => {
        const answer = ({ from, to }: BusMessage): void => {
          state.count();
          if (state.goesOn())
            void bus.send(letter('ball', { from: to, to: from })).catch(() => undefined);
        };
        bus.subscribe(answer, { to: 'ada' });
        bus.subscribe(answer, { to: 'bob' });
        await bus.send(letter('ball'));
      });
      await settle();
    },
  },
  {
    id: 'bus:10b',
    title: 'an endless exchange between the members of a group leaves timers their turn',
    run: async ({ bus, settle }) => {
      await endless(async (state) => {
        bus.subscribe(
          async ({ from, to }) => {
            state.count();
            await Promise.resolve();
            if (state.goesOn()) await bus.send(letter('ball', { from: to, to: from }));
          },
          { group: 'players' },
        );
        await bus.send(letter('ball'));
      });
      await settle();
    },
  },
  {
    id: 'bus:11',
    title: 'what is no message rejects before anything is delivered',
    run: async ({ bus, settle }) => {
      const received = listen(bus);
      for (const [what, message] of INVALID) {
        await rejectsWith(bus.send(message as OutgoingMessage), 'message-invalid', what);
      }
      await settle();
      assert.deepEqual(received, []);
    },
  },
  {
    id: 'bus:11b',
    title: 'a content of more than 262,144 bytes rejects, one of exactly so many arrives',
    run: async ({ bus, settle }) => {
      const received = listen(bus);
      for (const content of ['x'.repeat(262_145), 'ü'.repeat(131_073), '🙂'.repeat(65_537)]) {
        await rejectsWith(
          bus.send(letter(content)),
          'message-too-large',
          `${Buffer.byteLength(content)} bytes`,
        );
      }
      await settle();
      assert.deepEqual(contents(received), []);
      const longest = ['x'.repeat(262_144), 'ü'.repeat(131_072), '🙂'.repeat(65_536)];
      await sendAll(
        bus,
        longest.map((content) => letter(content)),
      );
      await settle();
      assert.ok(
        received.length === 3 && received.every(({ content }, index) => content === longest[index]),
        'each arrives as it was sent',
      );
    },
  },
  {
    id: 'bus:12',
    title: 'a subscription to one recipient gets its messages and broadcasts, no others',
    run: async ({ bus, settle }) => {
      const names = ['bob', 'BOB', 'bo', '__proto__', 'constructor', 'a*', 'a:b'];
      const received = new Map(names.map((to) => [to, listen(bus, { to })]));
      const everything = listen(bus);
      const shared = listen(bus, { to: 'bob', group: 'workers' });
      const group = listen(bus, { group: 'auditors' });
      for (const to of [...names, 'ab', '*', 'nobody']) await bus.send(letter(`to ${to}`, { to }));
      await settle();
      for (const [to, messages] of received)
        assert.deepEqual(contents(messages), [`to ${to}`, 'to *']);
      assert.deepEqual(contents(shared).toSorted(), ['to *', 'to bob']);
      assert.equal(everything.length, names.length + 3);
      assert.deepEqual(contents(group).toSorted(), contents(everything).toSorted());
    },
  },
  {
    id: 'bus:12b',
    title: 'a subscription to what is no name, or in a group that has none, is refused',
    run: async ({ bus }) => {
      for (const name of NO_NAMES) {
        for (const option of ['to', 'group']) {
          throwsWith(
            () => bus.subscribe(() => undefined, { [option]: name }),
            'option-invalid',
            `${option}: ${JSON.stringify(name).slice(0, 12)}`,
          );
        }
      }
      for (const name of ['x'.repeat(256), 'ü'.repeat(128), '__proto__', 'a:b *'])
        bus.subscribe(() => undefined, { to: name, group: name })();
    },
  },
  {
    id: 'bus:13',
    title: 'a message that no subscription could take is a dead letter',
    requires: 'deadLetters',
    run: async (harness) => {
      const { bus } = harness;
      const letters = deadLettersOf(harness);
      const end = bus.subscribe(() => undefined, { to: 'bob' });
      bus.subscribe(() => undefined, { group: 'workers', to: 'eve' });
      await bus.send(letter('taken'));
      await bus.send(letter('taken by a group', { to: 'eve' }));
      await bus.send(letter('lost', { to: 'nobody' }));
      await harness.settle();
      const dead = await letters.list();
      assert.deepEqual(
        dead.map(({ message, reason, attempts }) => [message.content, reason.code, attempts]),
        [['lost', 'recipient-unknown', 0]],
      );
      end();
      await bus.send(letter('too late'));
      await harness.settle();
      assert.deepEqual(
        (await letters.list()).map(({ message }) => message.content),
        ['lost', 'too late'],
      );
    },
  },
  {
    id: 'port:1',
    title: 'what send is handed is not changed, and can be changed afterwards without effect',
    run: async ({ bus, settle }) => {
      const received = listen(bus);
      await bus.send(deepFreeze(letter('frozen', { metadata: { nested: { a: 1 } } })));
      const message = { ...letter('kept'), metadata: { nested: { list: [1] } } };
      const sending = bus.send(message);
      message.content = 'changed';
      message.to = 'eve';
      message.metadata.nested.list.push(2);
      await sending;
      await settle();
      assert.deepEqual(contents(received), ['frozen', 'kept']);
      assert.equal(received[1]?.to, 'bob');
      assert.deepEqual(structuredClone({ ...received[1]?.metadata }), { nested: { list: [1] } });
    },
  },
  {
    id: 'port:1b',
    title: 'what is handed out can be changed without effect on anybody else',
    run: async (harness) => {
      const { bus } = harness;
      const seen: string[] = [];
      const spoil = (message: BusMessage): void => {
        const { content, metadata = {} } = message;
        seen.push(`${content} ${JSON.stringify(metadata)}`);
        attempt(() => Object.assign(message, { content: 'changed', to: 'eve', id: 'other' }));
        attempt(() => (metadata['list'] as unknown as number[]).push(2));
      };
      bus.subscribe(spoil);
      bus.subscribe(spoil, { to: 'bob' });
      let tries = 0;
      bus.subscribe(
        (message) => {
          spoil(message);
          tries += 1;
          return tries === 1 ? Promise.reject(new Error('try again')) : undefined;
        },
        { group: 'workers' },
      );
      const sent = await bus.send(letter('kept', { metadata: { list: [1] } }));
      await harness.settle();
      await passLong(harness);
      spoil(sent);
      assert.ok(seen.length >= 4, 'all were called');
      assert.deepEqual([...new Set(seen)], ['kept {"list":[1]}']);
    },
  },
  {
    id: 'port:2',
    title: 'close delivers what was accepted, holds nothing, and refuses what comes after it',
    requires: 'close',
    run: async (harness) => {
      const { bus } = harness;
      const plain = listen(bus);
      const group = listen(bus, { group: 'workers' });
      const unsubscribe = bus.subscribe(() => undefined);
      await sendAll(
        bus,
        range(20).map((n) => letter(`${n}`)),
      );
      await within(closeOf(bus), 'close');
      await within(closeOf(bus), 'a second close');
      assert.deepEqual(contents(plain), range(20).map(String));
      assert.deepEqual(contents(group), range(20).map(String));
      await rejectsWith(bus.send(letter('late')), 'closed', 'send after close');
      throwsWith(() => bus.subscribe(() => undefined), 'closed', 'subscribe after close');
      unsubscribe();
      if (harness.pending !== undefined) assert.equal(harness.pending(), 0, 'no timer stays');
    },
  },
  {
    id: 'port:2b',
    title: 'close waits for a handler of a group',
    requires: 'close',
    run: async (harness) => {
      const { bus } = harness;
      const gate = makeGate();
      let ended = false;
      bus.subscribe(
        async () => {
          await gate.promise;
          ended = true;
        },
        { group: 'workers' },
      );
      await bus.send(letter('slow'));
      await harness.settle();
      let closed = false;
      const closing = closeOf(bus).then(() => {
        closed = true;
      });
      await turn();
      const early = closed;
      gate.open();
      await within(closing, 'close');
      assert.equal(early, false, 'the handler still runs');
      assert.equal(ended, true);
      if (harness.pending !== undefined) assert.equal(harness.pending(), 0, 'no timer stays');
    },
  },
  {
    id: 'port:2c',
    title: 'close ends while a message waits to be handled again, and no handler is called later',
    requires: 'close',
    run: async (harness) => {
      const { bus } = harness;
      let tries = 0;
      bus.subscribe(
        () => {
          tries += 1;
          return Promise.reject(new Error('try again'));
        },
        { group: 'workers' },
      );
      await bus.send(letter('bad'));
      await harness.settle();
      let isClosed = false;
      const closing = closeOf(bus).then(() => {
        isClosed = true;
      });
      // A bus may make its tries first, and wait for their delays.
      for (let step = 0; step < 400 && !isClosed && harness.pending !== undefined; step += 1)
        await harness.advance(harness.retryDelayMs);
      await within(closing, 'close');
      const before = tries;
      if (harness.pending !== undefined) {
        assert.equal(harness.pending(), 0, 'no timer stays');
        await harness.advance(200 * harness.retryDelayMs);
      }
      assert.equal(tries, before);
    },
  },
];

/**
 * Starts something that goes on until a real timer of 10 ms has fired, which is set with the first message. A bus that starves timers is
 * stopped after two seconds, from within, and fails.
 */
const endless = async (
  start: (state: { readonly count: () => void; readonly goesOn: () => boolean }) => Promise<void>,
): Promise<void> => {
  const over = makeGate();
  let deadline = Infinity;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  let starved = false;
  let count = 0;
  const end = (): void => {
    isOver = true;
    over.open();
  };
  try {
    await start({
      count: () => {
        count += 1;
        if (count > 1) return;
        deadline = performance.now() + 2_000;
        timer = setTimeout(end, 10);
      },
      goesOn: () => {
        if (performance.now() > deadline && !isOver) {
          starved = true;
          end();
        }
        return !isOver;
      },
    });
    await within(over.promise, 'the exchange');
  } finally {
    clearTimeout(timer);
    isOver = true;
  }
  assert.ok(!starved, `a timer of 10 ms did not fire during two seconds and ${count} messages`);
};

const isolation = async (first: BusHarness, second: BusHarness): Promise<void> => {
  const both = [first, second].map((harness, index) => ({
    harness,
    content: `of harness ${index + 1}`,
    plain: listen(harness.bus),
    group: listen(harness.bus, { group: 'workers' }),
  }));
  for (const { harness, content } of both)
    await within(harness.bus.send(letter(content, { id: 'same' })), 'send');
  for (const { harness } of both) await harness.settle();
  for (const { content, plain, group } of both) {
    assert.deepEqual(contents(plain), [content], 'a plain subscriber gets the own messages only');
    assert.deepEqual(contents(group), [content], 'a group gets the own messages only');
  }
  if (!first.bus.deadLetters || !second.bus.deadLetters) return;
  await first.bus.deadLetters.add({
    message: { from: 'ada', to: 'bob', content: 'of harness 1', id: 'dead', sentAt: 1, hops: 0 },
    reason: { code: 'hops-exceeded', message: 'Too many hops.', retryable: false },
    attempts: 0,
    deadAt: 2,
  });
  assert.deepEqual([...(await second.bus.deadLetters.list())], [], 'no dead letter of the first');
};

/** The contract of `IMessageBus`. */
export const busSuite: Suite<BusHarness> = { port: 'bus', cases, isolation };
