import { getEventListeners } from 'node:events';
import { MockLanguageModelV4 } from 'ai/test';
import { describe, expect, test } from 'vitest';
import { delta, begin, refuse, say, silence, stall, until } from '../test/model-server.ts';
import type { Reply } from '../test/model-server.ts';
import { HELLO, collect, failure, generated, useSetup } from '../test/setup.ts';
import type { AiSdkLlmOptions } from './ai-sdk-llm.ts';

const setup = useSetup();

test('a stream is the message that complete gives, in pieces', async () => {
  setup.server.reply(say({ content: 'One two.', usage: [7, 3] }));
  const llm = setup.make();
  const chunks = await collect(llm, HELLO);
  const message = {
    role: 'assistant',
    content: 'One two.',
    usage: { inputTokens: 7, outputTokens: 3, totalTokens: 10 },
  };
  expect(chunks).toEqual([
    { type: 'text', text: 'One ' },
    { type: 'text', text: 'two.' },
    { type: 'message', message },
  ]);
  expect(await llm.complete(HELLO)).toEqual(message);
});

describe('the model', () => {
  test('that a request names is made by the provider, once', async () => {
    setup.server.reply(say({ content: 'hi' }));
    const made: string[] = [];
    const provider = (id: string) => (made.push(id), setup.provider(id));
    const llm = setup.make({ provider });
    await llm.complete({ ...HELLO, model: 'large' });
    await llm.complete({ ...HELLO, model: 'large' });
    await llm.complete({ ...HELLO, model: 'small' });
    expect(setup.server.asked.map(({ model }) => model)).toEqual(['large', 'large', 'small']);
    expect(made).toEqual(['large']);
  });

  test('that a request names is refused without a provider', async () => {
    expect(await failure(setup.make().complete({ ...HELLO, model: 'large' }))).toMatchObject({
      code: 'option-invalid',
      details: { path: 'model' },
    });
  });

  test('of the version before is brought up to date', async () => {
    const model = {
      ...new MockLanguageModelV4({ doGenerate: generated() }),
      supportedUrls: {},
      specificationVersion: 'v3',
    };
    const llm = setup.make({ model: model as never });
    expect(await llm.complete(HELLO)).toMatchObject({ content: 'hi' });
  });
});

describe('an abort', () => {
  const phases: [string, Reply, () => boolean][] = [
    ['before the headers', silence, () => setup.server.asked.length === 1],
    ['in the body', stall, () => setup.server.asked.length === 1],
    ['in the wait before a repetition', refuse(500), () => setup.delays.includes(500)],
    [
      'at the closed turnstile',
      refuse(429, { 'retry-after': '10' }),
      () => setup.delays.includes(11_000),
    ],
  ];
  test.each(phases)('%s is seen at once and leaves nothing', async (_, reply, isThere) => {
    setup.server.reply(reply);
    const { signal, abort } = aborter();
    const ended = failure(setup.make().complete({ ...HELLO, signal }));
    await until(isThere);
    const at = performance.now();
    abort();
    expect(await ended).toMatchObject({ code: 'tick-cancelled', cause: { message: 'enough' } });
    expect(performance.now() - at).toBeLessThan(1_000);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(setup.timers.pending()).toBe(0);
    if (reply === silence || reply === stall) await until(() => setup.server.abandoned() === 1);
  });

  test('in the middle of a stream ends it', async () => {
    const { signal, abort } = aborter();
    setup.server.reply(stall);
    const chunks = setup
      .make()
      .stream({ ...HELLO, signal })
      [Symbol.asyncIterator]();
    expect(await chunks.next()).toMatchObject({ value: { text: 'to be' } });
    const ended = failure(chunks.next());
    abort();
    expect(await ended).toMatchObject({ code: 'tick-cancelled' });
    await until(() => setup.server.abandoned() === 1);
  });

  test('is not waited for: a model may be deaf', async () => {
    const model = new MockLanguageModelV4({ doGenerate: () => new Promise(() => undefined) });
    const { signal, abort } = aborter();
    const ended = failure(setup.make({ model }).complete({ ...HELLO, signal }));
    await until(() => model.doGenerateCalls.length === 1);
    abort();
    expect(await ended).toMatchObject({ code: 'tick-cancelled' });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('has no listener on the signal after calls of every outcome', async () => {
    const { signal } = new AbortController();
    const llm = setup.make({ maxRetries: 0 });
    for (const reply of [
      say({ content: 'x' }),
      refuse(400),
      refuse(500),
      say({ finish: 'length' }),
    ]) {
      setup.server.reply(reply);
      await Promise.allSettled([
        llm.complete({ ...HELLO, signal }),
        collect(llm, { ...HELLO, signal }),
      ]);
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(setup.timers.pending()).toBe(0);
  });
});

describe('a clock', () => {
  const nothing: Reply = (response) => begin(response);
  test.each([
    ['firstContentMs', silence, 0],
    ['firstContentMs', nothing, 0],
    ['idleMs', stall, 1],
  ] as const)('%s ends a stream that hangs', async (clock, reply, texts) => {
    setup.server.reply(reply);
    const llm = setup.make({ timeouts: { firstContentMs: 2_001, idleMs: 3_001 } });
    const chunks = llm.stream(HELLO)[Symbol.asyncIterator]();
    for (let text = 0; text < texts; text += 1) await chunks.next();
    const ended = failure(chunks.next());
    await until(() => setup.server.asked.length === 1);
    await setup.pass(clock === 'idleMs' ? 3_001 : 2_001);
    expect(await ended).toMatchObject({ code: 'timeout', details: { clock } });
    await until(() => setup.server.abandoned() === 1);
    expect(setup.timers.pending()).toBe(0);
  });

  test('does not run while the reader of a stream takes its time', async () => {
    setup.server.reply(stall);
    const chunks = setup.make().stream(HELLO)[Symbol.asyncIterator]();
    await chunks.next();
    await setup.timers.advance(50_000);
    expect(setup.timers.pending()).toBe(1);
    await chunks.return?.(undefined);
    expect(setup.timers.pending()).toBe(0);
    await until(() => setup.server.abandoned() === 1, 'the connection is closed');
  });

  test('of the whole call frees the place of a reader who walks away', async () => {
    setup.server.reply(stall, say({ content: 'next' }));
    const llm = setup.make({ maxConcurrent: 1 });
    await llm.stream(HELLO)[Symbol.asyncIterator]().next();
    const next = llm.complete({ ...HELLO, timeoutMs: 200_000 });
    await setup.timers.advance(120_000);
    expect(await next).toMatchObject({ content: 'next' });
  });

  test('of the request takes the place of totalMs', async () => {
    setup.server.reply(silence);
    const ended = failure(setup.make().complete({ ...HELLO, timeoutMs: 500 }));
    await until(() => setup.server.asked.length === 1);
    await setup.timers.advance(500);
    expect(await ended).toMatchObject({ code: 'timeout', details: { clock: 'totalMs', ms: 500 } });
  });
});

describe('the turnstile', () => {
  test('lets at most maxConcurrent requests through at a time', async () => {
    const open: (() => unknown)[] = [];
    setup.server.reply((response, asked) =>
      open.push(() => say({ content: 'ok' })(response, asked)),
    );
    const llm = setup.make({ maxConcurrent: 2 });
    const answers = Array.from({ length: 5 }, () => llm.complete(HELLO));
    for (let done = 0; done < 5; done += 1) {
      await until(() => open.length > done);
      expect(open.length).toBeLessThanOrEqual(done + 2);
      open[done]?.();
    }
    await Promise.all(answers);
  });

  test('opens for one request at a time after a limit', async () => {
    const open: (() => unknown)[] = [];
    const later: Reply = (response, asked) =>
      open.push(() => say({ content: 'ok' })(response, asked));
    setup.server.reply(refuse(429, { 'retry-after': '10' }), later);
    const llm = setup.make({ maxConcurrent: 8 });
    const first = llm.complete(HELLO);
    await until(() => setup.delays.includes(11_000));
    const others = [llm.complete(HELLO), llm.complete(HELLO)];
    await setup.timers.advance(11_000);
    for (let done = 0; done < 3; done += 1) {
      await until(() => open.length > done);
      expect(open).toHaveLength(done + 1);
      open[done]?.();
    }
    await Promise.all([first, ...others]);
  });

  test('does not stay closed when the one that went first is aborted', async () => {
    setup.server.reply(refuse(429, { 'retry-after': '10' }), silence, say({ content: 'ok' }));
    const llm = setup.make();
    const { signal, abort } = aborter();
    const probe = failure(llm.complete({ ...HELLO, signal }));
    await until(() => setup.delays.includes(11_000));
    const next = llm.complete(HELLO);
    await setup.timers.advance(11_000);
    await until(() => setup.server.asked.length === 2);
    abort();
    expect(await probe).toMatchObject({ code: 'tick-cancelled' });
    expect(await next).toMatchObject({ content: 'ok' });
  });
});

describe('close', () => {
  test('lets running calls end, and refuses new ones', async () => {
    let finish = (): unknown => undefined;
    setup.server.reply(
      (response, asked) => (finish = () => say({ content: 'done' })(response, asked)),
    );
    const llm = setup.make();
    const running = llm.complete(HELLO);
    await until(() => setup.server.asked.length === 1);
    let closed = false;
    const closing = llm.close().then(() => (closed = true));
    expect(await failure(llm.complete(HELLO))).toMatchObject({ code: 'closed' });
    expect(closed).toBe(false);
    finish();
    expect(await running).toMatchObject({ content: 'done' });
    await closing;
    await llm.close();
  });
});

test.each([
  [{ model: 'gpt-5' as never }, 'model'],
  [{ model: undefined as never }, 'model'],
  [{ maxRetries: -1 }, 'maxRetries'],
  [{ maxConcurrent: 0 }, 'maxConcurrent'],
  [{ maxBodyBytes: Number.NaN }, 'maxBodyBytes'],
  [{ temperature: 3 }, 'temperature'],
  [{ maxTokens: 0.5 }, 'maxTokens'],
  [{ timeouts: { idleMs: 0 } }, 'timeouts.idleMs'],
  [{ timeouts: { totalMs: 2 ** 31 } }, 'timeouts.totalMs'],
] satisfies [Partial<AiSdkLlmOptions>, string][])('%j is refused at once', (options, path) => {
  expect(() => setup.make(options)).toThrowError(
    expect.objectContaining({ code: 'option-invalid', details: { path } }) as Error,
  );
});

test('a delta that is empty is no chunk', async () => {
  setup.server.reply((response) => {
    begin(response);
    response.write(delta({ role: 'assistant', content: '' }));
    response.end(`${delta({ content: 'a' })}${delta({}, 'stop')}data: [DONE]\n\n`);
  });
  expect((await collect(setup.make(), HELLO)).map(({ type }) => type)).toEqual(['text', 'message']);
});

const aborter = () => {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(new Error('enough')) };
};
