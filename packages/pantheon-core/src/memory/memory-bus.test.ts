import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PantheonError } from '../core/errors.ts';
import type { BusMessage, OutgoingMessage } from '../core/types.ts';
import { makeManualTimers } from './manual-timers.ts';
import { type BusFailure, makeMemoryBus } from './memory-bus.ts';

const letter = (content: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  from: 'ada',
  to: 'bob',
  content,
  ...more,
});

const hostTurns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);

const code = (expected: string): object => expect.objectContaining({ code: expected });

describe('the order of a pair', () => {
  test('is kept whatever the senders do between their messages', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ from: fc.nat(2), to: fc.nat(2), pause: fc.nat(3) }), {
          maxLength: 60,
        }),
        async (plan) => {
          const bus = makeMemoryBus();
          const received: BusMessage[] = [];
          bus.subscribe((message) => void received.push(message));
          await Promise.all(
            [0, 1, 2].map(async (sender) => {
              for (const [n, { from, to, pause }] of plan.entries()) {
                if (from !== sender) continue;
                const sending = bus.send(letter(`${n}`, { from: `s${from}`, to: `r${to}` }));
                if (pause === 1) await sending;
                if (pause > 1) await hostTurns(pause - 1);
              }
            }),
          );
          await hostTurns(5);
          expect(received).toHaveLength(plan.length);
          for (const pair of new Set(received.map(({ from, to }) => `${from} ${to}`))) {
            const order = received
              .filter(({ from, to }) => `${from} ${to}` === pair)
              .map(({ content }) => Number(content));
            expect(order).toEqual(order.toSorted((a, b) => a - b));
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('subscriptions that come and go', () => {
  test('get exactly what was sent while they were there', async () => {
    type Step = { readonly kind: 'send' | 'join' | 'leave' | 'turn'; readonly which: number };
    const steps = fc.array(
      fc.record<Step>({
        kind: fc.constantFrom('send', 'join', 'leave', 'turn'),
        which: fc.nat(4),
      }),
      { maxLength: 80 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (plan) => {
        const bus = makeMemoryBus();
        const present = new Map<
          number,
          { readonly end: () => void; readonly expected: string[]; readonly got: string[] }
        >();
        const all: { readonly expected: string[]; readonly got: string[]; gone: boolean }[] = [];
        let sent = 0;
        for (const { kind, which } of plan) {
          if (kind === 'turn') await hostTurns(3);
          if (kind === 'send') {
            const content = `${sent++}`;
            void bus.send(letter(content, { to: `r${which}` }));
            for (const [key, { expected }] of present) {
              if (key % 2 === 0 || key === which) expected.push(content);
            }
          }
          if (kind === 'leave') {
            present.get(which)?.end();
            present.delete(which);
          }
          if (kind === 'join' && !present.has(which)) {
            const record = { expected: [] as string[], got: [] as string[], gone: false };
            // Even ones take everything, odd ones are addressed.
            const end = bus.subscribe(
              ({ content }) => {
                expect(record.gone).toBe(false);
                record.got.push(content);
              },
              which % 2 === 0 ? {} : { to: `r${which}` },
            );
            all.push(record);
            present.set(which, {
              ...record,
              end: () => {
                end();
                record.gone = true;
              },
            });
          }
        }
        await hostTurns(5);
        for (const { expected, got, gone } of all) {
          // Who left misses what was still under way, and nothing before it.
          expect(got).toEqual(gone ? expected.slice(0, got.length) : expected);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('are joined and left a hundred thousand times without a growing cost', async () => {
    const bus = makeMemoryBus();
    const ends = range(100_000).map((n) =>
      bus.subscribe(() => undefined, n % 2 === 0 ? {} : { to: `r${n}` }),
    );
    for (const end of ends.toReversed()) end();
    let got = 0;
    bus.subscribe(() => (got += 1));
    await bus.send(letter('after'));
    expect(got).toBe(1);
  });
});

describe('a group', () => {
  test('handles every message of a recipient in order and to its end, whatever fails and however long it takes', async () => {
    const plans = fc.array(
      fc.record({ to: fc.nat(2), failures: fc.nat(6), isSlow: fc.boolean() }),
      { maxLength: 25 },
    );
    await fc.assert(
      fc.asyncProperty(plans, fc.integer({ min: 1, max: 3 }), async (plan, members) => {
        const timers = makeManualTimers();
        const bus = makeMemoryBus({ timers, retryDelayMs: 10 });
        const tries = plan.map(() => 0);
        const finished: number[] = [];
        const open = new Set<string>();
        for (const _ of range(members)) {
          bus.subscribe(
            async ({ content, to }) => {
              const n = Number(content);
              const { failures, isSlow } = plan[n] as (typeof plan)[number];
              expect(open.has(to)).toBe(false);
              open.add(to);
              if (isSlow) await hostTurns(1);
              open.delete(to);
              tries[n] = (tries[n] ?? 0) + 1;
              if ((tries[n] ?? 0) <= failures) throw new Error(`failure of ${n}`);
              finished.push(n);
            },
            { group: 'workers' },
          );
        }
        await Promise.all(plan.map(({ to }, n) => bus.send(letter(`${n}`, { to: `r${to}` }))));
        await hostTurns(60);
        // Enough for each message to fail to its end, one after the other.
        for (let step = 0; step < plan.length * 5; step += 1) {
          await timers.advance(1_200);
          await hostTurns(3);
        }
        expect(tries).toEqual(plan.map(({ failures }) => Math.min(failures + 1, 5)));
        for (const to of range(3)) {
          const own = finished.filter((n) => plan[n]?.to === to);
          expect(own).toEqual(own.toSorted((a, b) => a - b));
        }
        const dead = (await bus.deadLetters.list()).map(({ message }) => Number(message.content));
        expect([...finished, ...dead].toSorted((a, b) => a - b)).toEqual(plan.map((_, n) => n));
        expect(timers.pending()).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  test('keeps what it accepted for its next member', async () => {
    const bus = makeMemoryBus();
    const handled: string[] = [];
    const leave = bus.subscribe(({ content }) => handled.push(`first ${content}`), {
      group: 'workers',
      to: 'bob',
    });
    void bus.send(letter('one'));
    void bus.send(letter('two'));
    leave();
    await hostTurns(1);
    expect(handled).toEqual([]);
    bus.subscribe(() => handled.push('of another recipient'), { group: 'workers', to: 'eve' });
    await hostTurns(1);
    bus.subscribe(({ content }) => handled.push(`second ${content}`), { group: 'workers' });
    await hostTurns(1);
    expect(handled).toEqual(['second one', 'second two']);
    expect(await bus.deadLetters.list()).toEqual([]);
  });

  test('takes what its members take, and a message once even when several would', async () => {
    const bus = makeMemoryBus();
    const handled: string[] = [];
    const note = ({ to }: BusMessage): void => void handled.push(to);
    bus.subscribe(note, { group: 'workers', to: 'bob' });
    bus.subscribe(note, { group: 'workers', to: 'eve' });
    for (const to of ['bob', 'mia', '*', 'eve']) void bus.send(letter('x', { to }));
    await hostTurns(1);
    expect(handled.toSorted()).toEqual(['*', 'bob', 'eve']);
    bus.subscribe(note, { group: 'workers' });
    for (const to of ['bob', 'mia', '*']) void bus.send(letter('x', { to }));
    await hostTurns(1);
    expect(handled.slice(3).toSorted()).toEqual(['*', 'bob', 'mia']);
    expect((await bus.deadLetters.list()).map(({ message }) => message.to)).toEqual(['mia']);
  });

  test('gives its members turns', async () => {
    const bus = makeMemoryBus();
    const counts = [0, 0, 0];
    for (const member of range(3))
      bus.subscribe(() => (counts[member] = (counts[member] ?? 0) + 1), { group: 'workers' });
    for (const n of range(30)) void bus.send(letter('x', { to: `r${n}` }));
    await hostTurns(1);
    expect(counts).toEqual([10, 10, 10]);
  });

  test('waits 1, 5, 30 and 120 times the delay between its deliveries', async () => {
    const timers = makeManualTimers();
    const bus = makeMemoryBus({ timers, retryDelayMs: 10 });
    const times: number[] = [];
    bus.subscribe(
      () => {
        times.push(timers.now());
        throw new Error('no');
      },
      { group: 'workers' },
    );
    await bus.send(letter('x'));
    await timers.advance(10_000);
    expect(times).toEqual([0, 10, 60, 360, 1_560]);
  });
});

describe('dead letters', () => {
  const failing = async (): Promise<{
    readonly bus: ReturnType<typeof makeMemoryBus>;
    readonly repair: () => void;
    readonly handled: readonly string[];
  }> => {
    const bus = makeMemoryBus();
    const handled: string[] = [];
    let isBroken = true;
    bus.subscribe(
      () => {
        if (isBroken) throw new PantheonError('actor-invalid', 'Never.');
        handled.push('failing group');
      },
      { group: 'failing' },
    );
    bus.subscribe(() => handled.push('other group'), { group: 'other' });
    bus.subscribe(() => handled.push('plain'));
    return { bus, handled, repair: () => (isBroken = false) };
  };

  test('go again to the group that gave them up, and to no one else', async () => {
    const { bus, repair, handled } = await failing();
    const { id } = await bus.send(letter('x'));
    await hostTurns(1);
    expect(handled.toSorted()).toEqual(['other group', 'plain']);
    repair();
    expect(await bus.deadLetters.redrive(id)).toBe(true);
    await hostTurns(1);
    expect(handled.slice(2)).toEqual(['failing group']);
  });

  test('are bounded; the oldest beyond is reported', async () => {
    const failures: BusFailure[] = [];
    const bus = makeMemoryBus({ maxDeadLetters: 2, onError: (failure) => failures.push(failure) });
    for (const content of ['one', 'two', 'three']) await bus.send(letter(content));
    await hostTurns(1);
    expect((await bus.deadLetters.list()).map(({ message }) => message.content)).toEqual([
      'two',
      'three',
    ]);
    expect(
      failures.map(({ message, error }) => [message.content, (error as PantheonError).code]),
    ).toEqual([['one', 'bus-full']]);
  });

  test('stay when there is no room for them', async () => {
    const { bus } = await failing();
    const full = makeMemoryBus({ capacity: 1 });
    full.subscribe(() => new Promise(() => undefined), { group: 'workers' });
    const message = { ...letter('x'), id: 'x', sentAt: 0, hops: 0 };
    await full.send(letter('first'));
    await full.deadLetters.add({
      message,
      reason: { code: 'timeout', message: '', retryable: true },
      attempts: 1,
      deadAt: 0,
    });
    await expect(full.deadLetters.redrive('x')).rejects.toMatchObject({
      code: 'bus-full',
      retryable: true,
    });
    expect(await full.deadLetters.list()).toHaveLength(1);
    await bus.close();
  });
});

describe('close', () => {
  test('repeats failed deliveries without a pause', async () => {
    const timers = makeManualTimers();
    const bus = makeMemoryBus({ timers });
    let attempts = 0;
    bus.subscribe(
      async () => {
        attempts += 1;
        if (attempts < 4) throw new Error('not yet');
      },
      { group: 'workers' },
    );
    await bus.send(letter('x'));
    await hostTurns(1);
    expect([attempts, timers.pending()]).toEqual([1, 1]);
    await bus.close();
    expect([attempts, timers.pending()]).toEqual([4, 0]);
  });

  test('reports what a handler never finished, after its time', async () => {
    const timers = makeManualTimers();
    const failures: BusFailure[] = [];
    const bus = makeMemoryBus({
      timers,
      closeTimeoutMs: 100,
      onError: (failure) => failures.push(failure),
    });
    let settle: (error: Error) => void = () => undefined;
    bus.subscribe(() => new Promise((_, reject) => (settle = reject)), { group: 'workers' });
    await bus.send(letter('one'));
    await bus.send(letter('two'));
    await hostTurns(1);
    const closing = bus.close();
    await timers.advance(100);
    await closing;
    expect(
      failures.map(({ message, error }) => [message.content, (error as PantheonError).code]),
    ).toEqual([
      ['one', 'closed'],
      ['two', 'closed'],
    ]);
    settle(new Error('too late'));
    await hostTurns(1);
    expect(failures).toHaveLength(2);
    expect(timers.pending()).toBe(0);
  });

  test('reports what a group without members holds', async () => {
    const failures: BusFailure[] = [];
    const bus = makeMemoryBus({ onError: (failure) => failures.push(failure) });
    const leave = bus.subscribe(() => undefined, { group: 'workers' });
    void bus.send(letter('stranded'));
    leave();
    await bus.close();
    expect(failures).toEqual([
      { message: expect.objectContaining({ content: 'stranded' }), error: code('closed') },
    ]);
  });

  test('can be called by a handler, and delivers what that handler sent before', async () => {
    const bus = makeMemoryBus();
    const received: string[] = [];
    let closing: Promise<void> | undefined;
    bus.subscribe(({ content }) => {
      received.push(content);
      if (content !== 'first') return;
      void bus.send(letter('second'));
      closing = bus.close();
    });
    await bus.send(letter('first'));
    await hostTurns(1);
    await closing;
    expect(received).toEqual(['first', 'second']);
  });
});

describe('onError', () => {
  test('gets what handlers threw and rejected with, once for each failed delivery', async () => {
    const timers = makeManualTimers();
    const failures: BusFailure[] = [];
    const bus = makeMemoryBus({
      timers,
      maxDeliveries: 2,
      onError: (failure) => failures.push(failure),
    });
    bus.subscribe(() => {
      throw 'thrown';
    });
    bus.subscribe(() => Promise.reject('rejected'));
    bus.subscribe(() => Promise.reject('grouped'), { group: 'workers' });
    await bus.send(letter('x'));
    await timers.advance(1_000);
    expect(failures.map(({ error }) => String(error)).toSorted()).toEqual([
      'grouped',
      'grouped',
      'rejected',
      'thrown',
    ]);
  });

  test('may throw without an effect', async () => {
    const bus = makeMemoryBus({
      onError: () => {
        throw new Error('the reporter is broken');
      },
    });
    bus.subscribe(() => {
      throw new Error('no');
    });
    let got = 0;
    bus.subscribe(() => (got += 1));
    await bus.send(letter('x'));
    await hostTurns(1);
    expect(got).toBe(1);
  });
});

describe('a fast sender', () => {
  test('is slowed down while many messages wait, and loses none', async () => {
    const bus = makeMemoryBus();
    let delivered = 0;
    bus.subscribe(() => (delivered += 1));
    let greatestLead = 0;
    for (let n = 1; n <= 20_000; n += 1) {
      await bus.send(letter('x'));
      greatestLead = Math.max(greatestLead, n - delivered);
    }
    expect(greatestLead).toBeLessThan(5_000);
    await bus.close();
    expect(delivered).toBe(20_000);
  });
});

describe('ids', () => {
  test('come from newId, which must not repeat itself', async () => {
    const ids = ['a', 'b', 'b', 'c'];
    const bus = makeMemoryBus({ newId: () => ids.shift() ?? '' });
    expect((await bus.send(letter('x'))).id).toBe('a');
    expect((await bus.send(letter('x'))).id).toBe('b');
    await expect(bus.send(letter('x'))).rejects.toMatchObject({ code: 'option-invalid' });
    expect((await bus.send(letter('x'))).id).toBe('c');
    await expect(bus.send(letter('x'))).rejects.toMatchObject({ code: 'option-invalid' });
  });

  test('are remembered for the window, chosen and generated ones alike, and not for ever', async () => {
    const bus = makeMemoryBus({ dedupWindow: 100 });
    const received: string[] = [];
    bus.subscribe(({ id }) => received.push(id));
    const sent = [];
    for (const n of range(500))
      sent.push(await bus.send(n % 2 === 0 ? letter('x') : letter('x', { id: `own-${n}` })));
    await hostTurns(10);
    expect(received).toHaveLength(500);
    for (const { id } of sent.slice(-100)) await bus.send(letter('again', { id }));
    await hostTurns(10);
    expect(received).toHaveLength(500);
    for (const { id } of sent.slice(0, 10)) await bus.send(letter('again', { id }));
    await hostTurns(10);
    expect(received).toHaveLength(510);
  });

  test('that only look generated are ids of their own', async () => {
    const bus = makeMemoryBus({ now: () => 36 });
    const received: string[] = [];
    bus.subscribe(({ id }) => received.push(id));
    await bus.send(letter('x'));
    const odd = ['m-10-01', 'm-10-1.0', 'm-10- 1', 'm-10-', 'm-10-0', 'm-10-7'];
    for (const id of odd) await bus.send(letter('x', { id }));
    await hostTurns(1);
    expect(received).toEqual(['m-10-1', ...odd]);
  });

  test('of a message that was refused are free', async () => {
    const bus = makeMemoryBus({ capacity: 1 });
    const handled: string[] = [];
    let release: () => void = () => undefined;
    bus.subscribe(
      ({ content }) => {
        handled.push(content);
        return new Promise<void>((resolve) => (release = resolve));
      },
      { group: 'workers' },
    );
    await bus.send(letter('first'));
    await expect(bus.send(letter('second', { id: 'mine' }))).rejects.toMatchObject({
      code: 'bus-full',
    });
    await hostTurns(1);
    release();
    await hostTurns(1);
    await bus.send(letter('second', { id: 'mine' }));
    await hostTurns(1);
    expect(handled).toEqual(['first', 'second']);
  });
});

describe('options', () => {
  test.each([
    { maxMessageBytes: 0 },
    { maxDeliveries: Number.NaN },
    { retryDelayMs: -1 },
    { dedupWindow: 1.5 },
    { maxDeadLetters: Infinity },
    { capacity: 0 },
    { closeTimeoutMs: -5 },
  ])('%j is refused', (options) => {
    expect(() => makeMemoryBus(options)).toThrow(code('option-invalid'));
  });

  test('of a subscription are checked', () => {
    const bus = makeMemoryBus();
    expect(() => bus.subscribe(undefined as never)).toThrow(code('option-invalid'));
    expect(() => bus.subscribe(() => undefined, { to: '' })).toThrow(code('option-invalid'));
    expect(() => bus.subscribe(() => undefined, { group: 'a\nb' })).toThrow(code('option-invalid'));
  });
});
