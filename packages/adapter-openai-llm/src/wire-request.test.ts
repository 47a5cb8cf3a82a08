import type { LlmRequest } from '@promethean/pantheon-core';
import { expect, test } from 'vitest';
import { toWireRequest } from './wire-request.ts';
import type { WireDefaults } from './wire-request.ts';

const DEFAULTS: WireDefaults = {
  model: 'small',
  temperature: undefined,
  maxTokens: undefined,
  maxTokensField: 'max_completion_tokens',
  maxBodyBytes: 10_000,
};
const bodyOf = (request: Partial<LlmRequest>, defaults: Partial<WireDefaults> = {}): unknown =>
  toWireRequest(
    { messages: [{ role: 'user', content: 'hello' }], ...request },
    { ...DEFAULTS, ...defaults },
    false,
  ).body;

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

test('a format becomes a response_format', () => {
  const schema = { type: 'object', properties: {}, additionalProperties: false };
  expect(bodyOf({ format: 'text' })).not.toHaveProperty('response_format');
  expect(bodyOf({ format: 'json' })).toMatchObject({ response_format: { type: 'json_object' } });
  expect(bodyOf({ format: schema })).toMatchObject({
    response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } },
  });
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
  const wireNames = (order: readonly string[]): ReadonlyMap<string, string> => {
    const request: LlmRequest = {
      messages: [{ role: 'user', content: 'hello' }],
      tools: order.map((name) => ({ name })),
    };
    return toWireRequest(request, DEFAULTS, false).tools;
  };
  const forth = wireNames(names);
  expect([...forth.keys()].every((name) => /^[a-zA-Z0-9_-]{1,64}$/.test(name))).toBe(true);
  expect([...forth.values()]).toEqual(names);
  expect(forth.get('read')).toBe('read');
  expect(forth.get('__proto__')).toBe('__proto__');
  expect(new Map(wireNames(names.toReversed()))).toEqual(forth);
});

test('a name on the wire that another tool already has is not given twice', () => {
  const request = (names: readonly string[]): LlmRequest => ({
    messages: [{ role: 'user', content: 'hello' }],
    tools: names.map((name) => ({ name })),
  });
  const [taken = ''] = toWireRequest(request(['a/b']), DEFAULTS, false).tools.keys();
  const { tools } = toWireRequest(request(['a/b', taken]), DEFAULTS, false);
  expect(tools.get(taken)).toBe(taken);
  expect([...tools.values()].toSorted()).toEqual(['a/b', taken].toSorted());
});

test('history uses the same names as the offer, also of tools that are not offered any more', () => {
  const toolCalls = [
    { id: 'c1', name: 'a/b', args: {} },
    { id: 'c2', name: 'gone/tool', args: {} },
  ];
  const { body, tools } = toWireRequest(
    { messages: [{ role: 'assistant', content: '', toolCalls }], tools: [{ name: 'a/b' }] },
    DEFAULTS,
    false,
  );
  const [offered] = tools.keys();
  expect(body.messages[0]).toMatchObject({
    tool_calls: [
      { function: { name: offered } },
      { function: { name: expect.stringMatching(/^gone_tool_/) as string } },
    ],
  });
  expect(tools.size).toBe(1);
});

test('the limit counts bytes, not characters', () => {
  expect(() => bodyOf({ messages: [{ role: 'user', content: 'é'.repeat(6_000) }] })).toThrowError(
    expect.objectContaining({ code: 'message-too-large' }) as Error,
  );
});
