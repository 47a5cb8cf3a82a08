import { describe, expect, test } from 'vitest';
import { HELLO, collect, failure, useSetup } from '../test/setup.ts';
import { delta, json, lines, status, text } from '../test/wire-server.ts';
import type { Answer } from '../test/wire-server.ts';

const setup = useSetup();

describe('a failure', () => {
  test.each([
    [400, 'llm-failed'],
    [401, 'llm-unauthorized'],
    [403, 'llm-unauthorized'],
    [404, 'llm-failed'],
    [413, 'llm-failed'],
    [422, 'llm-failed'],
    [302, 'llm-failed'],
  ])('with status %d is not repeated (%s)', async (code, expected) => {
    setup.server.answer(status(code, { location: 'http://127.0.0.1:1/' }));
    expect(await failure(setup.make().complete(HELLO))).toMatchObject({
      code: expected,
      retryable: false,
      details: { status: code },
    });
    expect(setup.server.requests).toHaveLength(1);
  });

  test.each([
    { code: 'insufficient_quota', message: 'no money' },
    { type: 'insufficient_quota', message: 'no money' },
  ])('for want of money is not repeated %#', async (error) => {
    setup.server.answer(status(429, { 'retry-after': '1' }, error), text('never'));
    expect(await failure(setup.make().complete(HELLO))).toMatchObject({
      code: 'llm-rate-limited',
      retryable: false,
    });
    expect(setup.server.requests).toHaveLength(1);
  });

  const cutBeforeHeaders: Answer = (response) => response.socket?.destroy();
  const cutInBody: Answer = (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('{"choices":', () => response.socket?.destroy());
  };
  test.each([
    ['status 408', 'llm-failed', status(408)],
    ['status 409', 'llm-failed', status(409)],
    ['status 500', 'llm-failed', status(500)],
    [
      'a page of a gateway',
      'llm-failed',
      (response) =>
        response.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad gateway</html>'),
    ],
    ['an error with status 200', 'llm-failed', json({ error: { message: 'overloaded' } })],
    ['a reset before the headers', 'llm-failed', cutBeforeHeaders],
    ['a reset in the body', 'llm-truncated', cutInBody],
  ] satisfies [string, string, Answer][])(
    'by %s is repeated three times with growing waits',
    async (_, code, answer) => {
      setup.server.answer(answer);
      const ended = failure(setup.make().complete(HELLO));
      // Half of 1, 2 and 4 s: the jitter is 0.5 here.
      for (const [index, waitMs] of [500, 1_000, 2_000].entries()) {
        expect(await setup.passWait(index)).toBe(waitMs);
      }
      expect(await ended).toMatchObject({ code, retryable: true });
      expect(setup.server.requests).toHaveLength(4);
      expect(setup.timers.pending()).toBe(0);
    },
  );

  test('that passes is not seen by the caller', async () => {
    setup.server.answer(status(500), cutInBody, text('at last'));
    const answer = setup.make().complete(HELLO);
    await setup.passWait(0);
    await setup.passWait(1);
    expect(await answer).toMatchObject({ content: 'at last' });
  });

  test.each([
    ['a port that nobody listens on', 'http://127.0.0.1:1/v1', /ECONNREFUSED|bad port/],
    ['a host that does not exist', 'http://host.invalid/v1', /ENOTFOUND|EAI_AGAIN/],
    ['a server that does not speak TLS', 'https', /./],
  ])('to connect to %s is typed', async (_, address, reason) => {
    const baseURL = address === 'https' ? setup.server.url.replace('http:', 'https:') : address;
    const error = await failure(
      setup.make({ baseURL, maxRetries: 0, timers: undefined }).complete(HELLO),
    );
    expect(error).toMatchObject({ code: 'llm-failed', retryable: true });
    expect(error.message).toMatch(reason);
  });

  test('of a stream is repeated only before its first text', async () => {
    setup.server.answer(lines([], 'cut'), lines([delta({ content: 'a' })], 'cut'));
    const ended = failure(collect(setup.make(), HELLO));
    await setup.passWait(0);
    expect(await ended).toMatchObject({ code: 'llm-truncated', retryable: true });
    expect(setup.server.requests).toHaveLength(2);
  });

  test('in the middle of a stream is told as what it is', async () => {
    const error = 'data: {"error":{"message":"slow down","code":429}}\n\n';
    setup.server.answer(lines([delta({ content: 'a' }), error]));
    expect(await failure(collect(setup.make(), HELLO))).toMatchObject({ code: 'llm-rate-limited' });
  });

  test('with a flood as its explanation is read in part', async () => {
    setup.server.answer((response) => {
      response.writeHead(400, { 'content-type': 'text/plain' });
      const flood = (): void => {
        while (!response.destroyed && response.write('no '.repeat(20_000)));
      };
      response.on('drain', flood);
      flood();
    });
    const error = await failure(setup.make().complete(HELLO));
    expect(error.code).toBe('llm-failed');
    expect(error.message.length).toBeLessThan(400);
  });
});
