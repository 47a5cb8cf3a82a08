import type { LlmRequest } from '@promethean/pantheon-core';
import { MockLanguageModelV4 } from 'ai/test';
import { describe, expect, test } from 'vitest';
import { begin, delta, say, until } from '../test/model-server.ts';
import type { Reply, Said } from '../test/model-server.ts';
import { HELLO, TOOL, collect, failure, generated, useSetup } from '../test/setup.ts';

const setup = useSetup();
const SCHEMA = {
  type: 'object',
  properties: {
    items: {
      type: 'array',
      items: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
    },
  },
  required: ['items'],
} as const;

const call = (args: unknown, name = 'add'): Said => ({ calls: [{ name, args }], usage: [3, 2] });

describe('an answer of the model that is of no use', () => {
  test.each([
    ['truncated arguments', call('{"n":'), 'toolCalls[0].args'],
    ['arguments that are a string', call('"n"'), 'toolCalls[0].args'],
    ['arguments that are a number', call('1'), 'toolCalls[0].args'],
    ['arguments that are a list', call('[]'), 'toolCalls[0].args'],
    ['arguments that are null', call('null'), 'toolCalls[0].args'],
    ['5 MB of arguments', call({ n: 'x'.repeat(5_000_000) }), 'toolCalls[0].args'],
    ['__proto__ in the arguments', call('{"n":{"__proto__":{"polluted":1}}}'), 'toolCalls[0].args'],
    ['constructor in the arguments', call('{"n":[{"constructor":1}]}'), 'toolCalls[0].args'],
    [
      'arguments 10,000 levels deep',
      call(`{"n":${'['.repeat(10_000)}${']'.repeat(10_000)}}`),
      'toolCalls[0].args',
    ],
    ['an unknown tool', call('{}', 'drop'), 'toolCalls[0].name'],
    ['a tool called constructor', call('{}', 'constructor'), 'toolCalls[0].name'],
    [
      'two calls with the same id',
      {
        calls: [
          { id: 'a', name: 'add', args: {} },
          { id: 'a', name: 'add', args: {} },
        ],
        usage: [3, 2],
      },
      'toolCalls',
    ],
    [
      'calls announced and missing',
      { content: 'x', finish: 'tool_calls', usage: [3, 2] },
      'toolCalls',
    ],
    ['nothing', { content: null, usage: [3, 2] }, 'content'],
  ] satisfies [string, Said, string][])(
    '(%s) is malformed after one repair',
    async (_, said, path) => {
      setup.server.reply(say(said));
      expect(await failure(setup.make().complete(TOOL))).toMatchObject({
        code: 'llm-malformed',
        details: { path, usage: { totalTokens: 10 } },
      });
      expect(setup.server.asked).toHaveLength(2);
      expect(setup.server.asked[1]?.messages).toMatchObject([
        { role: 'user', content: 'hello' },
        { role: 'assistant' },
        { role: 'user', content: expect.stringContaining('Answer again') as string },
      ]);
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    },
  );

  test('is repaired by one more turn, and both turns are paid', async () => {
    setup.server.reply(say(call('{"n":')), say(call({ n: 1 })));
    expect(await setup.make().complete(TOOL)).toMatchObject({
      toolCalls: [{ name: 'add', args: { n: 1 } }],
      usage: { inputTokens: 6, outputTokens: 4, totalTokens: 10 },
    });
  });

  test('is not repaired when that is switched off', async () => {
    setup.server.reply(say(call('{"n":')));
    expect(await failure(setup.make({ repair: false }).complete(TOOL))).toMatchObject({
      code: 'llm-malformed',
    });
    expect(setup.server.asked).toHaveLength(1);
  });

  test('is not repaired after a part of it was delivered', async () => {
    setup.server.reply(say({ content: 'Let me add.', calls: [{ name: 'drop', args: {} }] }));
    expect(await failure(collect(setup.make(), TOOL))).toMatchObject({ code: 'llm-malformed' });
    expect(setup.server.asked).toHaveLength(1);
  });
});

describe('JSON that was asked for', () => {
  const answered = async (content: string, format: LlmRequest['format'] = SCHEMA) => {
    setup.server.reply(say({ content }));
    return failure(setup.make().complete({ ...HELLO, format }));
  };

  test('that fits the schema is the content', async () => {
    const content = '{"items":[{"name":"a"}]}';
    setup.server.reply(say({ content }));
    expect(await setup.make().complete({ ...HELLO, format: SCHEMA })).toMatchObject({ content });
  });

  test.each([
    ['Sure! {"items":[]}', 'content'],
    ['[]', 'content'],
    ['{}', 'content'],
    ['{"items":{}}', 'content.items'],
    ['{"items":[{"name":"a"},{"name":1}]}', 'content.items[1].name'],
  ])('and is %s is malformed after one repair that names %s', async (content, path) => {
    expect(await answered(content)).toMatchObject({ code: 'llm-malformed', details: { path } });
    expect(setup.server.asked).toHaveLength(2);
    expect(setup.server.asked[1]?.messages.at(-1)?.['content']).toContain(path);
  });

  test('is checked without a schema as well', async () => {
    expect(await answered('{"a":', 'json')).toMatchObject({ code: 'llm-malformed' });
  });

  test('is repaired', async () => {
    setup.server.reply(say({ content: '{"items":1}' }), say({ content: '{"items":[]}' }));
    expect(await setup.make().complete({ ...HELLO, format: SCHEMA })).toMatchObject({
      content: '{"items":[]}',
    });
  });

  test('is not looked at where the model calls a tool first', async () => {
    setup.server.reply(say(call({})));
    expect(await setup.make().complete({ ...TOOL, format: SCHEMA })).toMatchObject({
      toolCalls: [{ name: 'add' }],
    });
  });

  test('deeper than the stack is malformed', async () => {
    const nested = { $defs: { n: { items: { $ref: '#/$defs/n' } } }, $ref: '#/$defs/n' };
    expect(await answered(`${'['.repeat(100_000)}${']'.repeat(100_000)}`, nested)).toMatchObject({
      code: 'llm-malformed',
    });
  });
});

describe('a reason to finish', () => {
  test.each([
    ['length', { content: 'half of', finish: 'length' }, 'llm-truncated', 1],
    ['length within a tool call', { ...call('{"n":'), finish: 'length' }, 'llm-truncated', 2],
    ['a filter', { content: 'half of', finish: 'content_filter' }, 'llm-truncated', 1],
    ['a refusal', { refusal: 'I will not' }, 'llm-truncated', 1],
    ['none', { content: 'x', finish: null }, 'llm-malformed', 1],
    ['one that nobody knows', { content: 'x', finish: 'bored' }, 'llm-malformed', 1],
  ] satisfies [string, Said, string, number][])(
    '(%s) is not taken for a success',
    async (_, said, code, requests) => {
      setup.server.reply(say({ ...said, usage: [3, 2] }));
      expect(await failure(setup.make().complete(TOOL))).toMatchObject({
        code,
        details: { usage: { totalTokens: 5 * requests } },
      });
      expect(setup.server.asked).toHaveLength(requests);
    },
  );

  test.each([
    ['error', 'llm-failed'],
    ['interrupted', 'llm-truncated'],
  ] as const)('%s is a failure that may pass (%s)', async (unified, code) => {
    const model = new MockLanguageModelV4({
      doGenerate: generated({ finishReason: { unified, raw: undefined } }),
    });
    expect(await failure(setup.make({ model, maxRetries: 0 }).complete(HELLO))).toMatchObject({
      code,
      retryable: true,
      details: { usage: { totalTokens: 5 } },
    });
  });
});

test('what a provider does itself, its reasoning and its sources are no part of the message', async () => {
  const model = new MockLanguageModelV4({
    doGenerate: generated({
      content: [
        { type: 'reasoning', text: 'hm' },
        {
          type: 'tool-call',
          toolCallId: 'p',
          toolName: 'web',
          input: '{}',
          providerExecuted: true,
        },
        { type: 'tool-result', toolCallId: 'p', toolName: 'web', result: {} },
        { type: 'source', sourceType: 'url', id: 's', url: 'https://example.com' },
        { type: 'text', text: 'Here ' },
        { type: 'text', text: 'it is.' },
      ],
    }),
  });
  expect(await setup.make({ model }).complete(HELLO)).toEqual({
    role: 'assistant',
    content: 'Here it is.',
    usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 },
  });
});

describe('a provider that does not keep to the interface', () => {
  const streamOf = (...parts: readonly unknown[]) =>
    ({ stream: ReadableStream.from(parts) }) as never;
  test.each([
    ['no content', { doGenerate: {} as never }, 'llm-malformed'],
    ['no stream', { doStream: {} as never }, 'llm-malformed'],
    [
      'no reason to finish',
      { doGenerate: { content: [{ type: 'text', text: 'x' }] } as never },
      'llm-truncated',
    ],
    [
      'a stream without an end',
      { doStream: streamOf({ type: 'text-delta', delta: 'x' }) },
      'llm-truncated',
    ],
    [
      'arguments that are no text',
      {
        doGenerate: generated({
          content: [{ type: 'tool-call', toolCallId: 'a', toolName: 'add', input: {} as never }],
        }),
      },
      'llm-malformed',
    ],
    [
      'an error that is thrown at once',
      {
        doGenerate: () => {
          throw new Error('a defect');
        },
      },
      'llm-failed',
    ],
  ] satisfies [string, ConstructorParameters<typeof MockLanguageModelV4>[0], string][])(
    '(%s) is no success (%#)',
    async (_, parts, code) => {
      const llm = setup.make({ model: new MockLanguageModelV4(parts), maxRetries: 0 });
      const call = 'doStream' in parts ? collect(llm, TOOL) : llm.complete(TOOL);
      expect(await failure(call)).toMatchObject({ code });
      expect(setup.timers.pending()).toBe(0);
    },
  );

  test('with a part that nobody knows is read all the same', async () => {
    const finish = { type: 'finish', ...generated() };
    const doStream = streamOf(
      { type: 'aura' },
      { type: 'text-delta', id: '1', delta: 'x' },
      finish,
    );
    const llm = setup.make({ model: new MockLanguageModelV4({ doStream }) });
    expect((await collect(llm, HELLO)).at(-1)).toMatchObject({ message: { content: 'x' } });
  });
});

test('a provider that corrects itself says which text is the JSON', async () => {
  const content = [{ type: 'text', text: 'draft {}' } as const];
  const model = new MockLanguageModelV4({
    doGenerate: generated({ content, structuredOutputText: '{"items":[]}' }),
  });
  const llm = setup.make({ model });
  expect(await llm.complete({ ...HELLO, format: SCHEMA })).toMatchObject({
    content: '{"items":[]}',
  });
});

test('usage that the model does not tell is not made up', async () => {
  setup.server.reply(say({ content: 'hi' }));
  expect(await setup.make().complete(HELLO)).not.toHaveProperty('usage');
});

test('parallel calls of a stream come together, in their order', async () => {
  const piece = (index: number, rest: object): string =>
    delta({ tool_calls: [{ index, ...rest }] });
  setup.server.reply((response) => {
    begin(response);
    response.write(piece(0, { id: 'a', function: { name: 'add', arguments: '{"n":' } }));
    response.write(piece(1, { id: 'b', function: { name: 'add', arguments: '{}' } }));
    response.write(piece(0, { function: { arguments: '1}' } }));
    response.end(`${delta({}, 'tool_calls')}data: [DONE]\n\n`);
  });
  const [last] = (await collect(setup.make(), TOOL)).slice(-1);
  expect(last).toMatchObject({
    message: { content: '', toolCalls: [{ args: { n: 1 } }, { args: {} }] },
  });
});

test('an answer of more than maxBodyBytes is not read to its end', async () => {
  const flood: Reply = (response) => {
    begin(response);
    const more = (): void => {
      while (!response.destroyed && response.write(delta({ content: 'x'.repeat(10_000) })));
    };
    response.on('drain', more);
    more();
  };
  setup.server.reply(flood);
  const error = await failure(collect(setup.make({ maxBodyBytes: 1_000_000 }), HELLO));
  expect(error).toMatchObject({ code: 'llm-malformed', details: { path: 'answer' } });
  await until(() => setup.server.abandoned() === 1, 'the connection is closed');
});
