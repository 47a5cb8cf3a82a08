import { describe, expect, test } from 'vitest';
import type { ToolCallContext } from '../core/ports.ts';
import { makeManualTimers } from './manual-timers.ts';
import { makeMemoryTools } from './memory-tools.ts';

const code = (expected: string): object => expect.objectContaining({ code: expected });
const never = (): Promise<never> => new Promise(() => undefined);

describe('a timeout', () => {
  test("is the call's, then the tool's, then the port's", async () => {
    const timers = makeManualTimers();
    const tools = makeMemoryTools({ timers, defaultTimeoutMs: 300 });
    const told: unknown[] = [];
    const hang = (_: unknown, { timeoutMs }: ToolCallContext): Promise<never> => {
      told.push(timeoutMs);
      return never();
    };
    tools.register({ name: 'plain', invoke: hang });
    tools.register({ name: 'own', timeoutMs: 200, invoke: hang });
    const ended: string[] = [];
    const call = (name: string, timeoutMs?: number): void => {
      tools
        .invoke(name, {}, timeoutMs === undefined ? {} : { timeoutMs })
        .catch((error: { code: string }) => {
          ended.push(`${name} ${timeoutMs ?? '-'} ${error.code} ${timers.now()}`);
        });
    };
    call('plain');
    call('own');
    call('own', 100);
    await timers.advance(1_000);
    expect(ended).toEqual(['own 100 timeout 100', 'own - timeout 200', 'plain - timeout 300']);
    expect(told).toEqual([300, 200, 100]);
  });

  test('is told as safe to repeat only for a tool that says so', async () => {
    const timers = makeManualTimers();
    const tools = makeMemoryTools({ timers });
    tools.register({ name: 'once', invoke: never });
    tools.register({ name: 'again', idempotent: true, invoke: never });
    const outcomes = Promise.allSettled(
      ['once', 'again'].map((name) => tools.invoke(name, {}, { timeoutMs: 1 })),
    );
    await timers.advance(1);
    expect(
      (await outcomes).map((outcome) => outcome.status === 'rejected' && outcome.reason.retryable),
    ).toEqual([false, true]);
  });

  test('of Infinity sets no timer', async () => {
    const timers = makeManualTimers();
    const tools = makeMemoryTools({ timers, defaultTimeoutMs: Infinity });
    tools.register({ name: 'slow', invoke: never });
    void tools.invoke('slow', {});
    expect(timers.pending()).toBe(0);
  });

  test.each([0, -1, Number.NaN, 2_147_483_648, '5' as never])(
    'of %s is refused',
    async (timeoutMs) => {
      expect(() => makeMemoryTools({ defaultTimeoutMs: timeoutMs })).toThrow(
        code('option-invalid'),
      );
      const tools = makeMemoryTools();
      tools.register({ name: 'quick', invoke: () => 1 });
      expect(() => tools.register({ name: 'bad', timeoutMs, invoke: () => 1 })).toThrow(
        code('option-invalid'),
      );
      await expect(tools.invoke('quick', {}, { timeoutMs })).rejects.toMatchObject({
        code: 'option-invalid',
      });
    },
  );
});

describe('a tool', () => {
  test('keeps its own object as this', async () => {
    const counter = {
      name: 'count',
      count: 0,
      invoke(): number {
        this.count += 1;
        return this.count;
      },
    };
    const tools = makeMemoryTools();
    tools.register(counter);
    await tools.invoke('count', {});
    expect(await tools.invoke('count', {})).toBe(2);
  });

  test('without a function and one whose description is no plain data are refused', () => {
    const tools = makeMemoryTools();
    expect(() => tools.register({ name: 'none' } as never)).toThrow(code('tool-invalid'));
    expect(() =>
      tools.register({ name: 'odd', parameters: { default: () => 1 }, invoke: () => 1 }),
    ).toThrow(code('tool-invalid'));
    expect(tools.list()).toEqual([]);
  });

  test('that reads its signal after the call was given up finds it aborted', async () => {
    const timers = makeManualTimers();
    const tools = makeMemoryTools({ timers });
    let context: ToolCallContext | undefined;
    tools.register({
      name: 'slow',
      invoke: (_, call) => {
        context = call;
        return never();
      },
    });
    const outcome = tools.invoke('slow', {}, { timeoutMs: 5 }).catch((error: unknown) => error);
    await timers.advance(5);
    expect(await outcome).toMatchObject({ code: 'timeout' });
    expect(context?.signal?.aborted).toBe(true);
  });

  test('that gives a foreign thenable is awaited', async () => {
    const tools = makeMemoryTools();
    tools.register({
      name: 'foreign',
      invoke: () => ({ then: (resolve: (value: string) => void) => resolve('value') }),
    });
    expect(await tools.invoke('foreign', {})).toBe('value');
  });
});

describe("a caller's signal that is made when it is read", () => {
  const lazily = (): {
    readonly call: ToolCallContext;
    readonly caller: AbortController;
    readonly reads: () => number;
  } => {
    const caller = new AbortController();
    let reads = 0;
    class Call {
      get signal(): AbortSignal {
        reads += 1;
        return caller.signal;
      }
    }
    return { call: new Call(), caller, reads: () => reads };
  };

  test('is not read for a tool that gives its result at once', async () => {
    const tools = makeMemoryTools();
    tools.register({ name: 'quick', invoke: () => 1 });
    const { call, reads } = lazily();
    expect(await tools.invoke('quick', {}, call)).toBe(1);
    expect(reads()).toBe(0);
  });

  test('cancels a tool that takes its time', async () => {
    const tools = makeMemoryTools();
    tools.register({ name: 'slow', invoke: never });
    const { call, caller } = lazily();
    const outcome = tools.invoke('slow', {}, call).catch((error: unknown) => error);
    caller.abort();
    expect(await outcome).toMatchObject({ code: 'tick-cancelled' });
  });
});

test('list gives what nobody can change', () => {
  const tools = makeMemoryTools();
  tools.register({
    name: 'deep',
    parameters: { properties: { a: { type: 'string' } } },
    invoke: () => 1,
  });
  const [spec] = tools.list();
  expect(Object.isFrozen(spec)).toBe(true);
  expect(Object.isFrozen(spec?.parameters?.['properties'])).toBe(true);
});
