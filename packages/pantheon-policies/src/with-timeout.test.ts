import type {
  IActorStatePort,
  IContextPort,
  ILlmPort,
  IMessageBus,
} from '@promethean/pantheon-core';
import { makeManualTimers, makeMemoryTools } from '@promethean/pantheon-core/memory';
import { expect, test } from 'vitest';
import {
  answer,
  codeOf,
  expectCode,
  failure,
  listeners,
  question,
  steppedLlm,
  turn,
} from '../test/fakes.ts';
import { withTimeout } from './index.ts';

const never = (): Promise<never> => new Promise(() => undefined);

/** A model that minds no signal, and tells which one it got. */
const deaf = (): ILlmPort & { signal?: AbortSignal | undefined } => {
  const port: { signal?: AbortSignal | undefined } & ILlmPort = {
    complete: (request) => {
      port.signal = request.signal;
      return never();
    },
    stream: async function* (request) {
      port.signal = request.signal;
      yield { type: 'text', text: 'Well' };
      await never();
    },
  };
  return port;
};

test('a deaf model is given up after the limit, and its signal aborts', async () => {
  const timers = makeManualTimers();
  const llm = deaf();
  const call = withTimeout(llm, { timeoutMs: 100, timers }).complete(question());
  const rejected = expectCode(call, 'timeout');
  await timers.advance(99);
  expect(llm.signal?.aborted).toBe(false);
  await timers.advance(1);
  const error = await rejected;
  expect(error).toMatchObject({ retryable: true, details: { method: 'complete', timeoutMs: 100 } });
  expect(llm.signal?.aborted).toBe(true);
  expect(timers.pending()).toBe(0);
});

test('a shorter limit of the call itself holds', async () => {
  const timers = makeManualTimers();
  const port = withTimeout(deaf(), { timeoutMs: 100, timers });
  const call = expectCode(port.complete(question({ timeoutMs: 20 })), 'timeout');
  await timers.advance(20);
  expect((await call).details).toMatchObject({ timeoutMs: 20 });
});

test("the caller's abort ends a call to a deaf model at once", async () => {
  const timers = makeManualTimers();
  const caller = new AbortController();
  const llm = deaf();
  const port = withTimeout(llm, { timeoutMs: 100, timers });
  const call = expectCode(port.complete(question({ signal: caller.signal })), 'tick-cancelled');
  await turn();
  caller.abort(new Error('enough'));
  expect((await call).cause).toBe(caller.signal.reason);
  expect([llm.signal?.aborted, listeners(caller.signal), timers.pending()]).toEqual([true, 0, 0]);

  delete llm.signal;
  await expectCode(port.complete(question({ signal: caller.signal })), 'tick-cancelled');
  expect(llm.signal).toBeUndefined();
});

test('a stream is bounded as a whole, also one that stops in the middle', async () => {
  const timers = makeManualTimers();
  const llm = deaf();
  const { stream } = withTimeout(llm, { timeoutMs: 100, timers });
  const texts: string[] = [];
  const reading = (async () => {
    for await (const chunk of stream?.(question()) ?? []) {
      if (chunk.type === 'text') texts.push(chunk.text);
    }
  })();
  const rejected = expectCode(reading, 'timeout');
  await timers.advance(100);
  await rejected;
  expect([texts, llm.signal?.aborted, timers.pending()]).toEqual([['Well'], true, 0]);
});

test('a reader who leaves a stream ends it, timer and all', async () => {
  const timers = makeManualTimers();
  let ended = false;
  const llm: ILlmPort = {
    complete: never,
    stream: async function* () {
      try {
        yield { type: 'text', text: 'one' };
        yield { type: 'text', text: 'two' };
      } finally {
        ended = true;
      }
    },
  };
  const { signal } = new AbortController();
  const { stream } = withTimeout(llm, { timeoutMs: 100, timers });
  for await (const _ of stream?.(question({ signal })) ?? []) break;
  expect([ended, timers.pending(), listeners(signal)]).toEqual([true, 0, 0]);
});

test('a timed-out tool may be called again only where it says so', async () => {
  const timers = makeManualTimers();
  const tools = makeMemoryTools({ timers });
  tools.register({ name: 'writes', invoke: never });
  tools.register({ name: 'reads', sideEffect: 'none', invoke: never });
  tools.register({ name: 'repeats', idempotent: true, invoke: never });
  const port = withTimeout(tools, { timeoutMs: 100, timers });
  const retryable: boolean[] = [];
  for (const name of ['writes', 'reads', 'repeats']) {
    const call = expectCode(port.invoke(name, {}), 'timeout');
    await timers.advance(100);
    retryable.push((await call).retryable);
  }
  expect(retryable).toEqual([false, true, true]);
});

test('a timed-out write of a state port or a context port is not retryable, a read is', async () => {
  const timers = makeManualTimers();
  const state: IActorStatePort = {
    spawn: never,
    list: never,
    get: never,
    update: never,
    remove: never,
  };
  const context: IContextPort = { compile: never, record: never };
  const decorated = withTimeout(state, { timeoutMs: 100, timers });
  const script = { name: 's', contextSources: [], talents: [] };
  const calls = [
    decorated.get('a'),
    decorated.spawn(script, 'g', { id: 'a' }),
    decorated.spawn(script, 'g'),
    decorated.update('a', {}),
    decorated.remove?.('a'),
    withTimeout(context, { timeoutMs: 100, timers }).compile({ sources: [] }),
    withTimeout(context, { timeoutMs: 100, timers }).record?.('a', []),
  ].map((call) => expectCode(call as Promise<unknown>, 'timeout'));
  await timers.advance(100);
  const errors = await Promise.all(calls);
  expect(errors.map(({ retryable }) => retryable)).toEqual([
    true,
    true,
    false,
    false,
    false,
    true,
    false,
  ]);
});

test('a timed-out send is send-unknown, for a message that has an id by then', async () => {
  const timers = makeManualTimers();
  let sentId: string | undefined;
  const bus: IMessageBus = {
    send: (message) => {
      sentId = message.id;
      return never();
    },
    subscribe: () => () => undefined,
  };
  const port = withTimeout(bus, { timeoutMs: 100, timers, newId: () => 'm-1' });
  const call = expectCode(port.send({ from: 'a', to: 'b', content: '' }), 'send-unknown');
  await timers.advance(100);
  expect((await call).retryable).toBe(true);
  expect(sentId).toBe('m-1');
});

test('what a call gives after it was given up reaches nobody', async () => {
  const timers = makeManualTimers();
  let fail: (error: Error) => void = () => undefined;
  const llm: ILlmPort = { complete: () => new Promise((_, reject) => (fail = reject)) };
  const call = expectCode(
    withTimeout(llm, { timeoutMs: 100, timers }).complete(question()),
    'timeout',
  );
  await timers.advance(100);
  await call;
  fail(failure('llm-failed'));
  await turn();
});

test('a thousand calls leave neither timers nor listeners', async () => {
  const timers = makeManualTimers();
  const { signal } = new AbortController();
  const port = withTimeout(steppedLlm('hi', failure('llm-failed'), 'hi'), {
    timeoutMs: 100,
    timers,
  });
  for (let n = 0; n < 1_000; n += 1) {
    await port.complete(question({ signal })).catch(() => answer(''));
  }
  expect([timers.pending(), listeners(signal)]).toEqual([0, 0]);
});

test('a limit is required, and a limit of a call that is none is left to the port', async () => {
  const refused = [0, -1, Number.NaN, 2 ** 31, '1'];
  expect(
    refused.map((timeoutMs) => codeOf(() => withTimeout(deaf(), { timeoutMs } as never))),
  ).toEqual(refused.map(() => 'option-invalid'));
  const tools = makeMemoryTools();
  tools.register({ name: 'tool', invoke: () => 1 });
  const port = withTimeout(tools, { timeoutMs: 100 });
  await expectCode(port.invoke('tool', {}, { timeoutMs: Number.NaN }), 'option-invalid');
});
