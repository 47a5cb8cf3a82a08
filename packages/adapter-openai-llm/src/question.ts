import { compileAnswerSchema, invalid } from '@promethean/llm-calls';
import type { Expected } from '@promethean/llm-calls';
import { PantheonError } from '@promethean/pantheon-core';
import type { LlmRequest, Message, ToolSpec } from '@promethean/pantheon-core';
import { asRecord } from './answer.ts';
import { isStrict } from './strict-schema.ts';
import { nameTools } from './tool-names.ts';

/** What the adapter adds to a request. */
export interface QuestionDefaults {
  readonly model: string;
  readonly temperature: number | undefined;
  readonly maxTokens: number | undefined;
  readonly maxTokensField: 'max_completion_tokens' | 'max_tokens';
  readonly maxBodyBytes: number;
}

/** A request that can be asked, before it is written in the words of one of the APIs. */
export interface Question extends Expected {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly tools: readonly ToolSpec[];
  readonly wireName: (name: string) => string;
  readonly temperature: number | undefined;
  readonly maxTokens: number | undefined;
  readonly maxTokensField: QuestionDefaults['maxTokensField'];
  readonly stream: boolean;
  /** What the content must satisfy, where the request has a schema. */
  readonly schema:
    | { readonly schema: Record<string, unknown>; readonly strict: boolean }
    | undefined;
}

/** Throws `option-invalid` for what no model could be asked, and `message-too-large`; nothing has been sent then. */
export const toQuestion = (
  request: LlmRequest,
  defaults: QuestionDefaults,
  stream: boolean,
): Question => {
  const { messages, tools = [], format = 'text' } = request;
  if (!Array.isArray(messages) || messages.length === 0) {
    throw invalid('messages', 'must be a list with at least one message');
  }
  requireMessages(messages);
  requireFormat(format);
  requireSize(messages, defaults.maxBodyBytes);
  const wireName = nameTools(tools, messages);
  const schema = typeof format === 'object' ? { ...format } : undefined;
  return {
    model: request.model ?? defaults.model,
    messages,
    tools,
    wireName,
    names: new Map(tools.map(({ name }) => [wireName(name), name])),
    temperature: request.temperature ?? defaults.temperature,
    maxTokens: request.maxTokens ?? defaults.maxTokens,
    maxTokensField: defaults.maxTokensField,
    stream,
    isJson: format !== 'text',
    schema: schema && { schema, strict: isStrict(schema) },
    check: schema && compileAnswerSchema(schema),
  };
};

/** The whole request, as JSON, must not be larger than this. */
export const requireBodySize = (body: unknown, limit: number): void => {
  const bytes = Buffer.byteLength(JSON.stringify(body));
  if (bytes > limit) throw tooLarge(bytes, limit);
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

const requireMessages = (messages: readonly Message[]): void => {
  for (const [index, message] of messages.entries()) {
    const path = `messages[${index}]`;
    const { role, content, images = [], toolCallId } = asRecord(message) ?? {};
    if (!['system', 'user', 'assistant', 'tool'].includes(role as string)) {
      throw invalid(`${path}.role`, 'must be system, user, assistant or tool');
    }
    if (typeof content !== 'string') throw invalid(`${path}.content`, 'must be a text');
    if (!Array.isArray(images) || !images.every((image) => typeof image === 'string')) {
      throw invalid(`${path}.images`, 'must be a list of URLs');
    }
    if (role === 'tool' && toolCallId === undefined) {
      throw invalid(`${path}.toolCallId`, 'a tool message must name the call that it answers');
    }
  }
};

const requireFormat = (format: unknown): void => {
  if (format !== 'text' && format !== 'json' && asRecord(format) === undefined) {
    throw invalid('format', 'must be text, json or a JSON Schema');
  }
};

const tooLarge = (size: number, limit: number): PantheonError =>
  new PantheonError(
    'message-too-large',
    `The request has at least ${size} bytes, more than maxBodyBytes (${limit}); compile less context`,
    { details: { path: 'messages', size, limit } },
  );
