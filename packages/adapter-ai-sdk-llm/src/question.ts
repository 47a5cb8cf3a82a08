import { createHash } from 'node:crypto';
import { compileAnswerSchema, invalid } from '@promethean/llm-calls';
import type { Expected } from '@promethean/llm-calls';
import { PantheonError } from '@promethean/pantheon-core';
import type { LlmRequest, Message, ToolSpec } from '@promethean/pantheon-core';
import type { CallOptions, Prompt } from './ai-sdk-model.ts';
import { toImagePart } from './image.ts';

type PromptMessage = Prompt[number];
type UserContent = Extract<PromptMessage, { role: 'user' }>['content'];
type ToolResult = Extract<PromptMessage, { role: 'tool' }>['content'][number];

/** A request as a provider gets it, and what is needed to read its answer. */
export interface Question extends Expected {
  readonly options: Omit<CallOptions, 'abortSignal'>;
}

export interface QuestionDefaults {
  readonly temperature: number | undefined;
  readonly maxTokens: number | undefined;
  readonly providerOptions: CallOptions['providerOptions'];
  readonly maxBodyBytes: number;
}

/** Throws `option-invalid` for what no provider could answer, and `message-too-large`; nothing has been sent then. */
export const toQuestion = (request: LlmRequest, defaults: QuestionDefaults): Question => {
  const { messages, tools = [], format = 'text' } = request;
  if (!Array.isArray(messages) || messages.length === 0) {
    throw invalid('messages', 'must be a list with at least one message');
  }
  requireTexts(messages);
  if (format !== 'text' && format !== 'json' && (typeof format !== 'object' || format === null)) {
    throw invalid('format', 'must be text, json or a JSON Schema');
  }
  requireSize(messages, defaults.maxBodyBytes);
  const temperature = request.temperature ?? defaults.temperature;
  const maxOutputTokens = request.maxTokens ?? defaults.maxTokens;
  const { providerOptions } = defaults;
  const schema = typeof format === 'object' ? format : undefined;
  return {
    options: {
      prompt: toPrompt(messages),
      ...(temperature !== undefined && { temperature }),
      ...(maxOutputTokens !== undefined && { maxOutputTokens }),
      ...(tools.length > 0 && { tools: tools.map(toFunctionTool) }),
      ...(format === 'json' && { responseFormat: { type: 'json' } as const }),
      ...(schema && { responseFormat: toResponseFormat(schema) }),
      ...(providerOptions && { providerOptions }),
    },
    names: byWireName(tools),
    isJson: format !== 'text',
    check: schema && compileAnswerSchema(schema),
  };
};

const textPart = (text: string) => ({ type: 'text', text }) as const;
const textParts = (text: string) => (text === '' ? [] : [textPart(text)]);

const toPrompt = (messages: readonly Message[]): Prompt => {
  const prompt: PromptMessage[] = [];
  const calls = new Map<string, string>();
  let results: ToolResult[] = [];
  let shown: UserContent = [];
  // The results of one turn belong together, and only a user's message has room for images with every provider.
  const flush = (): void => {
    if (results.length > 0) prompt.push({ role: 'tool', content: results });
    if (shown.length > 0) prompt.push({ role: 'user', content: shown });
    [results, shown] = [[], []];
  };
  for (const [index, message] of messages.entries()) {
    const { role, content, images = [], toolCalls = [], toolCallId = '' } = message;
    const path = `messages[${index}]`;
    const pictures = images.map((url, at) => toImagePart(`${path}.images[${at}]`, url));
    if (role !== 'tool') flush();
    switch (role) {
      case 'system':
        prompt.push({ role, content });
        break;
      case 'user':
        prompt.push({ role, content: [...textParts(content), ...pictures] });
        continue;
      case 'assistant':
        for (const { id, name } of toolCalls) calls.set(id, name);
        prompt.push({
          role,
          content: [
            ...textParts(content),
            ...toolCalls.map(
              ({ id, name, args }) =>
                ({
                  type: 'tool-call',
                  toolCallId: id,
                  toolName: wireName(name),
                  input: structuredClone(args),
                }) as const,
            ),
          ],
        });
        break;
      case 'tool': {
        const name = calls.get(toolCallId);
        if (name === undefined) {
          throw invalid(`${path}.toolCallId`, 'must be the id of a tool call in a message before');
        }
        results.push({
          type: 'tool-result',
          toolCallId,
          toolName: wireName(name),
          output: { type: 'text', value: content },
        });
        break;
      }
      default:
        throw invalid(`${path}.role`, 'must be system, user, assistant or tool');
    }
    if (pictures.length === 0) continue;
    const of = role === 'tool' ? `result of the tool call ${toolCallId}` : `${role} message before`;
    shown.push(textPart(`Images of the ${of}:`), ...pictures);
  }
  flush();
  return prompt;
};

// Copies here and above: a provider may write into what it is given.
const toResponseFormat = (schema: Readonly<Record<string, unknown>>) =>
  ({ type: 'json', name: 'answer', schema: structuredClone(schema) }) as const;

const toFunctionTool = (tool: ToolSpec) =>
  ({
    type: 'function',
    name: wireName(tool.name),
    ...(tool.description !== undefined && { description: tool.description }),
    inputSchema: structuredClone(tool.parameters ?? { type: 'object', properties: {} }),
  }) as const;

/** Names that every provider takes; another name becomes one with a digest, the same in every request. */
const wireName = (name: string): string => {
  if (/^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/.test(name)) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return `_${name.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, 46)}_${digest}`;
};

const byWireName = (tools: readonly ToolSpec[]): ReadonlyMap<string, string> => {
  const names = new Map(tools.map(({ name }) => [wireName(name), name]));
  if (names.size < tools.length) throw invalid('tools', 'two tools have the same name');
  return names;
};

const requireTexts = (messages: readonly Message[]): void => {
  for (const [index, message] of messages.entries()) {
    const path = `messages[${index}]`;
    const { content, images = [] }: Readonly<Record<string, unknown>> = { ...message };
    if (typeof content !== 'string') throw invalid(`${path}.content`, 'must be a text');
    if (!Array.isArray(images) || !images.every((image) => typeof image === 'string')) {
      throw invalid(`${path}.images`, 'must be a list of URLs');
    }
  }
};

/** Counted in bytes of UTF-8, without the JSON around it. */
const requireSize = (messages: readonly Message[], limit: number): void => {
  let bytes = 0;
  for (const { content, images = [], toolCalls = [] } of messages) {
    for (const text of [content, ...images]) {
      // Every character has a byte at least, which spares the count of a flood.
      bytes += text.length > limit ? text.length : Buffer.byteLength(text);
    }
    if (toolCalls.length > 0) bytes += Buffer.byteLength(JSON.stringify(toolCalls));
    if (bytes > limit) {
      throw new PantheonError(
        'message-too-large',
        `The request has at least ${bytes} bytes, more than maxBodyBytes (${limit}); compile less context`,
        { details: { path: 'messages', size: bytes, limit } },
      );
    }
  }
};
