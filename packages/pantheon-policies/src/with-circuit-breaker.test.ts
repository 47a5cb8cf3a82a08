import type { ILlmPort } from '@promethean/pantheon-core';
import { makeManualTimers, makeMemoryTools } from '@promethean/pantheon-core/memory';
import { expect, test } from 'vitest';
import {
  answer,
  codeOf,
  expectCode,
  failure,
  listeners,
  question,
  turn,
  unavailable,
} from '../test/fakes.ts';
import { type CircuitEvent, withCircuitBreaker } from './index.ts';

/** A model whose answers the test gives. */
const told = (): ILlmPort & { answerWith: (next: unknown) => void; calls: number } => {
  let next: unknown = answer('fine');
  const llm = {
    calls: 0,
    answerWith: (given: unknown) => {
      next = given;
    },
    complete: async () => {
      llm.calls += 1;
      const given = await next;
      if (given instanceof Error) throw given;
      return given as ReturnType<typeof answer>;
    },
  };
  return llm;
};

const fail = async (port: ILlmPort, times: number): Promise<void> => {
  for (let n = 0; n < times; n += 1) await port.complete(question()).catch(() => undefined);
};

test('after five failures in a row calls are refused with the time to come back', async () => {
  const timers = makeManualTimers();
  const llm = told();
  const port = withCircuitBreaker(llm, { timers });
  llm.answerWith(failure('llm-failed'));
  await fail(port, 4);
  llm.answerWith(answer('fine'));
  await port.complete(question());
  llm.answerWith(failure('llm-failed'));
  await fail(port, 5);
  await timers.advance(10_000);
  const error = await expectCode(port.complete(question()), 'unavailable');
  expect(error).toMatchObject({
    retryable: true,
    details: { retryAfterMs: 20_000, circuit: 'open' },
  });
  expect(llm.calls).toBe(10);
  expect(timers.pending()).toBe(0);
});

test('an open circuit lets one call try; others are refused meanwhile; success closes it', async () => {
  const timers = makeManualTimers();
  const events: CircuitEvent[] = [];
  const llm = told();
  const port = withCircuitBreaker(llm, {
    timers,
    consecutiveFailures: 1,
    openMs: 1_000,
    onStateChange: (event) => {
      events.push(event);
      throw new Error('An observer that fails.');
    },
  });
  llm.answerWith(unavailable());
  await fail(port, 1);
  await timers.advance(999);
  await expectCode(port.complete(question()), 'unavailable');
  expect(llm.calls).toBe(1);

  await timers.advance(1);
  let settle: (message: unknown) => void = () => undefined;
  llm.answerWith(new Promise((resolve) => (settle = resolve)));
  const probe = port.complete(question());
  const refused = await expectCode(port.complete(question()), 'unavailable');
  expect(refused.details).toMatchObject({ circuit: 'half-open' });
  settle(answer('back'));
  expect(await probe).toEqual(answer('back'));
  llm.answerWith(answer('fine'));
  await port.complete(question());
  expect(llm.calls).toBe(3);
  expect(events.map(({ state }) => state)).toEqual(['open', 'half-open', 'closed']);
});

test('a probe that fails opens the circuit for twice as long, up to the most', async () => {
  const timers = makeManualTimers();
  const llm = told();
  const port = withCircuitBreaker(llm, {
    timers,
    consecutiveFailures: 1,
    openMs: 1_000,
    maxOpenMs: 3_000,
  });
  llm.answerWith(unavailable());
  await fail(port, 1);
  const waits: unknown[] = [];
  for (let n = 0; n < 4; n += 1) {
    const { details } = await expectCode(port.complete(question()), 'unavailable');
    waits.push(details['retryAfterMs']);
    await timers.advance(Number(details['retryAfterMs']));
    await fail(port, 1);
  }
  expect(waits).toEqual([1_000, 2_000, 3_000, 3_000]);
  expect(llm.calls).toBe(5);
});

test('a probe that was cancelled leaves the circuit open, one that never ends is given up', async () => {
  const timers = makeManualTimers();
  const llm = told();
  const port = withCircuitBreaker(llm, { timers, consecutiveFailures: 1, openMs: 1_000 });
  llm.answerWith(unavailable());
  await fail(port, 1);
  await timers.advance(1_000);
  llm.answerWith(failure('tick-cancelled', false));
  await fail(port, 1);
  expect((await expectCode(port.complete(question()), 'unavailable')).details).toMatchObject({
    circuit: 'open',
    retryAfterMs: 2_000,
  });

  await timers.advance(2_000);
  llm.answerWith(new Promise(() => undefined));
  void port.complete(question());
  await timers.advance(1_000);
  await expectCode(port.complete(question()), 'unavailable');
  await turn();
  await timers.advance(4_000);
  llm.answerWith(answer('back'));
  expect(await port.complete(question())).toEqual(answer('back'));
});

test("the caller's mistakes and the answers of a working model open nothing", async () => {
  const llm = told();
  const port = withCircuitBreaker(llm, { consecutiveFailures: 1 });
  const harmless = [
    failure('tick-cancelled', false),
    failure('option-invalid', false),
    failure('llm-malformed'),
    failure('llm-truncated'),
    failure('llm-unauthorized', false),
  ];
  for (const error of harmless) {
    llm.answerWith(error);
    await expectCode(port.complete(question()), error.code);
  }
  llm.answerWith(new TypeError('broken'));
  await fail(port, 1);
  await expectCode(port.complete(question()), 'unavailable');
});

test('a cancelled call counts neither way, so that failures before and after it are in a row', async () => {
  const llm = told();
  const port = withCircuitBreaker(llm, { consecutiveFailures: 2 });
  for (const error of [unavailable(), failure('tick-cancelled', false), unavailable()]) {
    llm.answerWith(error);
    await fail(port, 1);
  }
  llm.answerWith(answer('fine'));
  await expectCode(port.complete(question()), 'unavailable');
  expect(llm.calls).toBe(3);
});

test('with a rate the circuit opens when more than that part of the last calls failed', async () => {
  const llm = told();
  const port = withCircuitBreaker(llm, { failureRate: { threshold: 0.5, calls: 4 } });
  for (const fine of [true, false, true, false, false]) {
    llm.answerWith(fine ? answer('fine') : unavailable());
    await fail(port, 1);
  }
  expect(llm.calls).toBe(5);
  await expectCode(port.complete(question()), 'unavailable');
  expect(llm.calls).toBe(5);
});

test('every tool has a circuit of its own, and a name that is no tool leaves none', async () => {
  const tools = makeMemoryTools();
  tools.register({ name: 'broken', invoke: () => Promise.reject(new Error('no')) });
  tools.register({ name: 'fine', invoke: () => 'fine' });
  const states: CircuitEvent[] = [];
  const port = withCircuitBreaker(tools, {
    consecutiveFailures: 2,
    onStateChange: (event) => states.push(event),
  });
  await expectCode(port.invoke('broken', {}), 'tool-failed');
  await expectCode(port.invoke('broken', {}), 'tool-failed');
  await expectCode(port.invoke('broken', {}), 'unavailable');
  expect(await port.invoke('fine', {})).toBe('fine');
  for (let n = 0; n < 3; n += 1) await expectCode(port.invoke('missing', {}), 'tool-unknown');
  expect(states).toEqual([{ port: 'tools', name: 'broken', state: 'open' }]);
});

test('a stream that breaks is a failure, one that its reader left is not', async () => {
  let steps: readonly unknown[] = [];
  const llm: ILlmPort = {
    complete: async () => answer('fine'),
    stream: async function* () {
      for (const step of steps) {
        if (step instanceof Error) throw step;
        yield { type: 'text', text: String(step) };
      }
    },
  };
  const { stream } = withCircuitBreaker(llm, { consecutiveFailures: 1 });
  const read = async (leave: boolean): Promise<void> => {
    for await (const _ of stream?.(question()) ?? []) if (leave) return;
  };
  steps = ['a', 'b'];
  await read(true);
  await read(false);
  steps = ['a', unavailable()];
  await expectCode(read(false), 'unavailable');
  steps = ['a'];
  expect((await expectCode(read(false), 'unavailable')).details).toMatchObject({ circuit: 'open' });
});

test('no jump of the wall clock opens or closes a circuit', async ({ onTestFinished }) => {
  const timers = makeManualTimers();
  const wallClock = Date.now;
  onTestFinished(() => {
    Date.now = wallClock;
  });
  const llm = told();
  const port = withCircuitBreaker(llm, { timers, consecutiveFailures: 1, openMs: 1_000 });
  llm.answerWith(unavailable());
  await fail(port, 1);
  llm.answerWith(answer('back'));
  Date.now = () => wallClock() + 1e9;
  await expectCode(port.complete(question()), 'unavailable');
  Date.now = () => wallClock() - 1e9;
  await timers.advance(1_000);
  expect(await port.complete(question())).toEqual(answer('back'));
});

test('after close the port answers for itself', async () => {
  const llm = { ...told(), close: async () => undefined };
  llm.answerWith(unavailable());
  const port = withCircuitBreaker(llm, { consecutiveFailures: 1 });
  await fail(port, 1);
  await port.close();
  llm.answerWith(failure('closed', false));
  await expectCode(port.complete(question()), 'closed');
});

test('a thousand calls leave no listener', async () => {
  const llm = told();
  const { signal } = new AbortController();
  llm.answerWith(unavailable());
  const port = withCircuitBreaker(llm, { consecutiveFailures: 2_000 });
  for (let n = 0; n < 1_000; n += 1) {
    await port.complete(question({ signal })).catch(() => undefined);
  }
  expect(listeners(signal)).toBe(0);
});

test('options that cannot be are refused', () => {
  const refused = [
    { consecutiveFailures: 0 },
    { openMs: 0 },
    { openMs: 1_000, maxOpenMs: 999 },
    { failureRate: { threshold: 1, calls: 10 } },
    { failureRate: { threshold: 0.5, calls: 0 } },
  ];
  expect(refused.map((options) => codeOf(() => withCircuitBreaker(told(), options)))).toEqual(
    refused.map(() => 'option-invalid'),
  );
});
