import type { LlmRequest, Message } from '@promethean/pantheon-core';
import { describe, expect, test } from 'vitest';
import { say } from '../test/model-server.ts';
import { HELLO, failure, useSetup } from '../test/setup.ts';
import { toQuestion } from './question.ts';

const setup = useSetup();

const DEFAULTS = {
  temperature: undefined,
  maxTokens: undefined,
  providerOptions: undefined,
  maxBodyBytes: 10_000,
};
const optionsOf = (request: Partial<LlmRequest>, defaults: Partial<typeof DEFAULTS> = {}) =>
  toQuestion({ ...HELLO, ...request }, { ...DEFAULTS, ...defaults }).options;

const CALL: Message = {
  role: 'assistant',
  content: '',
  toolCalls: [
    { id: 'c1', name: 'files/read', args: { path: 'a' } },
    { id: 'c2', name: 'look', args: {} },
  ],
};
const PIXEL = 'data:image/png;base64,AAAA';

test('a plain request says nothing that was not said', () => {
  expect(optionsOf({})).toEqual({
    prompt: [{ role: 'user', content: [{ type: 'text', text: 'hello' }] }],
  });
});

test('a request goes before the defaults of the adapter', () => {
  const defaults = { temperature: 1, maxTokens: 10, providerOptions: { test: { user: 'u' } } };
  expect(optionsOf({ temperature: 0 }, defaults as never)).toMatchObject({
    temperature: 0,
    maxOutputTokens: 10,
    providerOptions: { test: { user: 'u' } },
  });
});

test('a conversation with tools and their results arrives at the server', async () => {
  setup.server.reply(say({ content: 'done' }));
  const parameters = { type: 'object', properties: { path: { type: 'string' } } };
  await setup.make().complete({
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Read a.' },
      CALL,
      { role: 'tool', content: 'text of a', toolCallId: 'c1' },
      { role: 'tool', content: 'seen', toolCallId: 'c2' },
    ],
    tools: [{ name: 'files/read', description: 'Reads.', parameters }, { name: 'look' }],
    temperature: 0.5,
    maxTokens: 100,
  });
  const [asked] = setup.server.asked;
  const [read = '', look] = asked?.tools?.map((tool) => tool.function.name) ?? [];
  expect(read).toMatch(/^_files_read_[0-9a-f]{16}$/);
  expect(look).toBe('look');
  const call = (id: string, name: unknown, args: string) => ({
    id,
    type: 'function',
    function: { name, arguments: args },
  });
  expect(asked).toMatchObject({
    temperature: 0.5,
    max_tokens: 100,
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Read a.' },
      {
        role: 'assistant',
        tool_calls: [call('c1', read, '{"path":"a"}'), call('c2', 'look', '{}')],
      },
      { role: 'tool', content: 'text of a', tool_call_id: 'c1' },
      { role: 'tool', content: 'seen', tool_call_id: 'c2' },
    ],
    tools: [
      { type: 'function', function: { name: read, description: 'Reads.', parameters } },
      { function: { parameters: { type: 'object', properties: {} } } },
    ],
  });
});

test('a schema is sent as it is, and JSON without one as well', async () => {
  setup.server.reply(say({ content: '{}' }));
  const schema = { type: 'object', properties: {}, additionalProperties: false };
  await setup.make().complete({ ...HELLO, format: schema });
  await setup.make().complete({ ...HELLO, format: 'json' });
  await setup.make().complete({ ...HELLO, format: 'text' });
  expect(setup.server.asked.map((asked) => asked['response_format'])).toEqual([
    { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } },
    { type: 'json_object' },
    undefined,
  ]);
});

describe('images', () => {
  test('of a user arrive at the server', async () => {
    setup.server.reply(say({ content: 'a pixel' }));
    const images = [PIXEL, 'https://example.com/a.png', 'data:image/svg+xml,%3Csvg/%3E'];
    await setup.make().complete({ messages: [{ role: 'user', content: 'What is it?', images }] });
    expect(setup.server.asked[0]?.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url: { url: PIXEL } },
          { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
          { type: 'image_url', image_url: { url: 'data:image/svg+xml;base64,PHN2Zy8+' } },
        ],
      },
    ]);
  });

  test('of tools follow the results of their turn, in a message of the user', () => {
    const { prompt } = optionsOf({
      messages: [
        CALL,
        { role: 'tool', content: 'a', toolCallId: 'c1', images: [PIXEL] },
        { role: 'tool', content: 'b', toolCallId: 'c2' },
        { role: 'assistant', content: 'Here.', images: [PIXEL] },
        { role: 'user', content: 'Thanks.' },
      ],
    });
    expect(prompt.map(({ role }) => role)).toEqual([
      'assistant',
      'tool',
      'user',
      'assistant',
      'user',
      'user',
    ]);
    expect(prompt[1]?.content).toHaveLength(2);
    expect(prompt[2]?.content).toEqual([
      { type: 'text', text: 'Images of the result of the tool call c1:' },
      { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'AAAA' } },
    ]);
  });

  test.each(['a.png', 'file:///etc/passwd', 'data:nothing', 'data:text/plain,%E0%A4%A'])(
    'that are no address are refused: %s',
    (address) => {
      expect(() =>
        optionsOf({ messages: [{ role: 'user', content: '', images: [address] }] }),
      ).toThrowError(
        expect.objectContaining({ details: { path: 'messages[0].images[0]' } }) as Error,
      );
    },
  );
});

test('what the caller hands over is not what the provider gets, so that it cannot be changed', () => {
  const parameters = { type: 'object' };
  const format = { type: 'object' };
  const { prompt, tools, responseFormat } = optionsOf({
    messages: [CALL],
    tools: [{ name: 'look', parameters }],
    format,
  });
  for (const part of [prompt[0]?.content[0], tools?.[0], responseFormat]) {
    for (const value of Object.values(part ?? {})) {
      expect([parameters, format, CALL.toolCalls?.[0]?.args].some((own) => own === value)).toBe(
        false,
      );
    }
  }
});

test.each([
  [{ messages: [] }, 'messages'],
  [{ ...HELLO, temperature: -1 }, 'temperature'],
  [{ ...HELLO, maxTokens: 1.5 }, 'maxTokens'],
  [{ ...HELLO, timeoutMs: Number.NaN }, 'timeoutMs'],
  [{ ...HELLO, tools: [{ name: 'a' }, { name: 'a' }] }, 'tools'],
  [{ ...HELLO, format: { $ref: 'https://example.com/schema' } }, 'format'],
  [{ ...HELLO, format: { properties: { a: { $ref: 'https://example.com/schema' } } } }, 'format'],
  [{ ...HELLO, format: { properties: { a: { pattern: '(' } } } }, 'format'],
  [{ ...HELLO, format: 'xml' as never }, 'format'],
  [{ ...HELLO, format: null as never }, 'format'],
  [{ messages: [null as never] }, 'messages[0].content'],
  [{ messages: [{ role: 'user', content: '', images: 'a.png' as never }] }, 'messages[0].images'],
  [{ messages: [{ role: 'tool', content: '3', toolCallId: 'a' }] }, 'messages[0].toolCallId'],
  [{ messages: [{ role: 'owner' as never, content: '3' }] }, 'messages[0].role'],
  [{ messages: [{ role: 'user', content: 3 as never }] }, 'messages[0].content'],
] satisfies [LlmRequest, string][])('%j is refused before it is sent', async (request, path) => {
  setup.server.reply(say({ content: '{}' }));
  const error = await failure(setup.make().complete(request));
  expect(error).toMatchObject({ code: 'option-invalid', details: { path } });
});

test('a request of more than maxBodyBytes is never sent', async () => {
  const many = Array.from(
    { length: 100_000 },
    () => ({ role: 'user', content: 'x'.repeat(100) }) as const,
  );
  const one = [{ role: 'user', content: 'x'.repeat(50_000_000) }] as const;
  for (const messages of [many, one]) {
    expect(await failure(setup.make().complete({ messages }))).toMatchObject({
      code: 'message-too-large',
    });
  }
  expect(setup.server.sockets()).toBe(0);
  expect(() => optionsOf({ messages: [{ role: 'user', content: 'é'.repeat(6_000) }] })).toThrow(
    /maxBodyBytes/,
  );
});
