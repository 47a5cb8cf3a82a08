import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError } from 'ai';
import { describe, expect, test } from 'vitest';
import { begin, delta, json, refuse, say, until } from '../test/model-server.ts';
import type { Reply } from '../test/model-server.ts';
import { HELLO, collect, failure, useSetup } from '../test/setup.ts';
import { asFailure } from './failure.ts';

const setup = useSetup();

describe('a refusal', () => {
  test.each([
    [400, 'llm-failed'],
    [401, 'llm-unauthorized'],
    [403, 'llm-unauthorized'],
    [404, 'llm-failed'],
    [413, 'llm-failed'],
    [422, 'llm-failed'],
  ])('with status %d is not repeated (%s)', async (status, code) => {
    setup.server.reply(refuse(status));
    expect(await failure(setup.make().complete(HELLO))).toMatchObject({
      code,
      retryable: false,
      details: { status },
    });
    expect(setup.server.asked).toHaveLength(1);
  });

  test.each([{ code: 'insufficient_quota' }, { type: 'insufficient_quota' }])(
    'for want of money is not repeated: %j',
    async (error) => {
      setup.server.reply(refuse(429, { 'retry-after': '1' }, { message: 'no money', ...error }));
      expect(await failure(setup.make().complete(HELLO))).toMatchObject({
        code: 'llm-rate-limited',
        retryable: false,
      });
      expect(setup.server.asked).toHaveLength(1);
    },
  );

  test.each([
    [401, "refused: no. Check the provider's key"],
    [404, "refused: no. Check the model's name and the provider's base URL"],
    [400, 'refused: no'],
  ])('with status %d names the setting to look at', async (status, told) => {
    setup.server.reply(refuse(status));
    const { message } = await failure(setup.make().complete(HELLO));
    expect(message).toBe(`The provider ${told}`);
  });

  test('by a server that is not there names the setting to look at', async () => {
    await setup.server.close();
    const { message } = await failure(setup.make({ maxRetries: 0 }).complete(HELLO));
    expect(message).toMatch(
      /^The provider could not be asked: .*ECONNREFUSED.*\. Check the provider's base URL, and that its server can be reached$/,
    );
  });

  test('for an address with a password does not show it', async () => {
    const baseURL = 'http://me:pa55word@127.0.0.1/v1';
    const model = createOpenAICompatible({ name: 'test', baseURL })('small');
    const error = await failure(setup.make({ model, maxRetries: 0 }).complete(HELLO));
    expect(error.message).toContain('http://[secret]@127.0.0.1/v1');
    expect(`${error.stack} ${(error.cause as Error).stack}`).not.toContain('pa55word');
  });

  const html: Reply = (response) =>
    response.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad gateway</html>');
  const reset: Reply = (response) => response.socket?.destroy();
  const cut: Reply = (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('{"choices":', () => response.socket?.destroy());
  };
  test.each([
    ['status 408', refuse(408), 'llm-failed'],
    ['status 409', refuse(409), 'llm-failed'],
    ['status 500', refuse(500), 'llm-failed'],
    ['a page of a gateway', html, 'llm-failed'],
    ['a reset before the headers', reset, 'llm-failed'],
    ['a reset in the body', cut, 'llm-truncated'],
  ])('by %s is repeated three times with growing waits', async (_, reply, code) => {
    setup.server.reply(reply);
    const ended = failure(setup.make().complete(HELLO));
    for (const ms of [500, 1_000, 2_000]) await setup.pass(ms);
    expect(await ended).toMatchObject({ code, retryable: true });
    expect(setup.server.asked).toHaveLength(4);
    expect(setup.timers.pending()).toBe(0);
  });

  test('to connect is typed', async () => {
    await setup.server.close();
    const error = await failure(setup.make({ maxRetries: 0 }).complete(HELLO));
    expect(error).toMatchObject({ code: 'llm-failed', retryable: true });
    expect(error.message).toMatch(/ECONNREFUSED/);
  });

  test('keeps the prompt and the headers of the answer out of its cause', async () => {
    setup.server.reply(refuse(400, { 'set-cookie': 'session=secret' }));
    const { cause } = await failure(setup.make().complete(HELLO));
    expect(cause).toMatchObject({ name: 'AI_APICallError', message: 'no' });
    expect(Object.keys(cause as object)).toEqual(['name']);
  });
});

describe('a wait that the provider asks for', () => {
  test.each([
    ['seconds', { 'retry-after': '2' }, 2_200],
    ['milliseconds', { 'retry-after-ms': '1500', 'retry-after': '9' }, 1_651],
    ['a date', { 'retry-after': new Date(1_005_000).toUTCString() }, 5_500],
  ])('in %s is kept to', async (_, headers, ms) => {
    setup.server.reply(refuse(429, headers), say({ content: 'later' }));
    const answer = setup.make().complete(HELLO);
    await until(() => setup.delays.includes(ms));
    await setup.timers.advance(ms - 1);
    expect(setup.server.asked).toHaveLength(1);
    await setup.timers.advance(1);
    expect(await answer).toMatchObject({ content: 'later' });
  });

  test.each(['-5', 'abc', '', '99999999'])('as %j is as if it were not told', async (value) => {
    setup.server.reply(refuse(429, { 'retry-after': value }), say({ content: 'later' }));
    const answer = setup.make().complete(HELLO);
    await setup.pass(500);
    expect(await answer).toMatchObject({ content: 'later' });
  });

  test('beyond the call is an error at once, for those that come later as well', async () => {
    setup.server.reply(refuse(429, { 'retry-after': '120' }), say({ content: 'later' }));
    const llm = setup.make();
    for (const ask of [() => llm.complete(HELLO), () => collect(llm, HELLO)]) {
      expect(await failure(ask())).toMatchObject({
        code: 'llm-rate-limited',
        retryable: true,
        details: { retryAt: 1_132_000 },
      });
    }
    expect(setup.server.asked).toHaveLength(1);
    expect(setup.timers.pending()).toBe(0);
  });
});

describe('in a stream', () => {
  test('a failure is repeated only before the first text', async () => {
    const cutAfter =
      (...parts: readonly string[]): Reply =>
      (response) => {
        begin(response);
        response.write([...parts, ': \n\n'].join(''), () => response.destroy());
      };
    setup.server.reply(cutAfter(), cutAfter(delta({ content: 'a' })));
    const ended = failure(collect(setup.make(), HELLO));
    await setup.pass(500);
    expect(await ended).toMatchObject({ code: 'llm-truncated', retryable: true });
    expect(setup.server.asked).toHaveLength(2);
  });

  test('an end without a reason to finish is truncated', async () => {
    setup.server.reply((response) => {
      begin(response);
      response.end(delta({ content: 'half' }));
    });
    expect(await failure(collect(setup.make(), HELLO))).toMatchObject({ code: 'llm-truncated' });
  });

  test('an error is told as what it is, with what was paid', async () => {
    setup.server.reply((response) => {
      begin(response);
      response.write(delta({ content: 'a' }));
      response.write('data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n');
      response.end('data: {"error":{"message":"slow down","code":429}}\n\ndata: [DONE]\n\n');
    });
    expect(await failure(collect(setup.make(), HELLO))).toMatchObject({
      code: 'llm-rate-limited',
      details: { usage: { totalTokens: 5 } },
    });
  });
});

test.each([
  ['an HTML page', (response) => response.end('<html>Sign in</html>')],
  ['null', json(null)],
  ['no choices', json({ choices: [] })],
] satisfies [string, Reply][])('%s is no answer, and is not asked for again', async (_, reply) => {
  setup.server.reply(reply);
  expect(await failure(setup.make().complete(HELLO))).toMatchObject({ code: 'llm-malformed' });
  expect(setup.server.asked).toHaveLength(1);
});

describe('an error of the SDK', () => {
  const named = (name: string): Error => Object.assign(new Error('because'), { name });
  test.each([
    [named('AI_LoadAPIKeyError'), 'llm-unauthorized', false],
    [named('AI_UnsupportedFunctionalityError'), 'capability-missing', false],
    [named('AI_InvalidPromptError'), 'option-invalid', false],
    [named('AI_NoContentGeneratedError'), 'llm-malformed', true],
    [new TypeError('fetch failed'), 'llm-failed', true],
    [
      new Error('outer', { cause: Object.assign(new Error(), { code: 'ECONNRESET' }) }),
      'llm-failed',
      true,
    ],
    [new Error('a defect'), 'llm-failed', false],
    [{ message: 'overloaded', type: 'overloaded_error' }, 'llm-failed', true],
    [{ message: 'slow down', code: 429 }, 'llm-rate-limited', true],
    ['gone', 'llm-failed', true],
    [null, 'llm-failed', true],
    [
      new APICallError({ message: 'x', url: '', requestBodyValues: {}, isRetryable: true }),
      'llm-failed',
      true,
    ],
  ])('%s becomes %s (%s)', (thrown, code, retryable) => {
    expect(asFailure(thrown, Date.now)).toMatchObject({ code, retryable });
  });
});
