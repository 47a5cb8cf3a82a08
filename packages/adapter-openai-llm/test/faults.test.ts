import { getEventListeners } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { LlmRequest, Message } from '@promethean/pantheon-core';
import { noteFigures } from '@promethean/services/figures';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OpenAiLlm } from '../src/openai-llm.ts';
import { BROKEN_CALLS, BROKEN_INDEXES } from './broken-calls.ts';
import { CLOCKS, HELLO, TOOL, collect, failure, useSetup } from './setup.ts';
import {
  calling,
  completion,
  delta,
  hang,
  json,
  lines,
  status,
  text,
  startWireServer,
  until,
} from './wire-server.ts';
import type { Answer, WireServer } from './wire-server.ts';

const setup = useSetup();

// Real time where the figure is a time, and a clock that the test owns where it is a wait.
const REAL = { timers: undefined, now: undefined, random: undefined } as const;

const unhandled: unknown[] = [];
const note = (reason: unknown): unknown => unhandled.push(reason);
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(() => process.off('unhandledRejection', note));

/** How long the whole process stood still at most while this ran, which is nobody's fault here. */
const withLoopLag = async (run: () => Promise<void>): Promise<number> => {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await run();
  delay.disable();
  return delay.max / 1e6;
};

/** Another server, for tests that need one in each round. */
const onServer = async (use: (server: WireServer) => Promise<void>): Promise<void> => {
  const server = await startWireServer();
  try {
    await use(server);
  } finally {
    await server.close();
  }
};

const cutBeforeHeaders: Answer = (response) => response.socket?.destroy();
const cutInBody: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"choices":', () => response.socket?.destroy());
};
const badGateway: Answer = (response) =>
  response.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad gateway</html>');

test('what Retry-After asks for is kept to, in every form; what makes no sense is not', async (context) => {
  const gaps: Record<string, number> = {};
  let early = 0;
  const date = (): string => new Date(1_000_000 + setup.timers.now() + 5_000).toUTCString();
  for (const [form, headers, leastMs] of [
    ['2', () => ({ 'retry-after': '2' }), 2_000],
    ['1500 ms', () => ({ 'retry-after-ms': '1500', 'retry-after': '9' }), 1_500],
    ['date', () => ({ 'retry-after': date() }), 4_001],
    ...['-5', 'abc', '', 'NaN', '1e9', '99999999'].map(
      (told) => [JSON.stringify(told), () => ({ 'retry-after': told }), 0] as const,
    ),
  ] as const) {
    await onServer(async (server) => {
      server.answer((...args) => status(429, headers())(...args), text('later'));
      const [clocks, before] = [Object.values(CLOCKS), setup.delays.length];
      const waits = (): readonly number[] =>
        setup.delays.slice(before).filter((ms) => !(clocks as readonly number[]).includes(ms));
      const answer = setup.make({ baseURL: server.url }).complete(HELLO);
      await until(() => waits().length > 0, 'a wait was set');
      const [gapMs = 0] = waits();
      await setup.timers.advance(gapMs - 1);
      early += server.requests.length - 1;
      await setup.timers.advance(1);
      expect(await answer).toMatchObject({ content: 'later' });
      if (leastMs === 0) expect(gapMs).toBe(500); // Our own wait, with a jitter of one half.
      else expect(gapMs).toBeGreaterThanOrEqual(leastMs);
      expect(gapMs).toBeLessThanOrEqual(6_000);
      gaps[`gap ${form}`] = gapMs;
    });
  }
  setup.server.answer(status(429, { 'retry-after': '120' }), text('too late'));
  expect(await failure(setup.make().complete(HELLO))).toMatchObject({
    code: 'llm-rate-limited',
    details: { retryAt: expect.any(Number) as number },
  });
  expect(early).toBe(0);
  expect(setup.server.requests).toHaveLength(1);
  noteFigures(context, 'F1', { early, 'requests at 120': setup.server.requests.length, ...gaps });
});

test('what waiting cannot mend is asked once', async (context) => {
  const refusals: readonly (readonly [number, unknown, string])[] = [
    [429, { code: 'insufficient_quota', message: 'no money' }, 'llm-rate-limited'],
    [429, { type: 'insufficient_quota', message: 'no money' }, 'llm-rate-limited'],
    [401, { code: 'invalid_api_key', message: 'no such key' }, 'llm-unauthorized'],
    [400, { code: 'context_length_exceeded', message: 'too long' }, 'llm-failed'],
  ];
  for (const [code, error, expected] of refusals) {
    setup.server.answer(status(code, { 'retry-after': '1' }, error), text('never'));
    expect(await failure(setup.make().complete(HELLO))).toMatchObject({
      code: expected,
      retryable: false,
    });
  }
  expect(setup.server.requests).toHaveLength(refusals.length);
  noteFigures(context, 'F2', { refusals: refusals.length, requests: setup.server.requests.length });
});

test('a hang ends with its clock, and its socket is closed', async (context) => {
  const LIMIT_MS = 200;
  const clocks = { headersMs: LIMIT_MS, firstDeltaMs: LIMIT_MS, idleMs: LIMIT_MS };
  const late: number[] = [];
  for (const [clock, answer] of [
    ['headersMs', hang],
    ['firstDeltaMs', (response) => response.flushHeaders()],
    ['idleMs', (response) => response.write('{"choices":')],
  ] satisfies [string, Answer][]) {
    setup.server.answer(answer);
    const llm = setup.make({ ...REAL, timeouts: clocks });
    const startedAt = performance.now();
    let tookMs = 0;
    const lagMs = await withLoopLag(async () => {
      const { code, details } = await failure(llm.complete(HELLO));
      expect({ code, clock: details['clock'] }).toEqual({ code: 'timeout', clock });
      tookMs = performance.now() - startedAt;
    });
    // Headers and first bytes start a clock anew.
    late.push(Math.round(Math.max(0, tookMs - LIMIT_MS - lagMs)));
    await until(() => setup.server.sockets() === 0, 'the server sees that the socket is closed');
  }
  expect(Math.max(...late)).toBeLessThanOrEqual(500 + LIMIT_MS);
  expect(setup.server.requests).toHaveLength(3);
  noteFigures(context, 'F3', {
    lateMs: Math.max(...late),
    'open sockets': setup.server.sockets(),
    requests: setup.server.requests.length,
  });
});

test('what may pass is repeated three times after growing waits, and is typed', async (context) => {
  const faults: readonly (readonly [string, Answer])[] = [
    ['llm-failed', status(408)],
    ['llm-failed', status(409)],
    ['llm-failed', status(500)],
    ['llm-failed', badGateway],
    ['llm-failed', json({ error: { message: 'overloaded' } })],
    ['llm-failed', cutBeforeHeaders],
    ['llm-truncated', cutInBody],
  ];
  const tries = new Set<number>();
  for (const [code, answer] of faults) {
    setup.server.answer(answer);
    const [requests, waits] = [setup.server.requests.length, setup.delays.length];
    const ended = failure(setup.make().complete(HELLO));
    // Half of 1, 2 and 4 s: the jitter is 0.5 here.
    for (const waitMs of [500, 1_000, 2_000]) {
      await until(() => setup.delays.slice(waits).includes(waitMs), `a wait of ${waitMs} ms`);
      await setup.timers.advance(waitMs);
    }
    expect(await ended).toMatchObject({ code, retryable: true });
    expect(setup.timers.pending()).toBe(0);
    tries.add(setup.server.requests.length - requests);
  }
  expect([...tries]).toEqual([4]);

  setup.server.answer(status(503, { 'retry-after': '10' }), text('at last'));
  const answer = setup.make().complete(HELLO);
  await until(() => setup.delays.includes(11_000));
  await setup.timers.advance(11_000);
  expect(await answer).toMatchObject({ content: 'at last' });

  const tls = setup.server.url.replace('http:', 'https:');
  for (const [baseURL, reason] of [
    ['http://127.0.0.1:1/v1', /ECONNREFUSED|bad port/],
    ['http://host.invalid/v1', /ENOTFOUND|EAI_AGAIN/],
    [tls, /./],
  ] as const) {
    const llm = setup.make({ baseURL, maxRetries: 0, timers: undefined });
    const error = await failure(llm.complete(HELLO));
    expect(error).toMatchObject({ code: 'llm-failed', retryable: true });
    expect(error.message).toMatch(reason);
  }
  const waits = '500/1000/2000 ms at a jitter of 0.5';
  noteFigures(context, 'F5', { faults: faults.length + 4, tries: Math.max(...tries), waits });
});

/** Refuses what OpenAI would refuse: a history with a tool call that is not valid or not answered. */
const refusals = (messages: readonly Readonly<Record<string, unknown>>[]): number => {
  let open: string[] = [];
  let wrong = 0;
  for (const { role, tool_calls: calls, tool_call_id: id } of messages) {
    if (role === 'tool') {
      if (!open.includes(String(id))) wrong += 1;
      open = open.filter((each) => each !== id);
      continue;
    }
    wrong += open.length;
    open = [];
    for (const call of (calls ?? []) as readonly {
      id: string;
      function: { arguments: string };
    }[]) {
      const args: unknown = JSON.parse(call.function.arguments);
      if (typeof args !== 'object' || args === null || Array.isArray(args)) wrong += 1;
      open.push(call.id);
    }
  }
  return wrong + open.length;
};

test('a broken tool call is not acted upon, is repaired once, and leaves a history that a strict server takes', async (context) => {
  const indexes = BROKEN_INDEXES.map((index): Answer => {
    const call = { index, id: 'a', function: { name: 'add', arguments: '{}' } };
    return lines([delta({ tool_calls: [call] }), delta({}, 'tool_calls')]);
  });
  const cut = calling({ id: 'a', name: 'add', args: '{"n":' });
  const broken = [
    ...BROKEN_CALLS.map(([, answer]) => answer),
    ...indexes,
    json(completion(cut, 'length')),
    json(completion(cut, 'stop')),
  ];
  let [refused, executed, repairs] = [0, 0, 0];
  const strict =
    (message: unknown): Answer =>
    (response, request) => {
      const wrong = refusals(request.body.messages);
      refused += wrong;
      return wrong > 0
        ? status(400)(response, request)
        : json(completion(message))(response, request);
    };
  const good = calling({ id: 'b', name: 'add', args: '{"n":1}' });
  for (const answer of broken) {
    // An index that is wrong spoils the stream, not only the call: nothing tells which call was meant.
    setup.server.answer(answer, strict(good), strict({ role: 'assistant', content: 'It is 1.' }));
    const before = setup.server.requests.length;
    const llm = setup.make();
    const { role, content, toolCalls = [] } = await llm.complete(TOOL);
    executed += toolCalls.filter(({ id }) => id !== 'b').length;
    repairs += setup.server.requests.length - before - 1;
    const history: readonly Message[] = [
      ...TOOL.messages,
      { role, content, toolCalls },
      ...toolCalls.map(({ id }) => ({ role: 'tool', content: '1', toolCallId: id }) as const),
    ];
    expect(await llm.complete({ ...TOOL, messages: history })).toMatchObject({
      content: 'It is 1.',
    });
  }
  expect({ executed, refused, repairs }).toEqual({
    executed: 0,
    refused: 0,
    repairs: broken.length,
  });
  noteFigures(context, 'F7', { answers: broken.length, executed, '400s': refused, repairs });
});

test('a limit of the rate is not run into again by fifty actors at once', async (context) => {
  const [ACTORS, BUCKET, PERIOD_MS] = [50, 5, 100];
  let tokens = BUCKET;
  let filledAt = performance.now();
  let refused = 0;
  const refusedAt = new Map<unknown, number>();
  const waits: number[] = [];
  setup.server.answer((response, request) => {
    const actor = request.body.messages[0]?.['content'];
    const sinceMs = performance.now() - (refusedAt.get(actor) ?? Number.NaN);
    if (refusedAt.delete(actor)) waits.push(sinceMs);
    const periods = Math.floor((performance.now() - filledAt) / PERIOD_MS);
    if (periods > 0) [tokens, filledAt] = [BUCKET, filledAt + periods * PERIOD_MS];
    tokens -= 1;
    if (tokens >= 0) return text('done')(response, request);
    refused += 1;
    refusedAt.set(actor, performance.now());
    const leftMs = filledAt + PERIOD_MS - performance.now();
    return status(429, { 'retry-after-ms': leftMs.toFixed(3) })(response, request);
  });
  const llm = setup.make({ ...REAL, timeouts: undefined });
  const startedAt = performance.now();
  const ask = (_: unknown, actor: number): LlmRequest => ({
    messages: [{ role: 'user', content: `I am ${actor}.` }],
  });
  const answers = await Promise.all(
    Array.from({ length: ACTORS }, ask).map((one) => llm.complete(one)),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  const requests = setup.server.requests.length;
  expect(answers).toHaveLength(ACTORS);
  expect(refused).toBeGreaterThan(0);
  expect(requests).toBeLessThanOrEqual(1.5 * ACTORS);
  const equalWaits = waits.length - new Set(waits).size;
  expect([waits.length, equalWaits]).toEqual([refused, 0]);
  noteFigures(context, 'F8', {
    actors: ACTORS,
    requests,
    refused,
    'req/s': Math.round(requests / seconds),
    goodput: Number((ACTORS / requests).toFixed(2)),
    equalWaits,
  });
});

test('an abort is seen within 100 ms at every phase, and leaves nothing', async (context) => {
  const openHeaders: Answer = (response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
  };
  const arrived = (server: WireServer) => (): boolean => server.requests.length === 1;
  const took: Record<string, number> = {};
  let [listeners, seen] = [0, 0];
  for (const [phase, answer, isThere, isStream] of [
    ['before the headers', hang, arrived, false],
    ['after the headers', openHeaders, arrived, false],
    ['in the body', (response) => response.write('{'), arrived, false],
    ['in a stream', lines([delta({ content: 'a' })], 'leave'), arrived, true],
    ['before a repetition', status(500), () => () => setup.delays.includes(500), false],
    [
      'at the gate',
      status(429, { 'retry-after': '10' }),
      () => () => setup.delays.includes(11_000),
      false,
    ],
  ] satisfies [string, Answer, (server: WireServer) => () => boolean, boolean][]) {
    await onServer(async (server) => {
      server.answer(answer);
      const controller = new AbortController();
      const request: LlmRequest = { ...HELLO, signal: controller.signal };
      const llm = setup.make({ baseURL: server.url });
      let tookMs = 0;
      const lagMs = await withLoopLag(async () => {
        const ended = failure(isStream ? collect(llm, request) : llm.complete(request));
        await until(isThere(server), phase);
        const abortedAt = performance.now();
        controller.abort(new Error('enough'));
        expect(await ended).toMatchObject({
          code: 'tick-cancelled',
          cause: { message: 'enough' },
        });
        tookMs = performance.now() - abortedAt;
      });
      took[phase] = Math.round(tookMs);
      expect(tookMs - lagMs).toBeLessThan(100);
      if (isThere === arrived) {
        await until(() => server.requests[0]?.isAborted() === true, `the server sees it ${phase}`);
        seen += 1;
      }
      expect(server.requests).toHaveLength(1);
      listeners += getEventListeners(controller.signal, 'abort').length;
    });
  }
  // Before the call nothing is sent, and after its end nothing is left to abort.
  setup.server.answer(text('fine'));
  const signal = AbortSignal.abort();
  expect(await failure(setup.make().complete({ ...HELLO, signal }))).toMatchObject({
    code: 'tick-cancelled',
  });
  expect(setup.server.requests).toHaveLength(0);
  const after = new AbortController();
  await setup.make().complete({ ...HELLO, signal: after.signal });
  listeners += getEventListeners(after.signal, 'abort').length;
  after.abort();
  expect({ listeners, unhandled, timers: setup.timers.pending() }).toEqual({
    listeners: 0,
    unhandled: [],
    timers: 0,
  });
  const maxMs = Math.max(...Object.values(took));
  noteFigures(context, 'F9', {
    phases: Object.keys(took).length + 2,
    maxMs,
    'seen by the server': seen,
    listeners,
    unhandled: unhandled.length,
  });
});

test("a gate is one key's: another key is not stopped, and a new one opens it", async (context) => {
  const sent = (): readonly unknown[] =>
    setup.server.requests.map(({ headers }) => headers.authorization);
  setup.server.answer(status(429, { 'retry-after': '10' }), text('other'), text('first'));
  const first = setup.make({ apiKey: 'sk-of-the-first' }).complete(HELLO);
  await until(() => setup.delays.includes(11_000));
  const other = setup.make({ apiKey: 'sk-of-the-other' });
  expect(await other.complete(HELLO)).toMatchObject({ content: 'other' });
  await setup.timers.advance(11_000);
  expect(await first).toMatchObject({ content: 'first' });

  const waits = setup.delays.length;
  setup.server.answer(status(429, { 'retry-after': '10' }), text('new key'));
  let key = 'sk-of-yesterday';
  const llm = setup.make({ apiKey: async () => key });
  const waiting = llm.complete(HELLO);
  await until(() => setup.delays.slice(waits).includes(11_000));
  key = 'sk-of-today';
  const waitedFrom = setup.timers.now();
  expect(await llm.complete(HELLO)).toMatchObject({ content: 'new key' });
  expect(await waiting).toMatchObject({ content: 'new key' });
  expect(sent().slice(3)).toEqual([
    'Bearer sk-of-yesterday',
    'Bearer sk-of-today',
    'Bearer sk-of-today',
  ]);
  const waitedMs = setup.timers.now() - waitedFrom;
  expect(waitedMs).toBe(0);
  expect(setup.timers.pending()).toBe(0);
  noteFigures(context, 'F10', { requests: sent().length, waitedMs });
});

test('a context that is too large is never sent', async (context) => {
  const short = { role: 'user', content: 'x'.repeat(100) } as const;
  const contexts: readonly (readonly Message[])[] = [
    Array.from({ length: 100_000 }, () => short),
    [{ role: 'user', content: 'x'.repeat(50_000_000) }],
    [{ role: 'user', content: '', images: [`data:image/png;base64,${'A'.repeat(50_000_000)}`] }],
    // Within the limit as characters, beyond it as bytes.
    [{ role: 'user', content: '日'.repeat(3_000_000) }],
  ];
  const apis: readonly OpenAiLlm[] = [setup.make(), setup.make({ api: 'responses' })];
  for (const llm of apis) {
    for (const messages of contexts) {
      expect(await failure(llm.complete({ messages }))).toMatchObject({
        code: 'message-too-large',
      });
    }
  }
  const connections = setup.server.sockets();
  expect(connections).toBe(0);
  noteFigures(context, 'F11', { contexts: contexts.length * apis.length, connections });
});

test('H10 what a server quotes of a request is in no error, whole, in pieces or as a cause', async (context) => {
  const [key, tenant, project] = ['sk-planted-key-1', 'planted-tenant-2', 'planted+project/3'];
  const secrets = [key, tenant, project, encodeURIComponent(project)];
  const headers = { 'x-tenant': tenant, 'x-project': project };
  let errors = 0;
  let leaks = 0;
  let scrubbed = 0;
  await onServer(async (server) => {
    const quote = ({ headers: sent }: Parameters<Answer>[1]): string => {
      const { authorization, 'x-tenant': one, 'x-project': other } = sent;
      return `${authorization} ${String(one)} ${String(other)} ${encodeURIComponent(String(other))}`;
    };
    const answers: readonly Answer[] = [
      (response, request) => status(401, {}, { message: quote(request) })(response, request),
      (response, request) =>
        status(400, {}, { message: 'no', code: quote(request) })(response, request),
      (response, request) => response.end(`<html>${quote(request)}</html>`),
      (response, request) => response.end(JSON.stringify({ choices: [quote(request)] })),
      (response, request) =>
        lines([`data: {"error":{"message":"${quote(request)}"}}\n\n`])(response, request),
      (response, request) => lines([`data: ${quote(request)}\n\n`])(response, request),
    ];
    const llm = setup.make({ ...REAL, random: () => 0, baseURL: server.url, apiKey: key, headers });
    for (const answer of answers) {
      server.answer(answer);
      for (const ask of [() => llm.complete(HELLO), () => collect(llm, HELLO)]) {
        const error = await failure(ask());
        let text = JSON.stringify(error.details);
        for (let one: unknown = error; one instanceof Error; one = one.cause)
          text += `${one.message}\n${one.stack}\n${JSON.stringify(one)}`;
        errors += 1;
        scrubbed += text.includes('[secret]') ? 1 : 0;
        leaks += secrets.filter((secret) => text.includes(secret)).length;
      }
    }
    expect(server.requests.length).toBeGreaterThanOrEqual(errors);
  });
  noteFigures(context, 'H10', { errors, scrubbed, leaks });
  expect([errors, leaks]).toEqual([12, 0]);
  expect(scrubbed).toBeGreaterThan(3);
});
