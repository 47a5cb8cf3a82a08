import type { LlmRequest, PantheonError } from '@promethean/pantheon-core';
import { describe, expect, test } from 'vitest';
import { BROKEN_CALLS, BROKEN_INDEXES } from '../test/broken-calls.ts';
import { HELLO, KEY, TOOL, collect, failure, useSetup } from '../test/setup.ts';
import {
  END,
  calling,
  completion,
  delta,
  html,
  json,
  lines,
  text,
  until,
} from '../test/wire-server.ts';
import type { Answer } from '../test/wire-server.ts';

const setup = useSetup();

describe('an answer', () => {
  test('is a message with its usage', async () => {
    setup.server.answer(text('hi'));
    expect(await setup.make().complete(HELLO)).toEqual({
      role: 'assistant',
      content: 'hi',
      usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 },
    });
    expect(setup.server.requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
  });

  test('brings tool calls under the names that were offered', async () => {
    const tools = [{ name: 'files/read' }, { name: 'files.read' }, { name: 'ok_name' }];
    setup.server.answer((response, { body }) => {
      const names = body.tools?.map((tool) => tool.function.name) ?? [];
      const calls = names.map((name, index) => ({ id: `c${index}`, name, args: '{"a":1}' }));
      json(completion(calling(...calls), 'tool_calls'))(response, {} as never);
    });
    const { toolCalls } = await setup.make().complete({ ...HELLO, tools });
    expect(toolCalls?.map(({ name }) => name)).toEqual(['files/read', 'files.read', 'ok_name']);
    const onWire = setup.server.requests[0]?.body.tools?.map((tool) => tool.function.name) ?? [];
    expect(new Set(onWire).size).toBe(3);
    expect(onWire.every((name) => /^[a-zA-Z0-9_-]{1,64}$/.test(name))).toBe(true);
    expect(onWire[2]).toBe('ok_name');
  });

  test('in pieces is the same message as the whole one', async () => {
    setup.server.answer(
      lines([
        ': keep-alive\n\n',
        delta({ role: 'assistant', content: '' }),
        delta({ content: 'He' }).slice(0, 20),
        delta({ content: 'He' }).slice(20).replaceAll('\n', '\r\n'),
        delta({ content: 'y' }),
        ...END,
      ]),
    );
    expect(await collect(setup.make(), HELLO)).toEqual([
      { type: 'text', text: 'He' },
      { type: 'text', text: 'y' },
      {
        type: 'message',
        message: {
          role: 'assistant',
          content: 'Hey',
          usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 },
        },
      },
    ]);
    expect(setup.server.requests[0]?.body).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  test('in pieces puts parallel tool calls together', async () => {
    const piece = (index: unknown, rest: object): string =>
      delta({ tool_calls: [{ index, ...rest }] });
    setup.server.answer(
      lines([
        piece(0, { id: 'a', function: { name: 'add', arguments: '' } }),
        piece(0, { function: { arguments: '{"n":' } }),
        piece(1, { id: 'b', function: { name: 'add', arguments: '{}' } }),
        piece(0, { function: { arguments: '1}' } }),
        delta({}, 'tool_calls'),
        'data: [DONE]\n\n',
      ]),
    );
    const chunks = await collect(setup.make(), TOOL);
    expect(chunks).toMatchObject([
      {
        message: {
          toolCalls: [
            { id: 'a', name: 'add', args: { n: 1 } },
            { id: 'b', name: 'add', args: {} },
          ],
        },
      },
    ]);
  });

  const oneCall = (id: string | undefined, rest: object, args: unknown): string =>
    delta({ tool_calls: [{ id, ...rest, function: { name: id && 'add', arguments: args } }] });
  test.each([
    ['leaves the index out', {}],
    ['gives all calls the same index', { index: 0 }],
  ])('in pieces is put together from a server that %s', async (_, index) => {
    setup.server.answer(
      lines([
        oneCall('a', index, '{"n":'),
        oneCall(undefined, index, '1}'),
        oneCall('b', index, '{"n":2}'),
        delta({}, 'tool_calls'),
      ]),
    );
    expect(await collect(setup.make(), TOOL)).toMatchObject([
      {
        message: {
          toolCalls: [
            { id: 'a', args: { n: 1 } },
            { id: 'b', args: { n: 2 } },
          ],
        },
      },
    ]);
  });

  test.each([
    ['whole', json(completion(calling({ id: 'a', name: 'add', args: { n: 1 } }), 'tool_calls'))],
    ['in pieces', lines([oneCall('a', { index: 0 }, { n: 1 }), delta({}, 'tool_calls')])],
  ] satisfies [string, Answer][])(
    'may have arguments that are an object instead of its text, %s',
    async (_, answer) => {
      setup.server.answer(answer);
      expect((await collect(setup.make(), TOOL)).at(-1)).toMatchObject({
        message: { toolCalls: [{ id: 'a', name: 'add', args: { n: 1 } }] },
      });
    },
  );

  test('is read from a server that does not stream although it was asked to', async () => {
    setup.server.answer(text('all at once'));
    const chunks = await collect(setup.make(), HELLO);
    expect(chunks.at(-1)).toMatchObject({ message: { content: 'all at once' } });
    expect(chunks[0]).toEqual({ type: 'text', text: 'all at once' });
  });

  test('is whole when only what follows its end breaks', async () => {
    setup.server.answer(lines([delta({ content: 'done' }), delta({}, 'stop')], 'cut'));
    expect((await collect(setup.make(), HELLO)).at(-1)).toMatchObject({
      message: { content: 'done' },
    });
  });
});

describe('an answer that cannot be used', () => {
  const bad = async (
    answer: Answer,
    request: LlmRequest = TOOL,
    stream = false,
  ): Promise<PantheonError> => {
    setup.server.answer(answer);
    const llm = setup.make();
    return failure(stream ? collect(llm, request) : llm.complete(request));
  };

  test.each([
    ['an HTML page', html],
    ['null', json(null)],
    ['no choices', json({ choices: [] })],
    ['no finish_reason', json(completion({ role: 'assistant', content: 'x' }, null))],
    ['nothing', (response) => response.end()],
    ['a reason to finish that nobody knows', json(completion({ content: 'x' }, 'error'))],
  ] satisfies [string, Answer][])(
    'with %s is malformed, and is not asked for again',
    async (_, answer) => {
      expect(await bad(answer)).toMatchObject({ code: 'llm-malformed' });
      expect(setup.server.requests).toHaveLength(1);
    },
  );

  const args = (value: unknown): Answer =>
    json(completion(calling({ id: 'a', name: 'add', args: value }), 'tool_calls'));
  test.each(BROKEN_CALLS)('with %s is malformed after one repair', async (_, answer) => {
    const error = await bad(answer);
    expect(error).toMatchObject({ code: 'llm-malformed', details: { usage: { totalTokens: 10 } } });
    expect(setup.server.requests).toHaveLength(2);
    expect(setup.server.requests[1]?.body.messages).toMatchObject([
      { role: 'user', content: 'hello' },
      { role: 'assistant' },
      { role: 'user', content: expect.stringContaining('Answer again') as string },
    ]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test.each(BROKEN_INDEXES)('with the index %s in a stream is malformed', async (index) => {
    const call = { index, id: 'a', function: { name: 'add', arguments: '{}' } };
    const error = await bad(
      lines([delta({ tool_calls: [call] }), delta({}, 'tool_calls')]),
      TOOL,
      true,
    );
    expect(error).toMatchObject({ code: 'llm-malformed' });
  });

  test('is repaired by one more turn, and both turns are paid', async () => {
    setup.server.answer(args('{"n":'), args('{"n":1}'));
    expect(await setup.make().complete(TOOL)).toMatchObject({
      toolCalls: [{ name: 'add', args: { n: 1 } }],
      usage: { inputTokens: 6, outputTokens: 4, totalTokens: 10 },
    });
  });

  test('is not repaired when that is switched off', async () => {
    setup.server.answer(args('{"n":'));
    expect(await failure(setup.make({ repair: false }).complete(TOOL))).toMatchObject({
      code: 'llm-malformed',
    });
    expect(setup.server.requests).toHaveLength(1);
  });

  test('is not repaired after a part of it was delivered', async () => {
    const call = { index: 0, id: 'a', function: { name: 'add', arguments: '{"n":' } };
    const stream = lines([
      delta({ content: 'Let me add.' }),
      delta({ tool_calls: [call] }),
      delta({}, 'tool_calls'),
    ]);
    expect(await bad(stream, TOOL, true)).toMatchObject({ code: 'llm-malformed' });
    expect(setup.server.requests).toHaveLength(1);
  });

  test('is no JSON where JSON was asked for', async () => {
    setup.server.answer(text('Sure! {"a": 1}'));
    expect(await failure(setup.make().complete({ ...HELLO, format: 'json' }))).toMatchObject({
      code: 'llm-malformed',
    });
  });

  test.each(['length', 'content_filter'])('because of %s is truncated', async (reason) => {
    expect(await bad(json(completion({ content: 'half of' }, reason)))).toMatchObject({
      code: 'llm-truncated',
      retryable: false,
      details: { usage: { totalTokens: 5 } },
    });
    expect(setup.server.requests).toHaveLength(1);
  });

  test('because it ends without finish_reason is truncated', async () => {
    expect(await bad(lines([delta({ content: 'half' })]), HELLO, true)).toMatchObject({
      code: 'llm-truncated',
    });
    expect(setup.server.requests).toHaveLength(1);
  });

  test('because it is refused says so', async () => {
    const error = await bad(json(completion({ content: null, refusal: 'I will not' })));
    expect(error).toMatchObject({
      code: 'llm-malformed',
      message: expect.stringContaining('I will not') as string,
    });
  });

  test('beyond maxBodyBytes is not read to its end', async () => {
    setup.server.answer((response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const flood = (): void => {
        while (!response.destroyed && response.write(' '.repeat(65_536)));
      };
      response.on('drain', flood);
      flood();
    });
    const error = await failure(setup.make({ maxBodyBytes: 1_000_000 }).complete(HELLO));
    expect(error).toMatchObject({ code: 'llm-malformed' });
    await until(() => setup.server.requests[0]?.isAborted() === true);
  });
});
