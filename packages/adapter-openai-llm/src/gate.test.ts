import { describe, expect, test } from 'vitest';
import { HELLO, failure, useSetup } from '../test/setup.ts';
import { hang, status, text, until } from '../test/wire-server.ts';
import type { Answer } from '../test/wire-server.ts';

const setup = useSetup();

describe('a limit of the rate', () => {
  test('beyond the call is an error at once, for those that come later as well', async () => {
    setup.server.answer(status(429, { 'retry-after': '120' }), text('later'));
    const llm = setup.make();
    expect(await failure(llm.complete(HELLO))).toMatchObject({
      code: 'llm-rate-limited',
      retryable: true,
      details: { retryAt: 1_132_000 },
    });
    await setup.timers.advance(100);
    expect(await failure(llm.complete(HELLO))).toMatchObject({
      code: 'llm-rate-limited',
      details: { retryAt: 1_132_000 },
    });
    expect(setup.server.requests).toHaveLength(1);
    const patient = llm.complete({ ...HELLO, timeoutMs: 500_000 });
    await setup.timers.advance(131_900);
    expect(await patient).toMatchObject({ content: 'later' });
    expect(setup.timers.pending()).toBe(0);
  });

  test('told with status 503 is kept to without closing the gate', async () => {
    setup.server.answer(status(503, { 'retry-after': '10' }), text('meanwhile'));
    const llm = setup.make();
    const first = llm.complete(HELLO);
    await until(() => setup.delays.includes(11_000));
    expect(await llm.complete(HELLO)).toMatchObject({ content: 'meanwhile' });
    await setup.timers.advance(11_000);
    expect(await first).toMatchObject({ content: 'meanwhile' });
  });

  test('told with status 503 beyond the call is an error at once', async () => {
    setup.server.answer(status(503, { 'retry-after': '120' }));
    expect(await failure(setup.make().complete(HELLO))).toMatchObject({
      code: 'llm-failed',
      retryable: true,
      details: { status: 503, retryAfterMs: 120_000, retryAt: 1_132_000 },
    });
    expect(setup.timers.pending()).toBe(0);
  });

  test('is followed by one request, and only then by the others', async () => {
    const open: (() => unknown)[] = [];
    const later: Answer = (response, request) => open.push(() => text('ok')(response, request));
    setup.server.answer(status(429, { 'retry-after': '10' }), later);
    const llm = setup.make({ maxConcurrent: 3 });
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

  test('does not let a probe that is aborted keep the gate closed', async () => {
    setup.server.answer(status(429, { 'retry-after': '10' }), hang, text('ok'));
    const llm = setup.make();
    const controller = new AbortController();
    const probe = failure(llm.complete({ ...HELLO, signal: controller.signal }));
    await until(() => setup.delays.includes(11_000));
    const next = llm.complete(HELLO);
    await setup.timers.advance(11_000);
    await until(() => setup.server.requests.length === 2);
    controller.abort();
    expect(await probe).toMatchObject({ code: 'tick-cancelled' });
    expect(await next).toMatchObject({ content: 'ok' });
  });
});

test('the gate lets at most maxConcurrent requests through at a time', async () => {
  const open: (() => unknown)[] = [];
  setup.server.answer((response, request) => open.push(() => text('ok')(response, request)));
  const llm = setup.make({ maxConcurrent: 2 });
  const answers = Array.from({ length: 5 }, () => llm.complete(HELLO));
  for (let done = 0; done < 5; done += 1) {
    await until(() => open.length > done);
    expect(open.length).toBeLessThanOrEqual(done + 2);
    open[done]?.();
  }
  await Promise.all(answers);
});

test('the gate keeps the order in which the calls came, also when one has to come again', async () => {
  setup.server.answer(status(429, { 'retry-after': '10' }), text('ok'));
  const llm = setup.make({ maxConcurrent: 1 });
  const answers = ['1', '2', '3', '4'].map((content) =>
    llm.complete({ messages: [{ role: 'user', content }] }),
  );
  await until(() => setup.delays.includes(11_000));
  await setup.timers.advance(11_000);
  await Promise.all(answers);
  const sent = setup.server.requests.map(({ body }) => body.messages[0]?.['content']);
  expect(sent).toEqual(['1', '1', '2', '3', '4']);
});
