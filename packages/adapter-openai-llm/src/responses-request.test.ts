import type { LlmRequest } from '@promethean/pantheon-core';
import { expect, test } from 'vitest';
import { toQuestion } from './question.ts';
import { writeResponses } from './responses-request.ts';

const bodyOf = (request: Partial<LlmRequest>, stream = false): unknown =>
  writeResponses(
    toQuestion(
      { messages: [{ role: 'user', content: 'hello' }], ...request },
      {
        model: 'small',
        temperature: undefined,
        maxTokens: undefined,
        maxTokensField: 'max_completion_tokens',
        maxBodyBytes: 10_000,
      },
      stream,
    ),
  );

test('a plain request says little, and that nothing shall be kept', () => {
  const plain = { model: 'small', input: [{ role: 'user', content: 'hello' }], store: false };
  expect(bodyOf({})).toEqual(plain);
  expect(bodyOf({ temperature: 0, maxTokens: 5 }, true)).toEqual({
    ...plain,
    temperature: 0,
    max_output_tokens: 5,
    stream: true,
  });
});

test('a conversation keeps its roles, tool calls, results and images', () => {
  const image = 'data:image/png;base64,AA==';
  const picture = { type: 'input_image', image_url: image, detail: 'auto' };
  const toolCalls = [{ id: 'c1', name: 'files/read', args: { path: 'a' } }];
  expect(
    bodyOf({
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'what is this?', images: [image] },
        { role: 'assistant', content: 'Let me look.', toolCalls },
        { role: 'tool', content: 'a picture', toolCallId: 'c1', images: [image] },
        { role: 'assistant', content: '', toolCalls },
        { role: 'tool', content: 'text', toolCallId: 'c1' },
        { role: 'assistant', content: 'a picture', images: [image] },
      ],
    }),
  ).toMatchObject({
    input: [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: [{ type: 'input_text', text: 'what is this?' }, picture] },
      { role: 'assistant', content: 'Let me look.' },
      {
        type: 'function_call',
        call_id: 'c1',
        name: expect.stringMatching(/^files_read_/) as string,
        arguments: '{"path":"a"}',
      },
      {
        type: 'function_call_output',
        call_id: 'c1',
        output: [{ type: 'input_text', text: 'a picture' }, picture],
      },
      { type: 'function_call', call_id: 'c1' },
      { type: 'function_call_output', call_id: 'c1', output: 'text' },
      { role: 'assistant', content: 'a picture' },
      {
        role: 'user',
        content: [{ type: 'input_text', text: 'Images of the assistant message before:' }, picture],
      },
    ],
  });
});

test('tools become functions that are not strict, a format the format of the text', () => {
  const schema = { type: 'object', properties: {}, additionalProperties: false };
  expect(bodyOf({ tools: [{ name: 'add', description: 'Adds.' }] })).toMatchObject({
    tools: [
      {
        type: 'function',
        name: 'add',
        description: 'Adds.',
        strict: false,
        parameters: { type: 'object', properties: {} },
      },
    ],
  });
  expect(bodyOf({ format: 'json' })).toMatchObject({ text: { format: { type: 'json_object' } } });
  expect(bodyOf({ format: schema })).toMatchObject({
    text: { format: { type: 'json_schema', name: 'answer', strict: true, schema } },
  });
});
