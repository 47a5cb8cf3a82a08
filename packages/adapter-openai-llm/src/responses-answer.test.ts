import { describe, expect, test } from 'vitest';
import { HELLO, TOOL, collect, failure, useSetup } from '../test/setup.ts';
import {
  event,
  eventsOf,
  functionCall,
  message,
  respond,
  response,
  textDelta,
} from '../test/wire-responses.ts';
import { html, json, lines, status, until } from '../test/wire-server.ts';
import type { Answer } from '../test/wire-server.ts';
import type { OpenAiLlm, OpenAiLlmOptions } from './openai-llm.ts';

const setup = useSetup();
const make = (options: Partial<OpenAiLlmOptions> = {}): OpenAiLlm =>
  setup.make({ api: 'responses', ...options });

const USAGE = { inputTokens: 3, outputTokens: 2, totalTokens: 5 };
const REASONING = { type: 'reasoning', id: 'rs_1', summary: [] };

describe('an answer of the Responses API', () => {
  test('is the same whole and in events', async () => {
    setup.server.answer(respond(response([REASONING, message('One two three.')])));
    const chunks = await collect(make(), HELLO);
    const whole = { role: 'assistant', content: 'One two three.', usage: USAGE };
    expect(chunks).toEqual([
      { type: 'text', text: 'One ' },
      { type: 'text', text: 'two three.' },
      { type: 'message', message: whole },
    ]);
    expect(await make().complete(HELLO)).toEqual(whole);
  });

  test.each([true, false])(
    'brings tool calls under the names that were offered (%s)',
    async (stream) => {
      setup.server.answer((target, request) => {
        const [tool] = (request.body.tools ?? []) as unknown as readonly {
          readonly name: string;
        }[];
        respond(response([message('Let me see.'), functionCall('c1', tool?.name, '{"a":1}')]))(
          target,
          request,
        );
      });
      const request = { ...HELLO, tools: [{ name: 'files/read' }] };
      const llm = make();
      const last = stream ? (await collect(llm, request)).at(-1) : undefined;
      const answer = last?.type === 'message' ? last.message : await llm.complete(request);
      expect(answer).toMatchObject({
        content: 'Let me see.',
        toolCalls: [{ id: 'c1', name: 'files/read', args: { a: 1 } }],
      });
    },
  );

  test('is put together from its items where the last event has none', async () => {
    const events = eventsOf(response([message('Hello.')]));
    setup.server.answer(
      lines([...events.slice(0, -1), event('response.completed', { response: response([]) })]),
    );
    expect((await collect(make(), HELLO)).at(-1)).toMatchObject({ message: { content: 'Hello.' } });
  });

  test('is over with its last event, also where the connection stays open', async () => {
    setup.server.answer(lines(eventsOf(response([message('Hello.')])), 'leave'));
    expect((await collect(make(), HELLO)).at(-1)).toMatchObject({ message: { content: 'Hello.' } });
    await until(() => setup.server.requests[0]?.isAborted() === true, 'the socket is closed');
  });
});

describe('an answer of the Responses API that cannot be used', () => {
  const call = (args: unknown, name: unknown = 'add', id: unknown = 'a'): Answer =>
    respond(response([functionCall(id, name, args)]));
  test.each([
    ['truncated arguments', call('{"n":'), 'output[0].arguments'],
    ['arguments that are a list', call('[]'), 'output[0].arguments'],
    ['arguments that are a list and no text', call([]), 'output[0].arguments'],
    ['__proto__ in the arguments', call('{"__proto__":{}}'), 'output[0].arguments'],
    ['an unknown tool', call('{}', 'drop'), 'output[0].name'],
    ['no id', call('{}', 'add', ''), 'output[0].call_id'],
    [
      'two calls with the same id',
      respond(response([functionCall('a', 'add', '{}'), functionCall('a', 'add', '{}')])),
      'output',
    ],
    ['nothing', respond(response([REASONING])), 'output'],
    [
      'a text that is none',
      respond(response([{ type: 'message', content: 'x' }])),
      'output[0].content',
    ],
  ] satisfies [string, Answer, string][])(
    '(%s) is malformed after one repair',
    async (_, answer, path) => {
      setup.server.answer(answer);
      expect(await failure(make().complete(TOOL))).toMatchObject({
        code: 'llm-malformed',
        details: { path, usage: { totalTokens: 10 } },
      });
      expect(setup.server.requests[1]?.body['input']).toMatchObject([
        { role: 'user', content: 'hello' },
        { role: 'assistant' },
        { role: 'user', content: expect.stringContaining('Answer again') as string },
      ]);
    },
  );

  test.each([
    ['an HTML page', html],
    ['null', json(null)],
    ['no output', json(response(null))],
    ['no status', json(response([message('x')], { status: undefined }))],
    ['a status that is not the end', json(response([message('x')], { status: 'in_progress' }))],
    ['a refusal', json(response([message('I will not', 'refusal')]))],
  ] satisfies [string, Answer][])('(%s) is not asked for again', async (_, answer) => {
    setup.server.answer(answer);
    expect(await failure(make().complete(TOOL))).toMatchObject({ code: 'llm-malformed' });
    expect(setup.server.requests).toHaveLength(1);
  });

  test.each([
    ['max_output_tokens', [message('half of')], 1],
    ['content_filter', [message('half of')], 1],
    ['max_output_tokens', [functionCall('a', 'add', '{"n":')], 2],
  ])('because of %s is truncated', async (reason, output, requests) => {
    const cut = response(output, { status: 'incomplete', incomplete_details: { reason } });
    for (const ask of [
      (llm: OpenAiLlm) => llm.complete(TOOL),
      (llm: OpenAiLlm) => collect(llm, TOOL),
    ]) {
      setup.server.answer(respond(cut));
      const before = setup.server.requests.length;
      expect(await failure(ask(make()))).toMatchObject({
        code: 'llm-truncated',
        retryable: false,
        details: { usage: { totalTokens: 5 * requests } },
      });
      expect(setup.server.requests.length - before).toBe(requests);
    }
  });

  test('because its stream ends too early is truncated', async () => {
    setup.server.answer(lines(eventsOf(response([message('Hello.')])).slice(0, -1)));
    expect(await failure(collect(make(), HELLO))).toMatchObject({ code: 'llm-truncated' });
  });

  test('because its last event says something else than the events is malformed', async () => {
    const other = event('response.completed', { response: response([message('Goodbye.')]) });
    setup.server.answer(lines([textDelta('Hello.'), other]));
    expect(await failure(collect(make(), HELLO))).toMatchObject({ code: 'llm-malformed' });
  });

  test.each([
    ['of its server', { code: 'server_error', message: 'sorry' }, 'llm-failed'],
    ['of the rate', { code: 'rate_limit_exceeded', message: 'slow down' }, 'llm-rate-limited'],
  ])('because of a failure %s is asked for again', async (_, error, code) => {
    const failed = response([], { status: 'failed', error });
    const answers = [
      json(failed),
      lines([event('response.failed', { response: failed })]),
      lines([event('error', error)]),
    ];
    for (const answer of answers) {
      setup.server.answer(answer);
      const llm = make({ maxRetries: 0 });
      const stream = answer !== answers[0];
      expect(await failure(stream ? collect(llm, HELLO) : llm.complete(HELLO))).toMatchObject({
        code,
        retryable: true,
      });
    }
  });
});

test('a refusal of the server is repeated after the wait that it asks for', async () => {
  setup.server.answer(status(429, { 'retry-after': '10' }), respond(response([message('later')])));
  const answer = make().complete(HELLO);
  await until(() => setup.delays.includes(11_000));
  await setup.timers.advance(11_000);
  expect(await answer).toMatchObject({ content: 'later' });
});

test('keep-alive events are no content', async () => {
  setup.server.answer(lines([event('response.created'), event('response.in_progress')], 'leave'));
  const ended = failure(collect(make(), HELLO));
  await until(() => setup.delays.includes(2_001));
  await setup.timers.advance(2_001);
  expect(await ended).toMatchObject({ code: 'timeout', details: { clock: 'firstDeltaMs' } });
});
