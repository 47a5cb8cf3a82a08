import type { ILlmPort } from '@promethean/pantheon-core';
import { makeManualTimers, type ManualTimers } from '@promethean/pantheon-core/memory';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answer, codeOf, expectCode, listeners, question, turn } from '../test/fakes.ts';
import { withRateLimit } from './index.ts';

/** A model that takes `durationMs` and notes when its calls began. */
const timed = (
  timers: ManualTimers,
  durationMs = 0,
): ILlmPort & { readonly begun: (readonly [what: unknown, at: number])[]; most: () => number } => {
  const begun: (readonly [unknown, number])[] = [];
  let running = 0;
  let most = 0;
  return {
    begun,
    most: () => most,
    complete: async (request) => {
      begun.push([request.model, timers.now()]);
      running += 1;
      most = Math.max(most, running);
      if (durationMs > 0) await new Promise<void>((resolve) => timers.set(resolve, durationMs));
      running -= 1;
      return answer('done');
    },
  };
};

test('calls beyond the rate wait their turn, first in, first out', async () => {
  const timers = makeManualTimers();
  const llm = timed(timers);
  const port = withRateLimit(llm, { calls: 2, intervalMs: 1_000, timers });
  const calls = ['a', 'b', 'c', 'd', 'e'].map((model) => port.complete(question({ model })));
  await timers.advance(2_000);
  await Promise.all(calls);
  expect(llm.begun).toEqual([
    ['a', 0],
    ['b', 0],
    ['c', 1_000],
    ['d', 1_000],
    ['e', 2_000],
  ]);
  expect(timers.pending()).toBe(0);
});

test('in no window do more calls begin than allowed, none overtakes another, none is lost', async () => {
  const arrivals = fc.array(fc.nat(300), { minLength: 1, maxLength: 40 });
  const settings = fc.record({
    calls: fc.integer({ min: 1, max: 5 }),
    intervalMs: fc.integer({ min: 1, max: 400 }),
    concurrency: fc.integer({ min: 1, max: 4 }),
    durationMs: fc.nat(200),
  });
  await fc.assert(
    fc.asyncProperty(arrivals, settings, async (gaps, { durationMs, ...limits }) => {
      const timers = makeManualTimers();
      const llm = timed(timers, durationMs);
      const port = withRateLimit(llm, { ...limits, maxWaitMs: Infinity, timers });
      const calls: Promise<unknown>[] = [];
      let at = 0;
      gaps.forEach((gap, n) => {
        at += gap;
        timers.set(() => calls.push(port.complete(question({ model: `${n}` }))), at);
      });
      await timers.advance(200_000);
      await Promise.all(calls);
      expect(llm.begun.map(([model]) => model)).toEqual(gaps.map((_, n) => `${n}`));
      expect(llm.most()).toBeLessThanOrEqual(limits.concurrency);
      llm.begun.forEach(([, begunAt], n) => {
        const before = llm.begun[n - limits.calls];
        if (before !== undefined) {
          expect(begunAt - before[1]).toBeGreaterThanOrEqual(limits.intervalMs);
        }
      });
      expect(timers.pending()).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test('a call whose turn cannot come in time is refused at once, with the time to come back', async () => {
  const timers = makeManualTimers();
  const port = withRateLimit(timed(timers), {
    calls: 1,
    intervalMs: 1_000,
    maxWaitMs: 1_500,
    timers,
  });
  await port.complete(question());
  const second = port.complete(question());
  const third = await expectCode(port.complete(question()), 'unavailable');
  expect(third).toMatchObject({ retryable: true, details: { retryAfterMs: 2_000 } });
  const hurried = await expectCode(port.complete(question({ timeoutMs: 100 })), 'unavailable');
  expect(hurried.details).toMatchObject({ retryAfterMs: 2_000 });
  await timers.advance(1_000);
  await second;
  expect(timers.pending()).toBe(0);
});

test('a call that waits for a place in vain is refused when its time is up', async () => {
  const timers = makeManualTimers();
  const llm: ILlmPort = { complete: () => new Promise(() => undefined) };
  const port = withRateLimit(llm, { concurrency: 1, maxWaitMs: 1_000, timers });
  void port.complete(question());
  const own = expectCode(port.complete(question({ timeoutMs: 300 })), 'unavailable');
  const waiting = expectCode(port.complete(question()), 'unavailable');
  await timers.advance(300);
  await own;
  await timers.advance(700);
  await waiting;
  expect(timers.pending()).toBe(0);
});

test('the time in the queue is part of the time of the call', async () => {
  const timers = makeManualTimers();
  const seen: (number | undefined)[] = [];
  const llm: ILlmPort = {
    complete: async ({ timeoutMs }) => {
      seen.push(timeoutMs);
      return answer('done');
    },
  };
  const port = withRateLimit(llm, { calls: 1, intervalMs: 1_000, timers });
  await port.complete(question({ timeoutMs: 5_000 }));
  const second = port.complete(question({ timeoutMs: 5_000 }));
  await timers.advance(1_000);
  await second;
  expect(seen).toEqual([5_000, 4_000]);
});

test('a full queue refuses', async () => {
  const timers = makeManualTimers();
  const port = withRateLimit(timed(timers), { calls: 1, maxQueue: 1, timers });
  await port.complete(question());
  const waiting = port.complete(question());
  await expectCode(port.complete(question()), 'unavailable');
  await timers.advance(1_000);
  await waiting;
});

test('an abort takes a waiting call out of the queue, and the next one moves up', async () => {
  const timers = makeManualTimers();
  const llm = timed(timers);
  const port = withRateLimit(llm, { calls: 1, intervalMs: 1_000, timers });
  const caller = new AbortController();
  const { signal } = caller;
  await port.complete(question({ model: 'first' }));
  const aborted = expectCode(
    port.complete(question({ model: 'aborted', signal })),
    'tick-cancelled',
  );
  const next = port.complete(question({ model: 'next' }));
  caller.abort(new Error('enough'));
  expect((await aborted).cause).toBe(signal.reason);
  expect(listeners(signal)).toBe(0);
  await timers.advance(1_000);
  await next;
  expect(llm.begun).toEqual([
    ['first', 0],
    ['next', 1_000],
  ]);
  await expectCode(port.complete(question({ signal })), 'tick-cancelled');
  expect(timers.pending()).toBe(0);
});

test('a call that comes before a late timer does not overtake those that wait', async () => {
  const timers = makeManualTimers();
  const llm = timed(timers);
  const port = withRateLimit(llm, { calls: 1, intervalMs: 1_000, timers });
  const calls = ['first', 'second'].map((model) => port.complete(question({ model })));
  timers.stall(1_000);
  calls.push(port.complete(question({ model: 'third' })));
  await timers.advance(1_000);
  await Promise.all(calls);
  expect(llm.begun.map(([model]) => model)).toEqual(['first', 'second', 'third']);
});

test('a stream holds its place until it ends or its reader leaves', async () => {
  const timers = makeManualTimers();
  const llm = {
    complete: async () => answer('done'),
    stream: async function* () {
      yield { type: 'text', text: 'one' };
      yield { type: 'message', message: answer('one') };
    },
  } satisfies ILlmPort;
  const port = withRateLimit(llm, { concurrency: 1, timers });
  const chunks = port.stream(question())[Symbol.asyncIterator]();
  await chunks.next();
  let done = false;
  const waiting = port.complete(question()).then(() => (done = true));
  await turn();
  expect(done).toBe(false);
  await chunks.return?.();
  await waiting;
  expect(timers.pending()).toBe(0);
});

test('close refuses those that wait, ends the timers and closes the port', async () => {
  const timers = makeManualTimers();
  let closed = 0;
  const llm = { ...timed(timers), close: async () => void (closed += 1) };
  const port = withRateLimit(llm, { calls: 1, timers });
  await port.complete(question());
  const waiting = [1, 2, 3].map(() => expectCode(port.complete(question()), 'closed'));
  await turn();
  // Their turn has come, and their timer is late.
  timers.stall(5_000);
  await port.close();
  await Promise.all(waiting);
  expect([closed, llm.begun.length, timers.pending()]).toEqual([1, 1, 0]);
});

test('a thousand calls that waited leave neither timers nor listeners', async () => {
  const timers = makeManualTimers();
  const { signal } = new AbortController();
  const port = withRateLimit(timed(timers, 1), { concurrency: 1, timers });
  const calls = Array.from({ length: 1_000 }, () => port.complete(question({ signal })));
  await timers.advance(1_000);
  await Promise.all(calls);
  expect([timers.pending(), listeners(signal)]).toEqual([0, 0]);
});

test('options that cannot be are refused', () => {
  const refused = [
    {},
    { calls: 0 },
    { calls: 1.5 },
    { calls: 1, intervalMs: 0 },
    { concurrency: 0 },
    { calls: 1, maxWaitMs: 0 },
    { calls: 1, maxQueue: 0 },
  ];
  const timers = makeManualTimers();
  expect(refused.map((options) => codeOf(() => withRateLimit(timed(timers), options)))).toEqual(
    refused.map(() => 'option-invalid'),
  );
});
