/** Groups G3 to G5: tools that misbehave. */
import { makeFunctionTools } from '@promethean/adapter-function-tools';
import { noteFigures } from '@promethean/services/figures';
import { type IToolPort, PantheonError, type Tool } from '@promethean/pantheon-core';
import { makeMemoryTools } from '@promethean/pantheon-core/memory';
import { describe, expect, test } from 'vitest';
import { actorOf, behavior, makeDesk } from './desk.ts';

const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'none';
  } catch (error) {
    return PantheonError.is(error) ? error.code : 'foreign';
  }
};
const rejectionOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (PantheonError.is(error) ? error.code : 'foreign'),
  );

const PORTS: readonly (readonly [string, () => IToolPort])[] = [
  ['memory', makeMemoryTools],
  ['functions', () => makeFunctionTools({ tools: [] })],
];

describe.each(PORTS)('the %s tools', (kind, makePort) => {
  test('G3: what tools throw', async (context) => {
    const hostile = (): never => {
      throw new Error('trap');
    };
    const cyclic = new Error('first');
    cyclic.cause = cyclic;
    const monster = Object.defineProperty(new Error('x'), 'message', {
      get: () => 'm'.repeat(2 ** 27),
    });
    const THROWN: readonly unknown[] = [
      'text',
      undefined,
      null,
      new Proxy({}, { get: hostile, getPrototypeOf: hostile, has: hostile }),
      cyclic,
      Object.defineProperty(new Error('x'), 'message', { get: hostile }),
      monster,
      { then: hostile },
    ];
    const tools = makePort();
    for (const [n, value] of THROWN.entries()) {
      tools.register({
        name: `sync-${n}`,
        invoke: () => {
          throw value;
        },
      });
      tools.register({
        name: `async-${n}`,
        invoke: async () => {
          throw value;
        },
      });
    }
    const { orchestrator } = makeDesk({ tools });
    const plan = THROWN.flatMap((_, n) =>
      ['sync', 'async'].map((how) => ({ type: 'tool' as const, name: `${how}-${n}`, args: {} })),
    );
    const { outcomes } = await orchestrator.tickActor(actorOf([behavior('call', plan)]));
    const failed = outcomes.filter(({ status }) => status === 'failed').length;
    const longest = Math.max(...outcomes.map(({ error }) => error?.message.length ?? 0));
    noteFigures(context, 'G3', {
      port: kind,
      thrown: plan.length,
      failed,
      longestMessage: longest,
    });
    expect(failed).toBe(plan.length);
    expect(longest).toBeLessThan(5_000);
    await tools.close?.();
  });

  test('G4: names that are taken, that are none, and that objects have', async (context) => {
    const tools = makePort();
    let calls = 0;
    const tool = (name: string): Tool => ({ name, invoke: () => (calls += 1) });
    tools.register(tool('once'));
    const duplicate = codeOf(() => tools.register(tool('once')));
    const invalid = ['', 'two\nlines', 'x'.repeat(257)].map((name) =>
      codeOf(() => tools.register(tool(name))),
    );
    const unknown = await Promise.all(
      ['toString', '__proto__', 'constructor', 'hasOwnProperty', 'nobody'].map((name) =>
        rejectionOf(tools.invoke(name, {})),
      ),
    );
    tools.register(tool('__proto__'));
    tools.register(tool('constructor'));
    await tools.invoke('__proto__', {});
    await tools.invoke('constructor', {});
    noteFigures(context, 'G4', {
      port: kind,
      duplicate,
      invalid: invalid.length,
      unknown: unknown.length,
      calls,
    });
    expect(duplicate).toBe('tool-duplicate');
    expect(new Set(invalid)).toEqual(new Set(['tool-invalid']));
    expect(new Set(unknown)).toEqual(new Set(['tool-unknown']));
    expect(calls).toBe(2);
    await tools.close?.();
  });
});

test('G5: results that are too much, or no data', async (context) => {
  const deep: Record<string, unknown> = {};
  let inner = deep;
  for (let n = 0; n < 10_000; n += 1) inner = inner['next'] = {} as Record<string, unknown>;
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  const RESULTS: Readonly<Record<string, () => unknown>> = {
    text: () => 'x'.repeat(100 * 2 ** 20),
    mebibyte: () => 'x'.repeat(2 ** 20),
    deep: () => deep,
    buffer: () => Buffer.alloc(1_000),
    stream: () => new ReadableStream(),
    cyclic: () => cyclic,
    wide: () => Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`k${n}`, n])),
  };
  const tools = makeFunctionTools({
    tools: Object.entries(RESULTS).map(([name, invoke]) => ({ name, invoke })),
  });
  const figures: Record<string, string | number> = {};
  let [longest, mebibyteMs] = [0, 0];
  for (const name of Object.keys(RESULTS)) {
    const began = performance.now();
    figures[name] = await tools.invoke(name, {}).then(
      (value) => `cut to ${String(value).length}`,
      (error: unknown) => (PantheonError.is(error) ? error.code : 'foreign'),
    );
    const tookMs = performance.now() - began;
    longest = Math.max(longest, tookMs);
    if (name === 'mebibyte') mebibyteMs = tookMs;
  }
  noteFigures(context, 'G5', {
    ...figures,
    mebibyteMs: Math.round(mebibyteMs),
    longestMs: Math.round(longest),
  });
  // 200 ms, and what a slow machine adds.
  expect(mebibyteMs).toBeLessThan(1_000);
  expect(figures['text']).toMatch(/^cut to \d{5}$/);
  for (const name of ['deep', 'buffer', 'stream', 'cyclic', 'wide'])
    expect(figures[name]).toMatch(/^tool-result-(invalid|too-large)$/);
  await tools.close();
});
