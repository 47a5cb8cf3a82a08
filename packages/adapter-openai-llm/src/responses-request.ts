import type { Message, ToolSpec } from '@promethean/pantheon-core';
import type { ResponseCreateParams, ResponseInputItem } from 'openai/resources/responses/responses';
import { withImagesOfUser } from './image-messages.ts';
import type { Question } from './question.ts';

/** A question in the words of the Responses API. */
export const writeResponses = (question: Question): ResponseCreateParams => {
  const { model, tools, wireName, temperature, maxTokens, schema, stream } = question;
  const hasRoom = ({ role }: Message): boolean => role === 'user' || role === 'tool';
  const messages = withImagesOfUser(question.messages, hasRoom);
  return {
    model,
    input: messages.flatMap((message) => writeItems(message, wireName)),
    // Every request brings the whole conversation; what the server keeps would only be a copy.
    store: false,
    ...(temperature !== undefined && { temperature }),
    ...(maxTokens !== undefined && { max_output_tokens: maxTokens }),
    ...(tools.length > 0 && { tools: tools.map((tool) => writeTool(tool, wireName)) }),
    ...(schema
      ? { text: { format: { type: 'json_schema', name: 'answer', ...schema } } }
      : question.isJson && { text: { format: { type: 'json_object' } } }),
    ...(stream && { stream }),
  };
};

const writeItems = (
  { role, content, images = [], toolCalls = [], toolCallId = '' }: Message,
  wireName: (name: string) => string,
): ResponseInputItem[] => {
  const parts = [
    ...(content === '' ? [] : [{ type: 'input_text', text: content } as const]),
    ...images.map((url) => ({ type: 'input_image', image_url: url, detail: 'auto' }) as const),
  ];
  if (role === 'tool') {
    const output = images.length === 0 ? content : parts;
    return [{ type: 'function_call_output', call_id: toolCallId, output }];
  }
  const calls = toolCalls.map(
    ({ id, name, args }) =>
      ({
        type: 'function_call',
        call_id: id,
        name: wireName(name),
        arguments: JSON.stringify(args),
      }) as const,
  );
  if (calls.length > 0 && content === '') return calls;
  return [{ role, content: images.length === 0 ? content : parts }, ...calls];
};

const writeTool = (tool: ToolSpec, wireName: (name: string) => string) =>
  ({
    type: 'function',
    name: wireName(tool.name),
    ...(tool.description !== undefined && { description: tool.description }),
    parameters: { ...(tool.parameters ?? { type: 'object', properties: {} }) },
    // Here the default is `true`, which refuses most schemas of tools.
    strict: false,
  }) as const;
