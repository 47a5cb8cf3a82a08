import { describe, expect, test } from 'vitest';
import { HELLO, collect, failure, useSetup } from '../test/setup.ts';
import { delta, lines, status, text } from '../test/wire-server.ts';

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

  test('that passes is not seen by the caller', async () => {
    setup.server.answer(status(500), lines([], 'cut'), text('at last'));
    const answer = setup.make().complete(HELLO);
    await setup.passWait(0);
    await setup.passWait(1);
    expect(await answer).toMatchObject({ content: 'at last' });
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
