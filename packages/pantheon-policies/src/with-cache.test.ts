import type { ContextRequest, ILlmPort, Message } from '@promethean/pantheon-core';
import {
  makeManualTimers,
  makeMemoryContext,
  makeMemoryTools,
  makeScriptedLlm,
} from '@promethean/pantheon-core/memory';
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
import { withCache } from './index.ts';

const usage = { inputTokens: 3, outputTokens: 4, totalTokens: 7 };
const same = question({ temperature: 0 });

/** A model whose calls stay open until the test settles them. */
const open = (): ILlmPort & {
  readonly calls: {
    resolve: (message: Message) => void;
    reject: (error: Error) => void;
    signal: AbortSignal | undefined;
  }[];
} => {
  const llm = {
    calls: [] as ReturnType<typeof open>['calls'],
    complete: ({ signal }: { readonly signal?: AbortSignal | undefined }) =>
      new Promise<Message>((resolve, reject) => llm.calls.push({ resolve, reject, signal })),
  };
  return llm;
};

test('an equal request is answered again without the model, and costs nothing', async () => {
  const llm = makeScriptedLlm([{ ...answer('four'), usage }, 'five']);
  const port = withCache(llm);
  const first = await port.complete(same);
  const second = await port.complete({ ...same, timeoutMs: 5_000 });
  expect(first).toEqual({ ...answer('four'), usage });
  expect(second).toEqual({
    ...answer('four'),
    usage: { inputTokens: 0, outputTokens: 0, totalTokens: 0 },
  });
  Object.assign(second, { content: 'changed' });
  expect((await port.complete(same)).content).toBe('four');
  expect((await port.complete(question({ temperature: 0, maxTokens: 5 }))).content).toBe('five');
});

test('a request that may be answered differently each time is asked each time', async () => {
  const port = withCache(makeScriptedLlm(['one', 'two', 'three', 'four']));
  const contents: string[] = [];
  for (const temperature of [undefined, undefined, 0.1, 0.1]) {
    contents.push((await port.complete(question({ temperature }))).content);
  }
  expect(contents).toEqual(['one', 'two', 'three', 'four']);
  const eager = withCache(makeScriptedLlm(['one', 'two']), { cacheable: () => true });
  await eager.complete(question());
  expect((await eager.complete(question())).content).toBe('one');
});

test('an answer is kept for its time, and the least recently used goes first', async () => {
  const timers = makeManualTimers();
  let calls = 0;
  const llm: ILlmPort = { complete: async ({ model }) => answer(`${model} ${(calls += 1)}`) };
  const port = withCache(llm, { timers, ttlMs: 100, maxEntries: 2 });
  const ask = async (model: string): Promise<string> =>
    (await port.complete(question({ temperature: 0, model }))).content;
  expect([await ask('a'), await ask('b'), await ask('a'), await ask('c')]).toEqual([
    'a 1',
    'b 2',
    'a 1',
    'c 3',
  ]);
  expect([await ask('a'), await ask('b')]).toEqual(['a 1', 'b 4']);
  await timers.advance(100);
  expect(await ask('b')).toBe('b 5');
  expect(timers.pending()).toBe(0);
});

test('errors are not kept', async () => {
  const llm = steppedLlm(failure('llm-failed'), 'better');
  const port = withCache(llm);
  await expectCode(port.complete(same), 'llm-failed');
  expect(await port.complete(same)).toEqual(answer('better'));
});

test('equal requests at the same time are one call, charged once', async () => {
  const llm = open();
  const port = withCache(llm);
  const answers = [port.complete(same), port.complete(same), port.complete(same)];
  await turn();
  expect(llm.calls).toHaveLength(1);
  llm.calls[0]?.resolve({ ...answer('four'), usage });
  const [first, ...others] = await Promise.all(answers);
  expect(first?.usage).toEqual(usage);
  expect(others.map((message) => message.usage?.totalTokens)).toEqual([0, 0]);
  Object.assign(first ?? {}, { content: 'changed' });
  expect(others.map(({ content }) => content)).toEqual(['four', 'four']);
});

test('a shared call fails for all, and the next one asks anew', async () => {
  const llm = open();
  const port = withCache(llm);
  const answers = [port.complete(same), port.complete(same)].map((call) =>
    expectCode(call, 'llm-failed'),
  );
  await turn();
  llm.calls[0]?.reject(failure('llm-failed'));
  await Promise.all(answers);
  void port.complete(same);
  await turn();
  expect(llm.calls).toHaveLength(2);
});

test('who gives up leaves the shared call to the others; when all have, it is aborted', async () => {
  const timers = makeManualTimers();
  const llm = open();
  const port = withCache(llm, { timers });
  const [one, two] = [new AbortController(), new AbortController()];
  const first = expectCode(port.complete({ ...same, signal: one.signal }), 'tick-cancelled');
  const second = expectCode(port.complete({ ...same, signal: two.signal }), 'tick-cancelled');
  await turn();
  one.abort();
  await first;
  expect(llm.calls[0]?.signal?.aborted).toBe(false);
  two.abort();
  await second;
  expect(llm.calls[0]?.signal?.aborted).toBe(true);
  expect([listeners(one.signal), listeners(two.signal)]).toEqual([0, 0]);

  const slow = expectCode(port.complete({ ...same, timeoutMs: 100 }), 'timeout');
  await turn();
  expect(llm.calls).toHaveLength(2);
  await timers.advance(100);
  await slow;
  expect([llm.calls[1]?.signal?.aborted, timers.pending()]).toEqual([true, 0]);
  llm.calls[1]?.reject(new Error('too late'));
});

test('an aborted caller gets no answer from the cache either', async () => {
  const port = withCache(makeScriptedLlm(['four']));
  await port.complete(same);
  await expectCode(port.complete({ ...same, signal: AbortSignal.abort() }), 'tick-cancelled');
  await expectCode(port.complete({ ...same, timeoutMs: Number.NaN }), 'option-invalid');
});

test('a stream fills the cache when it ended, and is answered from it', async () => {
  const port = withCache(makeScriptedLlm(['one two', 'three']));
  const read = async (leave = false): Promise<string[]> => {
    const texts: string[] = [];
    for await (const chunk of port.stream(same)) {
      if (leave) return [];
      texts.push(chunk.type === 'text' ? chunk.text : `= ${chunk.message.content}`);
    }
    return texts;
  };
  expect(await read()).toEqual(['one', ' two', '= one two']);
  expect(await read()).toEqual(['one two', '= one two']);
  expect((await port.complete(same)).content).toBe('one two');

  const left = withCache(makeScriptedLlm(['one two', 'three']));
  for await (const _ of left.stream(same)) break;
  expect((await left.complete(same)).content).toBe('three');
});

test('only harmless tools are answered from the cache, each actor by its own answers', async () => {
  const tools = makeMemoryTools();
  const port = withCache(tools, { tools: ['look_*'] });
  let runs = 0;
  const invoke = (): number => (runs += 1);
  port.register({ name: 'look_up', sideEffect: 'none', invoke });
  port.register({ name: 'write', idempotent: true, invoke });
  port.register({ name: 'time', sideEffect: 'none', invoke });
  port.register({ name: 'look_granted', sideEffect: 'none', approval: 'required', invoke });
  const results = async (name: string): Promise<unknown[]> => [
    await port.invoke(name, { a: 1, b: 2 }, { actorId: 'x' }),
    await port.invoke(name, { b: 2, a: 1 }, { actorId: 'x', idempotencyKey: 'other' }),
    await port.invoke(name, { a: 1, b: 2 }, { actorId: 'y' }),
    await port.invoke(name, { a: 1 }, { actorId: 'x' }),
  ];
  expect(await results('look_up')).toEqual([1, 1, 2, 3]);
  expect(await results('write')).toEqual([4, 5, 6, 7]);
  expect(await results('time')).toEqual([8, 9, 10, 11]);
  expect(await results('look_granted')).toEqual([12, 13, 14, 15]);
});

test('what the cache hands out can be changed without effect', async () => {
  const tools = makeMemoryTools();
  tools.register({ name: 'tool', sideEffect: 'none', invoke: () => ({ list: [1] }) });
  const port = withCache(tools);
  for (let n = 0; n < 3; n += 1) {
    const result = (await port.invoke('tool', {})) as { list: number[] };
    expect(result).toEqual({ list: [1] });
    result.list.push(2);
  }
});

test('a question or an answer that is no plain data is not kept', async () => {
  const tools = makeMemoryTools();
  let runs = 0;
  tools.register({
    name: 'tool',
    sideEffect: 'none',
    invoke: () => ({ run: (runs += 1), f: () => 1 }),
  });
  const port = withCache(tools);
  await port.invoke('tool', { at: new Date(0) });
  await port.invoke('tool', { at: new Date(0) });
  await port.invoke('tool', {});
  await port.invoke('tool', {});
  expect(runs).toBe(4);
});

test('a context is compiled once, and anew after a record', async () => {
  const context = makeMemoryContext({ documents: { notes: ['The harbour opens at nine.'] } });
  let compiled = 0;
  const port = withCache({
    ...context,
    compile: (request: ContextRequest) => {
      compiled += 1;
      return context.compile(request);
    },
  });
  const conversation = { id: 'conversation', label: 'Talk' };
  // As a tick asks: the actor's id is a getter of a prototype.
  class Asked implements ContextRequest {
    readonly sources = [conversation];
    readonly #actorId: string;
    constructor(actorId: string) {
      this.#actorId = actorId;
    }
    get actorId(): string {
      return this.#actorId;
    }
  }
  const ask = async (actorId: string): Promise<string[]> =>
    (await port.compile(new Asked(actorId))).map(({ content }) => content);
  await port.record('a', [{ role: 'user', content: 'one' }]);
  expect([await ask('a'), await ask('a'), await ask('b')]).toEqual([['one'], ['one'], []]);
  expect(compiled).toBe(2);
  await port.record('a', [{ role: 'user', content: 'two' }]);
  expect(await ask('a')).toEqual(['one', 'two']);
});

test('what was compiled while something was recorded is not kept', async () => {
  let release: (messages: readonly Message[]) => void = () => undefined;
  let compiled = 0;
  const port = withCache({
    compile: () => {
      compiled += 1;
      return compiled > 1
        ? Promise.resolve([answer('new')])
        : new Promise<readonly Message[]>((resolve) => (release = resolve));
    },
    record: async () => undefined,
  });
  const before = port.compile({ sources: [] });
  await port.record('a', []);
  release([answer('old')]);
  expect(await before).toEqual([answer('old')]);
  expect(await port.compile({ sources: [] })).toEqual([answer('new')]);
});

test('a closed port answers for itself, and a thousand calls leave no listener', async () => {
  const port = withCache(
    makeScriptedLlm(['four', ...Array.from({ length: 1_000 }, (_, n) => `${n}`)]),
  );
  const { signal } = new AbortController();
  for (let n = 0; n < 1_000; n += 1) {
    await port.complete(
      question({ temperature: 0, maxTokens: (n >> 1) + 1, signal, timeoutMs: 60_000 }),
    );
  }
  expect(listeners(signal)).toBe(0);
  await port.close();
  await expectCode(port.complete(question({ temperature: 0, maxTokens: 1 })), 'closed');
});

test('options that cannot be are refused', () => {
  const llm = steppedLlm('hi');
  const refused = [{ ttlMs: 0 }, { ttlMs: Infinity }, { maxEntries: 0 }, { tools: [''] }];
  expect(refused.map((options) => codeOf(() => withCache(llm, options as never)))).toEqual(
    refused.map(() => 'option-invalid'),
  );
});
