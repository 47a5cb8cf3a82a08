import type { ErrorCode, Tool } from '@promethean/pantheon-core';
import {
  makeManualTimers,
  makeMemoryTools,
  type ManualTimers,
  type MemoryTools,
} from '@promethean/pantheon-core/memory';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codeOf, expectCode, failure, listeners, turn } from '../test/fakes.ts';
import { type BatchedCall, type BatchOptions, type Decorated, withBatching } from './index.ts';

const embed: Tool = {
  name: 'embed',
  parameters: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
  invoke: () => 'alone',
};

const lengths = (calls: readonly BatchedCall[]): number[] =>
  calls.map(({ args }) => String(args['text']).length);

const embedding = (
  timers: ManualTimers,
  options: Partial<BatchOptions> = {},
): { readonly port: Decorated<MemoryTools>; readonly sizes: number[] } => {
  const sizes: number[] = [];
  const port = withBatching(makeMemoryTools({ timers }), {
    batches: {
      embed: {
        run: (calls) => {
          sizes.push(calls.length);
          return lengths(calls);
        },
        ...options,
      },
    },
    timers,
  });
  port.register(embed);
  return { port, sizes };
};

test('calls that come together run as one batch, each with its own result', async () => {
  const timers = makeManualTimers();
  const { port, sizes } = embedding(timers);
  const calls = ['a', 'bb', 'ccc'].map((text) => port.invoke('embed', { text }));
  await timers.advance(5);
  expect(await Promise.all(calls)).toEqual([1, 2, 3]);
  expect([sizes, timers.pending()]).toEqual([[3], 0]);
});

test('a full batch does not wait', async () => {
  const { port, sizes } = embedding(makeManualTimers(), { maxSize: 2 });
  expect(await Promise.all(['a', 'bb'].map((text) => port.invoke('embed', { text })))).toEqual([
    1, 2,
  ]);
  expect(sizes).toEqual([2]);
});

test('whatever the times and sizes, every call gets its own result, and no batch is too large', async () => {
  const texts = fc.array(fc.record({ text: fc.string({ maxLength: 20 }), gap: fc.nat(8) }), {
    maxLength: 40,
  });
  await fc.assert(
    fc.asyncProperty(texts, fc.integer({ min: 1, max: 6 }), async (inputs, maxSize) => {
      const timers = makeManualTimers();
      const { port, sizes } = embedding(timers, { maxSize });
      const calls: Promise<unknown>[] = [];
      for (const { text, gap } of inputs) {
        calls.push(port.invoke('embed', { text }));
        if (gap > 0) await timers.advance(gap);
      }
      await timers.advance(5);
      expect(await Promise.all(calls)).toEqual(inputs.map(({ text }) => text.length));
      expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(maxSize);
      expect(timers.pending()).toBe(0);
    }),
    { numRuns: 50 },
  );
});

test('no listener stays on the signals of a batch that has run', async () => {
  const signals: AbortSignal[] = [];
  const { port } = embedding(makeManualTimers(), {
    maxSize: 100,
    run: (calls) => {
      for (const { call } of calls) if (call.signal !== undefined) signals.push(call.signal);
      return lengths(calls);
    },
  });
  const { signal } = new AbortController();
  for (let n = 0; n < 10; n += 1) {
    const calls = Array.from({ length: 100 }, () =>
      port.invoke('embed', { text: 'a' }, { signal }),
    );
    await Promise.all(calls);
  }
  expect(signals).toHaveLength(1_000);
  expect(new Set([signal, ...signals].map(listeners))).toEqual(new Set([0]));
});

test('arguments that the schema forbids do not reach a batch', async () => {
  const timers = makeManualTimers();
  const { port, sizes } = embedding(timers);
  await expectCode(port.invoke('embed', { text: 7 }), 'action-invalid');
  expect([sizes, timers.pending()]).toEqual([[], 0]);
});

test('an error in a place fails that call alone, a rejection fails all', async () => {
  const timers = makeManualTimers();
  const { port } = embedding(timers, {
    maxSize: 2,
    run: (calls) => calls.map(({ args }) => (args['text'] === '' ? failure('tool-failed') : 'ok')),
  });
  const [good, bad] = [port.invoke('embed', { text: 'a' }), port.invoke('embed', { text: '' })];
  await expectCode(bad, 'tool-failed');
  expect(await good).toBe('ok');

  const failing: readonly (readonly [run: BatchOptions['run'], code: ErrorCode])[] = [
    [() => Promise.reject(new Error('out of order')), 'tool-failed'],
    [() => [1, 2, 3], 'tool-result-invalid'],
    [() => ({ length: 2 }) as never, 'tool-result-invalid'],
  ];
  for (const [run, code] of failing) {
    const { port: broken } = embedding(timers, { maxSize: 2, run });
    const calls = ['a', 'b'].map((text) => expectCode(broken.invoke('embed', { text }), code));
    await Promise.all(calls);
  }
});

test('a call that is given up leaves its batch, and the last one ends it', async () => {
  const timers = makeManualTimers();
  const seen: (readonly [size: number, signal: AbortSignal])[] = [];
  const { port } = embedding(timers, {
    run: (calls, { signal }) => {
      seen.push([calls.length, signal]);
      return new Promise(() => undefined);
    },
  });
  const [early, late] = [new AbortController(), new AbortController()];
  const invoke = (caller: AbortController): Promise<unknown> =>
    expectCode(port.invoke('embed', { text: 'a' }, { signal: caller.signal }), 'tick-cancelled');
  const first = invoke(early);
  const second = invoke(late);
  early.abort();
  await first;
  await timers.advance(5);
  expect(seen.map(([size]) => size)).toEqual([1]);
  expect(seen[0]?.[1].aborted).toBe(false);
  late.abort();
  await second;
  expect(seen[0]?.[1].aborted).toBe(true);

  const only = new AbortController();
  const alone = invoke(only);
  only.abort();
  await alone;
  await timers.advance(5);
  expect([seen.length, timers.pending(), listeners(only.signal)]).toEqual([1, 0, 0]);
});

test("the port's own time limit holds for each call of a batch", async () => {
  const timers = makeManualTimers();
  const { port } = embedding(timers, { run: () => new Promise(() => undefined) });
  const call = expectCode(port.invoke('embed', { text: 'a' }, { timeoutMs: 100 }), 'timeout');
  await timers.advance(100);
  await call;
  expect(timers.pending()).toBe(0);
});

test('close runs what waits, and other tools are as they were', async () => {
  const timers = makeManualTimers();
  const { port, sizes } = embedding(timers);
  port.register({ name: 'other', invoke: () => 'other' });
  expect(await port.invoke('other', {})).toBe('other');
  const waiting = port.invoke('embed', { text: 'abc' });
  await turn();
  await port.close();
  expect(await waiting).toBe(3);
  expect([sizes, timers.pending()]).toEqual([[1], 0]);
});

test('a tool that the port has already and options that cannot be are refused', () => {
  const run = lengths;
  const tools = makeMemoryTools();
  tools.register(embed);
  const refused = [
    () => withBatching(tools, { batches: { embed: { run } } }),
    () => withBatching(makeMemoryTools(), { batches: { embed: { run, maxSize: 0 } } }),
    () => withBatching(makeMemoryTools(), { batches: { embed: { run, maxDelayMs: -1 } } }),
    () => withBatching(makeMemoryTools(), { batches: { embed: {} as never } }),
    () => withBatching(makeMemoryTools(), {} as never),
  ];
  expect(refused.map(codeOf)).toEqual(refused.map(() => 'option-invalid'));
});
