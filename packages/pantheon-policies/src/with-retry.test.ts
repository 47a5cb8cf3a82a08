import type {
  ActorRecord,
  ActorScript,
  IActorStatePort,
  IContextPort,
  ILlmPort,
  IMessageBus,
  LlmChunk,
  OutgoingMessage,
} from '@promethean/pantheon-core';
import { makeManualTimers, makeMemoryBus, makeMemoryState } from '@promethean/pantheon-core/memory';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  answer,
  codeOf,
  during,
  expectCode,
  failure,
  listeners,
  question,
  steppedLlm,
  steppedTool,
  stepper,
  turn,
  unavailable,
} from '../test/fakes.ts';
import { type RetryEvent, withRetry } from './index.ts';

const script: ActorScript = { name: 'clerk', contextSources: [], talents: [] };

test('a model that fails twice answers at the third try, after growing pauses', async () => {
  const timers = makeManualTimers();
  const llm = steppedLlm(unavailable(), failure('llm-rate-limited'), 'at last');
  const events: RetryEvent[] = [];
  const port = withRetry(llm, {
    timers,
    random: () => 0.5,
    onRetry: (event) => {
      events.push(event);
      throw new Error('An observer that fails.');
    },
  });
  expect(await during(timers, port.complete(question({ model: 'm' })))).toEqual(answer('at last'));
  expect(
    events.map(({ attempt, delayMs, error, name }) => [attempt, delayMs, error.code, name]),
  ).toEqual([
    [1, 500, 'unavailable', 'm'],
    [2, 1_000, 'llm-rate-limited', 'm'],
  ]);
  expect(timers.pending()).toBe(0);
});

test('after the last try the call rejects with its error, and the default is three tries', async () => {
  const timers = makeManualTimers();
  const llm = steppedLlm(unavailable(), unavailable(), failure('timeout'));
  await expectCode(during(timers, withRetry(llm, { timers }).complete(question())), 'timeout');
  expect(llm.requests).toHaveLength(3);
});

test('the first try gets the very request, a later one what is left of its time', async () => {
  const timers = makeManualTimers();
  const llm = steppedLlm(unavailable(), 'answered');
  const request = question({ timeoutMs: 5_000, temperature: 0.5 });
  await during(timers, withRetry(llm, { timers, random: () => 0.9 }).complete(request));
  expect(llm.requests[0]).toBe(request);
  expect(llm.requests[1]).toMatchObject({ timeoutMs: 4_100, temperature: 0.5 });
});

test('a pause that would not end within the time of the call is not begun', async () => {
  const timers = makeManualTimers();
  const llm = steppedLlm(unavailable());
  const port = withRetry(llm, { timers, random: () => 0.9 });
  await expectCode(port.complete(question({ timeoutMs: 900 })), 'unavailable');
  expect([llm.requests.length, timers.pending()]).toEqual([1, 0]);
});

test('the pause that an error asks for is kept as a minimum, and too long a one is refused', async () => {
  const timers = makeManualTimers();
  const waits: number[] = [];
  const retry = (details: Readonly<Record<string, unknown>>): Promise<unknown> =>
    withRetry(steppedLlm(unavailable(details), 'yes'), {
      timers,
      random: () => 0.5,
      now: () => 1_000_000,
      onRetry: ({ delayMs }) => waits.push(delayMs),
    }).complete(question());
  await during(timers, retry({ retryAfterMs: 20_000 }));
  await during(timers, retry({ retryAt: 1_010_000 }));
  await during(timers, retry({ retryAfterMs: 'soon' }));
  await expectCode(retry({ retryAfterMs: 60_001 }), 'unavailable');
  expect(waits).toEqual([22_000, 11_000, 500]);
});

test('what another try cannot mend, or what the caller has to decide, is not tried again', async () => {
  const errors = [
    failure('llm-unauthorized', false),
    failure('closed'),
    failure('state-conflict'),
    failure('tick-cancelled'),
    new TypeError('No PantheonError.'),
  ];
  for (const error of errors) {
    const llm = steppedLlm(error);
    await expect(withRetry(llm).complete(question())).rejects.toBe(error);
    expect(llm.requests).toHaveLength(1);
  }
});

test('retryIf can forbid a try and cannot allow one', async () => {
  const refused = steppedLlm(unavailable());
  await expectCode(
    withRetry(refused, { retryIf: () => false }).complete(question()),
    'unavailable',
  );
  const final = steppedLlm(failure('llm-failed', false));
  await expectCode(withRetry(final, { retryIf: () => true }).complete(question()), 'llm-failed');
  expect([refused.requests.length, final.requests.length]).toEqual([1, 1]);
});

test('a tool is called again only where that is safe', async () => {
  const timers = makeManualTimers();
  const cases = [
    ['unavailable, a tool that writes', {}, unavailable(), 1],
    ['unavailable, an idempotent tool', { idempotent: true }, unavailable(), 2],
    ['retryable, a tool that writes', {}, failure('tool-failed'), 1],
    ['retryable, an idempotent tool', { idempotent: true }, failure('tool-failed'), 2],
    ['retryable, a harmless tool', { sideEffect: 'none' }, failure('tool-failed'), 2],
    ['unknown, a tool that writes', {}, failure('outcome-unknown', false), 1],
    ['unknown, an idempotent tool', { idempotent: true }, failure('outcome-unknown', false), 2],
    ['final, an idempotent tool', { idempotent: true }, failure('tool-failed', false), 1],
  ] as const;
  for (const [what, spec, error, tries] of cases) {
    const { tools, ran } = steppedTool(timers, spec, error, 'done');
    const port = withRetry(tools, { timers });
    // A key is given to every tool; only a tool that says so minds it.
    const call = port.invoke('tool', {}, { idempotencyKey: 'key' });
    await during(timers, call).catch(() => undefined);
    expect([what, ran()]).toEqual([what, tries]);
  }
});

test('of a port without a list the tools that came through the decorator are known', async () => {
  const timers = makeManualTimers();
  const { tools } = steppedTool(timers, {}, 'unused');
  const { list: _, ...blind } = tools;
  const port = withRetry(blind, { timers });
  const step = stepper<string>([failure('tool-failed'), 'done']);
  port.register({ name: 'read', idempotent: true, invoke: step });
  expect('list' in port).toBe(false);
  expect(await during(timers, port.invoke('read', {}))).toBe('done');
});

type Use = (state: IActorStatePort) => Promise<unknown>;

test('of a state port reads are repeated, writes only when nothing was done', async () => {
  const timers = makeManualTimers();
  const tries = async (failed: Error, use: Use): Promise<number> => {
    const step = stepper<ActorRecord[]>([failed, []]);
    const method = step as never;
    const state = { spawn: method, list: method, get: method, update: method, remove: method };
    const call = use(withRetry(state as IActorStatePort, { timers }));
    await Promise.allSettled([during(timers, call)]);
    return step.calls;
  };
  const uses: readonly (readonly [what: string, use: Use, afterUnknown: number])[] = [
    ['get', (state) => state.get('a'), 2],
    ['list', (state) => state.list(), 2],
    ['spawn with an id', (state) => state.spawn(script, 'goal', { id: 'a' }), 2],
    ['spawn', (state) => state.spawn(script, 'goal'), 1],
    ['update', (state) => state.update('a', {}), 1],
    ['remove', async (state) => state.remove?.('a'), 1],
  ];
  for (const [what, use, afterUnknown] of uses) {
    expect([what, await tries(failure('outcome-unknown', false), use)]).toEqual([
      what,
      afterUnknown,
    ]);
    expect([what, await tries(unavailable(), use)]).toEqual([what, 2]);
    expect([what, await tries(failure('state-conflict'), use)]).toEqual([what, 1]);
  }
});

test('a write that is repeated is the one that was asked for, whatever the caller did to it since', async () => {
  const timers = makeManualTimers();
  const state = makeMemoryState();
  await state.spawn(script, 'wait', { id: 'a' });
  let calls = 0;
  const port = withRetry(
    {
      ...state,
      update: async (...args: Parameters<typeof state.update>) => {
        calls += 1;
        if (calls === 1) throw unavailable();
        return state.update(...args);
      },
    },
    { timers },
  );
  const patch = { goals: ['first'] };
  const call = port.update('a', patch);
  patch.goals[0] = 'second';
  expect((await during(timers, call)).goals).toEqual(['first']);
});

test('of a context port compile is repeated, record only when nothing was done', async () => {
  const timers = makeManualTimers();
  for (const [error, compiles, records] of [
    [failure('timeout'), 2, 1],
    [unavailable(), 2, 2],
  ] as const) {
    const compile = stepper<never[]>([error, []]);
    const record = stepper<undefined>([error, undefined]);
    const port = withRetry({ compile, record } satisfies IContextPort, { timers });
    await during(timers, port.compile({ sources: [] }));
    await during(timers, port.record('a', [])).catch(() => undefined);
    expect([compile.calls, record.calls]).toEqual([compiles, records]);
  }
});

/** A bus whose answer to a send gets lost after the message was accepted, for the given sends. */
const lossy = (
  lost: (n: number) => Error | undefined,
): { readonly bus: IMessageBus; readonly sent: OutgoingMessage[] } => {
  const memory = makeMemoryBus();
  const sent: OutgoingMessage[] = [];
  return {
    sent,
    bus: {
      subscribe: memory.subscribe,
      send: async (message) => {
        sent.push(message);
        const error = lost(sent.length);
        const isLost = error !== undefined && (error as { code?: string }).code === 'unavailable';
        const accepted = isLost ? undefined : await memory.send(message);
        if (error !== undefined) throw error;
        return accepted as never;
      },
    },
  };
};

test('a message is sent again with the same id, so that it is delivered once', async () => {
  const timers = makeManualTimers();
  const { bus, sent } = lossy((n) => (n === 1 ? failure('send-unknown') : undefined));
  const port = withRetry(bus, { timers, newId: () => 'm-1' });
  const received: string[] = [];
  port.subscribe(({ id, content }) => received.push(`${id} ${content}`));
  const metadata = { word: 'before' };
  const sending = port.send({ from: 'a', to: 'b', content: 'hi', metadata });
  metadata.word = 'after';
  await during(timers, sending);
  await turn();
  expect(sent.map(({ id }) => id)).toEqual(['m-1', 'm-1']);
  expect(sent[1]?.metadata).toEqual({ word: 'before' });
  expect(received).toEqual(['m-1 hi']);
});

test('a full bus is told to the sender at once', async () => {
  const timers = makeManualTimers();
  const { bus, sent } = lossy(() => failure('bus-full'));
  await expectCode(
    withRetry(bus, { timers }).send({ from: 'a', to: 'b', content: '' }),
    'bus-full',
  );
  expect(sent).toHaveLength(1);
});

test('whatever is lost on the way, the messages of each sender arrive once and in order', async () => {
  const outcomes = fc.array(fc.constantFrom('ok', 'lost', 'unknown'), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      outcomes,
      fc.array(fc.nat(2), { minLength: 1, maxLength: 12 }),
      async (fates, senders) => {
        const timers = makeManualTimers();
        const { bus } = lossy((n) => {
          const fate = fates[n - 1] ?? 'ok';
          if (fate === 'ok') return undefined;
          return fate === 'lost' ? unavailable() : failure('send-unknown');
        });
        const port = withRetry(bus, { timers, attempts: 50, initialDelayMs: 10, maxDelayMs: 10 });
        const received: string[] = [];
        port.subscribe(({ content }) => received.push(content));
        const sends = senders.map((sender, n) =>
          port.send({ from: `s${sender}`, to: 'b', content: `${sender}:${n}` }),
        );
        await during(timers, Promise.all(sends));
        await turn();
        for (const sender of new Set(senders)) {
          const own = (content: string): boolean => content.startsWith(`${sender}:`);
          expect(received.filter(own)).toEqual(
            senders.flatMap((from, n) => (from === sender ? [`${from}:${n}`] : [])),
          );
        }
        expect(timers.pending()).toBe(0);
      },
    ),
    { numRuns: 50 },
  );
});

const streaming = (
  ...streams: readonly (readonly (LlmChunk | Error)[])[]
): {
  readonly port: Required<Pick<ILlmPort, 'complete' | 'stream'>>;
  readonly begun: () => number;
} => {
  let begun = 0;
  return {
    begun: () => begun,
    port: {
      complete: () => Promise.reject(new Error('unused')),
      stream: async function* () {
        const steps = streams[begun] ?? [];
        begun += 1;
        for (const step of steps) {
          if (step instanceof Error) throw step;
          yield step;
        }
      },
    },
  };
};

test('a stream is begun again before its first text, never after it', async () => {
  const timers = makeManualTimers();
  const text: LlmChunk = { type: 'text', text: 'Hi' };
  const done: LlmChunk = { type: 'message', message: answer('Hi') };
  const read = async (port: ReturnType<typeof streaming>['port']): Promise<LlmChunk[]> => {
    const chunks: LlmChunk[] = [];
    for await (const chunk of withRetry(port, { timers }).stream(question())) chunks.push(chunk);
    return chunks;
  };
  const early = streaming([unavailable()], [text, done]);
  expect(await during(timers, read(early.port))).toEqual([text, done]);
  const late = streaming([text, unavailable()], [text, done]);
  await expectCode(during(timers, read(late.port)), 'unavailable');
  expect([early.begun(), late.begun()]).toEqual([2, 1]);
});

test('an abort ends a pause at once, and no listener stays after a thousand calls', async () => {
  const timers = makeManualTimers();
  const caller = new AbortController();
  const { signal } = caller;
  const port = withRetry(steppedLlm(unavailable()), { timers, attempts: 2 });
  for (let n = 0; n < 1_000; n += 1) {
    const call = port.complete(question({ signal }));
    call.catch(() => undefined);
    await timers.advance(1_000);
    await expectCode(call, 'unavailable');
  }
  expect([listeners(signal), timers.pending()]).toEqual([0, 0]);

  const paused = port.complete(question({ signal }));
  await turn();
  expect(listeners(signal)).toBe(1);
  caller.abort(new Error('enough'));
  expect((await expectCode(paused, 'tick-cancelled')).cause).toBe(signal.reason);
  expect([listeners(signal), timers.pending()]).toEqual([0, 0]);
});

test('close ends the pauses with the error that they follow, and closes the port', async () => {
  const timers = makeManualTimers();
  let closed = 0;
  const llm = { ...steppedLlm(unavailable()), close: async () => void (closed += 1) };
  const port = withRetry(llm, { timers });
  const paused = port.complete(question());
  await turn();
  expect(timers.pending()).toBe(1);
  await port.close();
  await expectCode(paused, 'unavailable');
  expect([closed, timers.pending()]).toEqual([1, 0]);
  await expectCode(port.complete(question()), 'unavailable');
  expect(llm.requests).toHaveLength(2);
});

test('options and ports that cannot be are refused', () => {
  const llm = steppedLlm('hi');
  const refused = [
    () => withRetry(llm, { attempts: 0 }),
    () => withRetry(llm, { initialDelayMs: -1 }),
    () => withRetry(llm, { maxDelayMs: Number.NaN }),
    () => withRetry(llm, { maxRetryAfterMs: Infinity }),
    () => withRetry({} as never),
    () => withRetry(null as never),
    () => withRetry({ every: () => undefined, once: () => undefined } as never),
    () => withRetry({ complete: () => undefined, compile: () => undefined } as never),
  ];
  expect(refused.map(codeOf)).toEqual(refused.map(() => 'option-invalid'));
});

test('a port of a class keeps its this, and the decorated methods need none', async () => {
  class Model {
    readonly #word = 'private';
    async complete(): Promise<ReturnType<typeof answer>> {
      return answer(this.#word);
    }
    async close(): Promise<void> {
      return void this.#word;
    }
  }
  const { complete, close } = withRetry(new Model());
  expect(await complete(question())).toEqual(answer('private'));
  await close();
});
