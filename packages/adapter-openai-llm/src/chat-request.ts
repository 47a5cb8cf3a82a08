import type { Message, ToolSpec } from '@promethean/pantheon-core';
import type {
  ChatCompletionCreateParams,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions';
import { withImagesOfUser } from './image-messages.ts';
import type { Question } from './question.ts';

/** A question in the words of Chat Completions. */
export const writeChat = (question: Question): ChatCompletionCreateParams => {
  const { model, tools, wireName, temperature, maxTokens, schema, stream } = question;
  const messages = withImagesOfUser(question.messages, ({ role }) => role === 'user');
  return {
    model,
    messages: messages.map((message) => writeMessage(message, wireName)),
    ...(temperature !== undefined && { temperature }),
    ...(maxTokens !== undefined && { [question.maxTokensField]: maxTokens }),
    ...(tools.length > 0 && { tools: tools.map((tool) => writeTool(tool, wireName)) }),
    ...(schema
      ? { response_format: { type: 'json_schema', json_schema: { name: 'answer', ...schema } } }
      : question.isJson && { response_format: { type: 'json_object' } }),
    ...(stream && { stream, stream_options: { include_usage: true } }),
  };
};

const writeMessage = (
  message: Message,
  wireName: (name: string) => string,
): ChatCompletionMessageParam => {
  const { role, content, images = [], toolCalls = [], toolCallId = '' } = message;
  // Names are hints to the model; ids of actors may hold more than the wire allows.
  const name = message.name && {
    name: message.name.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, 64),
  };
  switch (role) {
    case 'system':
      return { role, content, ...name };
    case 'user':
      if (images.length === 0) return { role, content, ...name };
      return {
        role,
        ...name,
        content: [
          ...(content === '' ? [] : [{ type: 'text', text: content } as const]),
          ...images.map((url) => ({ type: 'image_url', image_url: { url } }) as const),
        ],
      };
    case 'assistant':
      if (toolCalls.length === 0) return { role, content, ...name };
      return {
        role,
        ...name,
        content: content === '' ? null : content,
        tool_calls: toolCalls.map((call) => ({
          id: call.id,
          type: 'function',
          function: { name: wireName(call.name), arguments: JSON.stringify(call.args) },
        })),
      };
    default:
      return { role, content, tool_call_id: toolCallId };
  }
};

const writeTool = (tool: ToolSpec, wireName: (name: string) => string) =>
  ({
    type: 'function',
    function: {
      name: wireName(tool.name),
      ...(tool.description !== undefined && { description: tool.description }),
      parameters: { ...(tool.parameters ?? { type: 'object', properties: {} }) },
    },
  }) as const;
