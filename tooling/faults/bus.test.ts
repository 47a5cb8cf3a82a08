/** Group A: the bus in the process, and what its handlers do to it. */
import { noteFigures } from '@promethean/services/figures';
import { PantheonError, type BusMessage } from '@promethean/pantheon-core';
import { type BusFailure, makeManualTimers, makeMemoryBus } from '@promethean/pantheon-core/memory';
import { describe, expect, test } from 'vitest';
import { heapBytes, unhandledDuring } from './desk.ts';

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const turns = async (count: number): Promise<void> => {
  for (let n = 0; n < count; n += 1) await turn();
};
const MESSAGES = 1_000;

const THROWN: readonly (readonly [string, () => unknown])[] = [
  [
    'throws an error',
    () => {
      throw new Error('broken');
    },
  ],
  [
    'throws a string',
    () => {
      throw 'broken';
    },
  ],
  [
    'throws null',
    () => {
      throw null;
    },
  ],
  [
    'throws undefined',
    () => {
      throw undefined;
    },
  ],
  ['rejects at once', () => Promise.reject(new Error('broken'))],
  [
    'rejects after an await',
    async () => {
      await Promise.resolve();
      throw undefined;
    },
  ],
];

describe('a handler fails', () => {
  test.each(THROWN)('A1, A2: one of three handlers %s', async (_how, fail) => {
    const failures: BusFailure[] = [];
    const bus = makeMemoryBus({ onError: (failure) => failures.push(failure) });
    const got = [0, 0];
    bus.subscribe(() => void (got[0]! += 1));
    bus.subscribe(fail);
    bus.subscribe(() => void (got[1]! += 1));
    const unhandled = await unhandledDuring(async () => {
      await Promise.all(
        range(MESSAGES).map((n) => bus.send({ from: 'ada', to: 'bob', content: `${n}` })),
      );
      await bus.close();
    });
    expect({ got, failures: failures.length, unhandled }).toEqual({
      got: [MESSAGES, MESSAGES],
      failures: MESSAGES,
      unhandled: 0,
    });
  });

  test('A1, A2: the figures of all of them', async (context) => {
    const delivered = [0, 0];
    let reported = 0;
    const unhandled = await unhandledDuring(async () => {
      for (const [, fail] of THROWN) {
        const bus = makeMemoryBus({ onError: () => void (reported += 1) });
        bus.subscribe(() => void (delivered[0]! += 1));
        bus.subscribe(fail);
        bus.subscribe(() => void (delivered[1]! += 1));
        for (const n of range(MESSAGES))
          await bus.send({ from: 'ada', to: 'bob', content: `${n}` });
        await bus.close();
      }
    });
    const sent = MESSAGES * THROWN.length;
    noteFigures(context, 'A1', {
      sent,
      first: delivered[0]!,
      third: delivered[1]!,
      reported,
      unhandled,
    });
    expect([delivered, reported, unhandled]).toEqual([[sent, sent], sent, 0]);
  });

  test('A3: one of ten members of a group never ends', async (context) => {
    const timers = makeManualTimers();
    const bus = makeMemoryBus({ timers, capacity: 500 });
    const others = new Map<string, number>();
    let taken = 0;
    bus.subscribe(
      (message) => {
        if (message.to === 'r0') return new Promise(() => {});
        others.set(message.to, (others.get(message.to) ?? 0) + 1);
        return undefined;
      },
      { group: 'workers' },
    );
    let refused = 0;
    for (const n of range(MESSAGES * 10)) {
      await bus
        .send({ from: 'ada', to: `r${n % 10}`, content: `${n}` })
        .catch((error: unknown) => {
          expect(PantheonError.is(error, 'bus-full')).toBe(true);
          refused += 1;
        })
        .then((accepted) => {
          if (accepted?.to === 'r0') taken += 1;
        });
      // A wave at a time, so that only the stuck recipient's mailbox fills up.
      if (n % 100 === 99) await turns(5);
    }
    const handled = Array.from(others.values()).reduce((a, b) => a + b, 0);
    noteFigures(context, 'A3', { handled, waiting: taken, refused });
    expect([handled, taken, refused]).toEqual([MESSAGES * 9, 500, MESSAGES - 500]);
    const closed = bus.close();
    await timers.advance(60_000);
    await closed;
  });
});

describe('speed and order', () => {
  test('A4: a producer of 1 ms and a consumer of 20 ms', async (context) => {
    const timers = makeManualTimers();
    const capacity = 100;
    const bus = makeMemoryBus({ timers, capacity });
    let [running, most, handled] = [0, 0, 0];
    bus.subscribe(
      () => {
        running += 1;
        most = Math.max(most, running);
        return new Promise<void>((resolve) => {
          timers.set(() => {
            running -= 1;
            handled += 1;
            resolve();
          }, 20);
        });
      },
      { group: 'workers' },
    );
    let [accepted, refused, deepest] = [0, 0, 0];
    for (const n of range(10_000)) {
      await bus.send({ from: 'ada', to: 'bob', content: `${n}` }).then(
        () => void (accepted += 1),
        (error: unknown) => {
          expect(PantheonError.is(error, 'bus-full')).toBe(true);
          refused += 1;
        },
      );
      deepest = Math.max(deepest, accepted - handled);
      await timers.advance(1);
    }
    await timers.advance(20 * (capacity + 1));
    noteFigures(context, 'A4', {
      accepted,
      refused,
      handled,
      lost: accepted - handled,
      atOnce: most,
      deepest,
    });
    expect([accepted + refused, accepted - handled, most]).toEqual([10_000, 0, 1]);
    expect(deepest).toBeLessThanOrEqual(capacity);
  });

  test('A6: ten senders to ten recipients through handlers of any duration', async (context) => {
    const timers = makeManualTimers();
    const bus = makeMemoryBus({ timers });
    const last = new Map<string, number>();
    let [wrongOrder, received] = [0, 0];
    let seed = 1;
    const delay = (): number => (seed = (seed * 48_271) % 2_147_483_647) % 7;
    bus.subscribe(
      ({ from, to, content }) =>
        new Promise<void>((resolve) => {
          timers.set(() => {
            const pair = `${from}>${to}`;
            if (Number(content) !== (last.get(pair) ?? -1) + 1) wrongOrder += 1;
            last.set(pair, Number(content));
            received += 1;
            resolve();
          }, delay());
        }),
      { group: 'workers' },
    );
    for (const n of range(100))
      for (const from of range(10))
        for (const to of range(10))
          await bus.send({ from: `s${from}`, to: `r${to}`, content: `${n}` });
    await timers.advance(7 * 1_001);
    noteFigures(context, 'A6', { received, wrongOrder, lost: 10_000 - received });
    expect([received, wrongOrder]).toEqual([10_000, 0]);
  });

  test('A7: neither a handler nor the sender changes what another handler gets', async (context) => {
    const bus = makeMemoryBus();
    const seen: string[] = [];
    const attack = (message: BusMessage): void => {
      const metadata = message.metadata as { nested: { value: string } };
      metadata.nested.value = 'changed by a handler';
    };
    bus.subscribe(attack);
    bus.subscribe((message) => void seen.push(JSON.stringify(message.metadata)));
    const metadata = { nested: { value: 'original' } };
    for (const n of range(100)) {
      const sending = bus.send({ from: 'ada', to: 'bob', content: `${n}`, metadata });
      metadata.nested.value = 'changed by the sender';
      await sending;
      metadata.nested.value = 'original';
    }
    await bus.close();
    const differences = seen.filter((text) => text !== '{"nested":{"value":"original"}}').length;
    noteFigures(context, 'A7', { delivered: seen.length, differences });
    expect([seen.length, differences]).toEqual([100, 0]);
  });
});

describe('recipients', () => {
  test('A9: broadcasts reach all, messages to nobody become dead letters', async (context) => {
    const bus = makeMemoryBus({ maxDeadLetters: 1_000 });
    const stop = bus.subscribe(() => {}, { to: 'bob' });
    let broadcasts = 0;
    const others = range(10).map((n) =>
      bus.subscribe(() => void (broadcasts += 1), { to: `r${n}` }),
    );
    for (const n of range(1_000)) await bus.send({ from: 'ada', to: '*', content: `${n}` });
    await turns(100);
    for (const end of [stop, ...others]) end();
    await bus.send({ from: 'ada', to: 'nobody', content: 'first' });
    await turns(10);
    const before = heapBytes();
    for (const n of range(10_000)) await bus.send({ from: 'ada', to: 'nobody', content: `${n}` });
    await turns(200);
    const letters = await bus.deadLetters.list();
    const grown = Math.round((heapBytes() - before) / 1024);
    noteFigures(context, 'A9', { broadcasts, deadLetters: letters.length, grownKiB: grown });
    expect(broadcasts).toBe(10_000);
    expect(letters).toHaveLength(1_000);
    // A thousand letters, and the ids of ten thousand messages; ten thousand letters would be more.
    expect(grown).toBeLessThan(4 * 1_024);
    expect(new Set(letters.map(({ reason }) => reason.code))).toEqual(
      new Set(['recipient-unknown']),
    );
    await bus.close();
  });

  test('A10: one poison message among a thousand', async (context) => {
    const timers = makeManualTimers();
    const bus = makeMemoryBus({ timers, retryDelayMs: 100 });
    let [done, attempts] = [0, 0];
    bus.subscribe(
      ({ content }) => {
        if (content !== '500') return void (done += 1);
        attempts += 1;
        throw new Error('poison');
      },
      { group: 'workers' },
    );
    for (const n of range(MESSAGES)) await bus.send({ from: 'ada', to: 'bob', content: `${n}` });
    await turns(50);
    const policyMs = 100 * (1 + 5 + 30 + 120);
    await timers.advance(policyMs);
    await turns(50);
    const letters = await bus.deadLetters.list();
    noteFigures(context, 'A10', {
      done,
      attempts,
      deadLetters: letters.length,
      headOfLineMs: policyMs,
    });
    expect([done, attempts, letters.length, letters[0]?.attempts]).toEqual([MESSAGES - 1, 5, 1, 5]);
    await bus.close();
  });

  test('A11: a million recipients, one message each', async (context) => {
    const bus = makeMemoryBus();
    let handled = 0;
    bus.subscribe(() => void (handled += 1), { group: 'workers' });
    const sendTo = async (from: number, until: number): Promise<void> => {
      for (let n = from; n < until; n += 1)
        await bus.send({ from: 'ada', to: `actor-${n}`, content: 'hello' });
      await turns(100);
    };
    await sendTo(0, 100_000);
    const early = heapBytes();
    await sendTo(100_000, 1_000_000);
    const late = heapBytes();
    noteFigures(context, 'A11', {
      handled,
      heapAfter100kMiB: (early / 2 ** 20).toFixed(0),
      heapAfter1MMiB: (late / 2 ** 20).toFixed(0),
    });
    expect(handled).toBe(1_000_000);
    // Nine tenths of the recipients came after the first look: kept ones would be hundreds of megabytes.
    expect(late - early).toBeLessThan(64 * 2 ** 20);
    await bus.close();
  }, 60_000);
});
