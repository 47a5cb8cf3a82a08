import { describe, expect, test } from 'vitest';
import { HELLO, failure, useSetup } from '../test/setup.ts';
import { hang, status, text, until } from '../test/wire-server.ts';
import type { Answer } from '../test/wire-server.ts';

const setup = useSetup();

describe('a limit of the rate', () => {
  test.each([
    ['seconds', { 'retry-after': '2' }, 2_000],
    ['milliseconds', { 'retry-after-ms': '1500', 'retry-after': '9' }, 1_500],
    ['a date', { 'retry-after': new Date(1_005_000).toUTCString() }, 5_000],
  ])('told in %s is kept to', async (_, headers, leastMs) => {
    setup.server.answer(status(429, headers), text('later'));
    const answer = setup.make().complete(HELLO);
    const closedMs = Math.ceil(leastMs * (1 + 0.2 * 0.5));
    await until(() => setup.delays.includes(closedMs), 'the gate is closed');
    await setup.timers.advance(closedMs - 1);
    expect(setup.server.requests).toHaveLength(1);
    await setup.timers.advance(1);
    expect(await answer).toMatchObject({ content: 'later' });
  });

  test.each(['-5', 'abc', '', 'NaN', '1e9', '99999999'])(
    'told as %j is as if it were not told',
    async (value) => {
      setup.server.answer(status(429, { 'retry-after': value }), text('later'));
      const answer = setup.make().complete(HELLO);
      expect(await setup.passWait(0)).toBe(500);
      await answer;
    },
  );

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

  test('closes the gate of its own adapter only', async () => {
    setup.server.answer(status(429, { 'retry-after': '10' }), text('other key'), text('first key'));
    const first = setup.make().complete(HELLO);
    await until(() => setup.delays.includes(11_000));
    const other = setup.make({ apiKey: 'sk-of-somebody-else' });
    expect(await other.complete(HELLO)).toMatchObject({ content: 'other key' });
    await setup.timers.advance(11_000);
    expect(await first).toMatchObject({ content: 'first key' });
  });

  test('is not run into again by fifty actors at once', async () => {
    const PERIOD_MS = 100;
    let tokens = 5;
    let filledAt = performance.now();
    let refusals = 0;
    setup.server.answer((response, request) => {
      const periods = Math.floor((performance.now() - filledAt) / PERIOD_MS);
      if (periods > 0) [tokens, filledAt] = [5, filledAt + periods * PERIOD_MS];
      tokens -= 1;
      if (tokens >= 0) return text('done')(response, request);
      refusals += 1;
      const leftMs = filledAt + PERIOD_MS - performance.now();
      return status(429, { 'retry-after-ms': leftMs.toFixed(3) })(response, request);
    });
    const llm = setup.make({
      timers: undefined,
      now: undefined,
      random: undefined,
      timeouts: undefined,
    });
    const answers = await Promise.all(Array.from({ length: 50 }, () => llm.complete(HELLO)));
    expect(answers).toHaveLength(50);
    expect(refusals).toBeGreaterThan(0);
    expect(setup.server.requests.length).toBeLessThanOrEqual(75);
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
