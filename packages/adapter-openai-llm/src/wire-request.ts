import { createHash } from 'node:crypto';
import { PantheonError } from '@promethean/pantheon-core';
import type { LlmRequest, Message, ToolSpec } from '@promethean/pantheon-core';
import type {
  ChatCompletionCreateParams,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions';
import { invalid } from './require-option.ts';

/** A request as the server gets it, and what is needed to read its answer. */
export interface WireRequest {
  readonly body: ChatCompletionCreateParams;
  /** The names of the offered tools by their names on the wire. */
  readonly tools: ReadonlyMap<string, string>;
  readonly format: LlmRequest['format'];
}

/** What the adapter adds to a request. */
export interface WireDefaults {
  readonly model: string;
  readonly temperature: number | undefined;
  readonly maxTokens: number | undefined;
  readonly maxTokensField: 'max_completion_tokens' | 'max_tokens';
  readonly maxBodyBytes: number;
}

const NAME = /^[a-zA-Z0-9_-]{1,64}$/;

/** Throws `option-invalid` for what Chat Completions cannot say, and `message-too-large`; nothing has been sent then. */
export const toWireRequest = (
  request: LlmRequest,
  defaults: WireDefaults,
  stream: boolean,
): WireRequest => {
  const { messages, tools = [], format } = request;
  if (!Array.isArray(messages) || messages.length === 0) {
    throw invalid('messages', 'must be a list with at least one message');
  }
  requireSize(messages, defaults.maxBodyBytes);
  const temperature = request.temperature ?? defaults.temperature;
  const maxTokens = request.maxTokens ?? defaults.maxTokens;
  const wireNames = nameTools(tools, messages);
  const body: ChatCompletionCreateParams = {
    model: request.model ?? defaults.model,
    messages: messages.map((message, index) => toWireMessage(message, index, wireNames)),
    ...(temperature !== undefined && { temperature }),
    ...(maxTokens !== undefined && { [defaults.maxTokensField]: maxTokens }),
    ...(tools.length > 0 && { tools: tools.map((tool) => toWireTool(tool, wireNames)) }),
    ...(format === 'json' && { response_format: { type: 'json_object' } }),
    ...(typeof format === 'object' && {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', strict: true, schema: format },
      },
    }),
    ...(stream && { stream, stream_options: { include_usage: true } }),
  };
  const bytes = Buffer.byteLength(JSON.stringify(body));
  if (bytes > defaults.maxBodyBytes) throw tooLarge(bytes, defaults.maxBodyBytes);
  return { body, format, tools: new Map(tools.map(({ name }) => [wireNames(name), name])) };
};

/** The same request with one more turn, in which the model learns why its answer was of no use. */
export const withRepair = (request: WireRequest, problem: string): WireRequest => ({
  ...request,
  body: {
    ...request.body,
    messages: [
      ...request.body.messages,
      // The broken answer is not repeated: history that is no valid JSON would be refused.
      { role: 'assistant', content: '(an answer that could not be used)' },
      { role: 'user', content: `${problem}. Answer again.` },
    ],
  },
});

const toWireMessage = (
  message: Message,
  index: number,
  wireName: (name: string) => string,
): ChatCompletionMessageParam => {
  const { role, content, images = [], toolCalls = [], toolCallId } = message;
  if (images.length > 0 && role !== 'user') {
    throw invalid(
      `messages[${index}].images`,
      `a ${role} message cannot carry images here; put them into a user message`,
    );
  }
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
    case 'tool':
      if (toolCallId !== undefined) return { role, content, tool_call_id: toolCallId };
      throw invalid(
        `messages[${index}].toolCallId`,
        'a tool message must name the call that it answers',
      );
    default:
      throw invalid(`messages[${index}].role`, 'must be system, user, assistant or tool');
  }
};

const toWireTool = (tool: ToolSpec, wireName: (name: string) => string) =>
  ({
    type: 'function',
    function: {
      name: wireName(tool.name),
      ...(tool.description !== undefined && { description: tool.description }),
      parameters: { ...(tool.parameters ?? { type: 'object', properties: {} }) },
    },
  }) as const;

/**
 * Names for the wire: as they are where they fit, else shortened with a digest of the whole name, so that the same name is the same in
 * every request. No two names share one.
 */
const nameTools = (
  tools: readonly ToolSpec[],
  messages: readonly Message[],
): ((name: string) => string) => {
  const offered = new Set(tools.map(({ name }) => name));
  if (offered.size < tools.length) throw invalid('tools', 'two tools have the same name');
  const called = messages.flatMap(({ toolCalls = [] }) => toolCalls.map(({ name }) => name));
  const names = [...new Set([...offered, ...called])];
  const wireNames = new Map(names.filter((name) => NAME.test(name)).map((name) => [name, name]));
  const taken = new Set(wireNames.values());
  for (const name of names.filter((each) => !NAME.test(each))) {
    let candidate = name;
    do {
      const digest = createHash('sha256').update(candidate).digest('hex').slice(0, 8);
      candidate = `${name.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, 55)}_${digest}`;
    } while (taken.has(candidate));
    taken.add(candidate);
    wireNames.set(name, candidate);
  }
  return (name) => wireNames.get(name) ?? name;
};

/** A quick sum before the exact one: 50 MB need not become JSON first. */
const requireSize = (messages: readonly Message[], limit: number): void => {
  let characters = 0;
  for (const { content, images = [] } of messages) {
    characters += content.length;
    for (const image of images) characters += image.length;
    if (characters > limit) throw tooLarge(characters, limit);
  }
};

const tooLarge = (size: number, limit: number): PantheonError =>
  new PantheonError(
    'message-too-large',
    `The request has at least ${size} bytes, more than maxBodyBytes (${limit}); compile less context`,
    { details: { path: 'messages', size, limit } },
  );
