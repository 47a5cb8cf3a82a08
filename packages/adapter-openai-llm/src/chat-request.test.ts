import type { LlmRequest } from '@promethean/pantheon-core';
import { expect, test } from 'vitest';
import { writeChat } from './chat-request.ts';
import { requireBodySize, toQuestion } from './question.ts';
import type { QuestionDefaults } from './question.ts';

const DEFAULTS: QuestionDefaults = {
  model: 'small',
  temperature: undefined,
  maxTokens: undefined,
  maxTokensField: 'max_completion_tokens',
  maxBodyBytes: 10_000,
};
const bodyOf = (
  request: Partial<LlmRequest>,
  defaults: Partial<QuestionDefaults> = {},
): ReturnType<typeof writeChat> => {
  const asked = { messages: [{ role: 'user', content: 'hello' }], ...request } as const;
  return writeChat(toQuestion(asked, { ...DEFAULTS, ...defaults }, false));
};
const namesOf = (names: readonly string[]): ReadonlyMap<string, string> =>
  toQuestion(
    {
      messages: [{ role: 'user', content: 'hello' }],
      tools: names.map((name) => ({ name })),
    },
    DEFAULTS,
    false,
  ).names;

test('a plain request says nothing that was not said', () => {
  expect(bodyOf({})).toEqual({ model: 'small', messages: [{ role: 'user', content: 'hello' }] });
});

test('a request goes before the defaults of the adapter', () => {
  const defaults = { temperature: 1, maxTokens: 10 };
  expect(bodyOf({}, defaults)).toMatchObject({ temperature: 1, max_completion_tokens: 10 });
  expect(bodyOf({ model: 'big', temperature: 0, maxTokens: 5 }, defaults)).toMatchObject({
    model: 'big',
    temperature: 0,
    max_completion_tokens: 5,
  });
  expect(bodyOf({ maxTokens: 5 }, { maxTokensField: 'max_tokens' })).toMatchObject({
    max_tokens: 5,
  });
});

test('a conversation keeps its roles, names, tool calls, results and images', () => {
  const args = { path: 'a.txt' };
  expect(
    bodyOf({
      messages: [
        { role: 'system', content: 'be brief' },
        {
          role: 'user',
          content: 'what is this?',
          name: 'user:1',
          images: ['data:image/png;base64,AA=='],
        },
        { role: 'assistant', content: '', toolCalls: [{ id: 'c1', name: 'read', args }] },
        { role: 'tool', content: 'a picture', toolCallId: 'c1', name: 'read' },
        { role: 'assistant', content: 'a picture' },
      ],
    }),
  ).toMatchObject({
    messages: [
      { role: 'system', content: 'be brief' },
      {
        role: 'user',
        name: 'user_1',
        content: [
          { type: 'text', text: 'what is this?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'c1', type: 'function', function: { name: 'read', arguments: '{"path":"a.txt"}' } },
        ],
      },
      { role: 'tool', content: 'a picture', tool_call_id: 'c1' },
      { role: 'assistant', content: 'a picture' },
    ],
  });
});

test('a format becomes a response_format, strict where the vendor can be', () => {
  const schema = { type: 'object', properties: {}, additionalProperties: false };
  const loose = { type: 'object', properties: { a: { type: 'string' } } };
  expect(bodyOf({ format: 'text' })).not.toHaveProperty('response_format');
  expect(bodyOf({ format: 'json' })).toMatchObject({ response_format: { type: 'json_object' } });
  for (const [format, strict] of [
    [schema, true],
    [loose, false],
  ] as const) {
    expect(bodyOf({ format }).response_format).toEqual({
      type: 'json_schema',
      json_schema: { name: 'answer', strict, schema: format },
    });
  }
});

test('images of tools and assistants follow in a message of the user, after the results of a turn', () => {
  const image = 'data:image/png;base64,AA==';
  const picture = { type: 'image_url', image_url: { url: image } };
  const toolCalls = ['c1', 'c2'].map((id) => ({ id, name: 'look', args: {} }));
  expect(
    bodyOf({
      messages: [
        { role: 'assistant', content: '', toolCalls },
        { role: 'tool', content: 'one', toolCallId: 'c1', images: [image] },
        { role: 'tool', content: 'two', toolCallId: 'c2' },
        { role: 'assistant', content: 'Here.', images: [image] },
        { role: 'user', content: 'Thanks.' },
      ],
    }).messages,
  ).toMatchObject([
    { role: 'assistant' },
    { role: 'tool', content: 'one', tool_call_id: 'c1' },
    { role: 'tool', content: 'two', tool_call_id: 'c2' },
    {
      role: 'user',
      content: [{ type: 'text', text: 'Images of the result of the tool call c1:' }, picture],
    },
    { role: 'assistant', content: 'Here.' },
    {
      role: 'user',
      content: [{ type: 'text', text: 'Images of the assistant message before:' }, picture],
    },
    { role: 'user', content: 'Thanks.' },
  ]);
});

test('tools become functions; one without parameters takes an empty object', () => {
  const parameters = { type: 'object', properties: { a: { type: 'number' } } };
  expect(
    bodyOf({ tools: [{ name: 'add', description: 'Adds.', parameters }, { name: 'now' }] }),
  ).toMatchObject({
    tools: [
      { type: 'function', function: { name: 'add', description: 'Adds.', parameters } },
      {
        type: 'function',
        function: { name: 'now', parameters: { type: 'object', properties: {} } },
      },
    ],
  });
  expect(bodyOf({ tools: [] })).not.toHaveProperty('tools');
});

test('names of tools that do not fit get one that does, the same in every request and for no two tools', () => {
  const long = 'x'.repeat(200);
  const names = ['read', 'a/b', 'a.b', 'a b', long, `${long}y`, 'ä', '__proto__'];
  const forth = namesOf(names);
  expect([...forth.keys()].every((name) => /^[a-zA-Z0-9_-]{1,64}$/.test(name))).toBe(true);
  expect([...forth.values()]).toEqual(names);
  expect(forth.get('read')).toBe('read');
  expect(forth.get('__proto__')).toBe('__proto__');
  expect(new Map(namesOf(names.toReversed()))).toEqual(forth);
});

test('a name on the wire that another tool already has is not given twice', () => {
  const [taken = ''] = namesOf(['a/b']).keys();
  const tools = namesOf(['a/b', taken]);
  expect(tools.get(taken)).toBe(taken);
  expect([...tools.values()].toSorted()).toEqual(['a/b', taken].toSorted());
});

test('history uses the same names as the offer, also of tools that are not offered any more', () => {
  const toolCalls = [
    { id: 'c1', name: 'a/b', args: {} },
    { id: 'c2', name: 'gone/tool', args: {} },
  ];
  const request: LlmRequest = {
    messages: [{ role: 'assistant', content: '', toolCalls }],
    tools: [{ name: 'a/b' }],
  };
  const body = bodyOf(request);
  const { names } = toQuestion(request, DEFAULTS, false);
  const [offered] = names.keys();
  expect(body.messages[0]).toMatchObject({
    tool_calls: [
      { function: { name: offered } },
      { function: { name: expect.stringMatching(/^gone_tool_/) as string } },
    ],
  });
  expect(names.size).toBe(1);
});

test('the limit counts bytes, not characters', () => {
  const body = bodyOf({ messages: [{ role: 'user', content: 'é'.repeat(6_000) }] });
  expect(() => requireBodySize(body, DEFAULTS.maxBodyBytes)).toThrowError(
    expect.objectContaining({ code: 'message-too-large' }) as Error,
  );
});
