import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { CLOCKS, HELLO, collect, failure, useSetup } from '../test/setup.ts';
import {
  completion,
  delta,
  hang,
  html,
  json,
  lines,
  status,
  text,
  until,
} from '../test/wire-server.ts';
import type { Answer } from '../test/wire-server.ts';
import { makeOpenAiLlm } from './openai-llm.ts';

const setup = useSetup();

describe('a clock', () => {
  const stalls: [string, keyof typeof CLOCKS, boolean, Answer][] = [
    ['before the headers', 'headersMs', false, hang],
    ['after the headers', 'firstDeltaMs', false, (response) => response.flushHeaders()],
    ['after blanks', 'firstDeltaMs', false, (response) => response.write('\n\n')],
    ['in the body', 'idleMs', false, (response) => response.write('{"choices":')],
    ['before the headers of a stream', 'headersMs', true, hang],
    ['after the headers of a stream', 'firstDeltaMs', true, lines([], 'leave')],
    [
      'after the role and comments',
      'firstDeltaMs',
      true,
      lines([': hi\n\n', delta({ role: 'assistant', content: '' })], 'leave'),
    ],
    ['between two deltas', 'idleMs', true, lines([delta({ content: 'a' }), ': hi\n\n'], 'leave')],
  ];
  test.each(stalls)('ends a hang %s (%s)', async (_, clock, stream, answer) => {
    setup.server.answer(answer);
    const llm = setup.make();
    const ended = failure(stream ? collect(llm, HELLO) : llm.complete(HELLO));
    await until(() => setup.server.requests.length === 1, 'the request arrived');
    await until(() => setup.delays.at(-1) === CLOCKS[clock], `the clock ${clock} runs`);
    await setup.timers.advance(CLOCKS[clock] - 1);
    expect(setup.timers.pending()).toBe(2);
    await setup.timers.advance(1);
    expect(await ended).toMatchObject({ code: 'timeout', details: { clock } });
    await until(() => setup.server.requests[0]?.isAborted() === true, 'the socket is closed');
    expect(setup.server.requests).toHaveLength(1);
    expect(setup.timers.pending()).toBe(0);
  });

  test('for the whole call ends an answer that trickles', async () => {
    let trickle = (): unknown => undefined;
    setup.server.answer((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      trickle = () => response.write(delta({ content: '.' }));
      trickle();
    });
    const answer = setup
      .make({ timeouts: { ...CLOCKS, totalMs: 10_000 } })
      .stream(HELLO)
      [Symbol.asyncIterator]();
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await answer.next()).toMatchObject({ value: { text: '.' } });
      await setup.timers.advance(2_900);
      trickle();
    }
    expect(await answer.next()).toMatchObject({ value: { text: '.' } });
    const ended = failure(answer.next());
    await setup.timers.advance(1_300);
    expect(await ended).toMatchObject({ code: 'timeout', details: { clock: 'totalMs' } });
  });

  test('does not run while the reader of a stream takes its time', async () => {
    setup.server.answer(lines([delta({ content: 'a' })], 'leave'), text('never'));
    const answer = setup.make().stream(HELLO)[Symbol.asyncIterator]();
    await answer.next();
    await setup.timers.advance(50_000);
    expect(setup.timers.pending()).toBe(1);
    await answer.return?.();
    expect(setup.timers.pending()).toBe(0);
  });

  test('of the request takes the place of totalMs', async () => {
    setup.server.answer(hang);
    const ended = failure(setup.make().complete({ ...HELLO, timeoutMs: 500 }));
    await until(() => setup.server.requests.length === 1);
    await setup.timers.advance(500);
    expect(await ended).toMatchObject({ code: 'timeout', details: { clock: 'totalMs', ms: 500 } });
  });

  test('ends a client that is deaf to its signal', async () => {
    const client = {
      chat: {
        completions: {
          create: () => ({ asResponse: () => new Promise<Response>(() => undefined) }),
        },
      },
    };
    const ended = failure(
      makeOpenAiLlm({ model: 'test', client, timers: setup.timers }).complete(HELLO),
    );
    await until(() => setup.delays.includes(60_000));
    await setup.timers.advance(60_000);
    expect(await ended).toMatchObject({ code: 'timeout' });
  });
});

describe('an abort', () => {
  test('tells what was paid, where the server said it in time', async () => {
    const usage = { prompt_tokens: 9, completion_tokens: 1 };
    const chunk = { choices: [{ index: 0, delta: { content: 'a' } }], usage };
    setup.server.answer(lines([`data: ${JSON.stringify(chunk)}\n\n`], 'leave'));
    const controller = new AbortController();
    const answer = setup
      .make()
      .stream({ ...HELLO, signal: controller.signal })
      [Symbol.asyncIterator]();
    await answer.next();
    const ended = failure(answer.next());
    controller.abort();
    expect(await ended).toMatchObject({
      code: 'tick-cancelled',
      details: { usage: { inputTokens: 9, outputTokens: 1, totalTokens: 10 } },
    });
  });

  test('of a call that waits for its turn lets the others go on', async () => {
    let finish = (): unknown => undefined;
    setup.server.answer(
      (response, request) => (finish = () => text('first')(response, request)),
      text('third'),
    );
    const llm = setup.make({ maxConcurrent: 1 });
    const controller = new AbortController();
    const first = llm.complete(HELLO);
    await until(() => setup.server.requests.length === 1);
    const second = failure(llm.complete({ ...HELLO, signal: controller.signal }));
    const third = llm.complete(HELLO);
    controller.abort();
    expect(await second).toMatchObject({ code: 'tick-cancelled' });
    finish();
    expect(await first).toMatchObject({ content: 'first' });
    expect(await third).toMatchObject({ content: 'third' });
    expect(setup.server.requests).toHaveLength(2);
  });

  test('has no listener on the signal after fifty calls of every outcome', async () => {
    const { signal } = new AbortController();
    const llm = setup.make({ maxConcurrent: 50, maxRetries: 0 });
    const one: Answer = text('fine');
    setup.server.answer((response, request) => {
      const outcomes = [
        one,
        status(400),
        html,
        status(500),
        json(completion({ content: 'x' }, 'length')),
      ];
      outcomes[setup.server.requests.length % outcomes.length]?.(response, request);
    });
    await Promise.allSettled(Array.from({ length: 50 }, () => llm.complete({ ...HELLO, signal })));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('is not needed by a reader who stops early', async () => {
    setup.server.answer(lines([delta({ content: 'a' })], 'leave'));
    const { signal } = new AbortController();
    for await (const chunk of setup.make().stream({ ...HELLO, signal })) {
      expect(chunk).toMatchObject({ text: 'a' });
      break;
    }
    await until(() => setup.server.requests[0]?.isAborted() === true);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(setup.timers.pending()).toBe(0);
  });

  test('is not needed by a reader who walks away: the total clock gives the place free', async () => {
    setup.server.answer(lines([delta({ content: 'a' })], 'leave'), text('next'));
    const llm = setup.make({ maxConcurrent: 1 });
    await llm.stream(HELLO)[Symbol.asyncIterator]().next();
    const next = llm.complete({ ...HELLO, timeoutMs: 200_000 });
    await setup.timers.advance(CLOCKS.totalMs);
    expect(await next).toMatchObject({ content: 'next' });
  });
});
