import { PantheonError } from '@promethean/pantheon-core';
import type { ErrorCode, Message, ToolCall, Usage } from '@promethean/pantheon-core';
import type { WireRequest } from './wire-request.ts';

// Loose on what we do not use, strict on what we do: a server's answer is not trusted.

/** Arguments beyond this are no plan of an action that would be accepted. */
const MAX_ARGUMENTS_LENGTH = 262_144;
const MAX_ARGUMENTS_DEPTH = 64;
/** Keys that change the prototype of whatever they are merged into. */
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor']);

/** Every problem below this path is the model's, and worth asking again. */
const MESSAGE = 'choices[0].message';

/** An answer that is not what it must be, with the path of what is wrong. */
export const malformed = (
  path: string,
  what: string,
  code: ErrorCode = 'llm-malformed',
): PantheonError =>
  new PantheonError(code, `The model's answer cannot be used: ${path} ${what}`, {
    retryable: code === 'llm-malformed',
    details: { path },
  });

/** Whether the model, told what was wrong, could answer better. */
export const isRepairable = ({ details }: PantheonError): boolean =>
  String(details['path']).startsWith(MESSAGE);

export const asRecord = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;

/** What the answer says it cost; undefined where it does not say. */
export const readUsage = (answer: unknown): Usage | undefined => {
  const usage = asRecord(asRecord(answer)?.['usage']);
  const count = (value: unknown): number | undefined =>
    Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
  const inputTokens = count(usage?.['prompt_tokens']);
  const outputTokens = count(usage?.['completion_tokens']) ?? 0;
  if (inputTokens === undefined) return undefined;
  const totalTokens = count(usage?.['total_tokens']) ?? inputTokens + outputTokens;
  return { inputTokens, outputTokens, totalTokens };
};

/** Some servers report a failure with status 200, or in the middle of a stream. */
export const requireNoError = (answer: unknown): void => {
  const error = asRecord(answer)?.['error'];
  if (error === undefined || error === null) return;
  const { message, code, type } = asRecord(error) ?? { message: error };
  const status = Number.isInteger(code) && (code as number) >= 400 ? code : 500;
  throw Object.assign(new Error(typeof message === 'string' ? message : 'no explanation'), {
    status,
    code,
    type,
  });
};

/** The message of a completion that is whole; throws `llm-malformed` and `llm-truncated`. */
export const readMessage = (answer: unknown, request: WireRequest): Message => {
  requireNoError(answer);
  const choices = asRecord(answer)?.['choices'];
  if (!Array.isArray(choices) || choices.length === 0)
    throw malformed('choices', 'must have an element');
  const choice = asRecord(choices[0]);
  const message = asRecord(choice?.['message']);
  if (message === undefined) throw malformed('choices[0].message', 'must be an object');
  const rawCalls = message['tool_calls'] ?? [];
  if (!Array.isArray(rawCalls)) throw malformed(`${MESSAGE}.tool_calls`, 'must be a list');
  requireFinish(choice?.['finish_reason'], rawCalls.length);

  const content = message['content'] ?? '';
  if (typeof content !== 'string') throw malformed(`${MESSAGE}.content`, 'must be a text');
  const toolCalls = rawCalls.map((call, index) =>
    readToolCall(call, `${MESSAGE}.tool_calls[${index}]`, request),
  );
  if (new Set(toolCalls.map(({ id }) => id)).size < toolCalls.length) {
    throw malformed(`${MESSAGE}.tool_calls`, 'has two calls with the same id');
  }
  if (toolCalls.length > 0) return { role: 'assistant', content, toolCalls };

  if (typeof message['refusal'] === 'string' && message['refusal'] !== '') {
    throw malformed(
      'choices[0].refusal',
      `is set, the model refused: ${message['refusal'].slice(0, 300)}`,
    );
  }
  if (content === '') throw malformed(MESSAGE, 'has neither content nor tool calls');
  if (request.format !== undefined && request.format !== 'text')
    parse(content, `${MESSAGE}.content`);
  return { role: 'assistant', content };
};

const requireFinish = (reason: unknown, toolCalls: number): void => {
  if (reason === 'length' || reason === 'content_filter') {
    const path = toolCalls > 0 ? `${MESSAGE}.tool_calls` : 'choices[0].finish_reason';
    const by = reason === 'length' ? 'the limit of tokens (maxTokens)' : 'the content filter';
    throw malformed(path, `was cut off by ${by}`, 'llm-truncated');
  }
  if (reason === 'tool_calls' && toolCalls === 0)
    throw malformed(`${MESSAGE}.tool_calls`, 'must have an element');
  if (reason !== 'stop' && reason !== 'tool_calls') {
    throw malformed(
      'choices[0].finish_reason',
      'must be stop, tool_calls, length or content_filter',
    );
  }
};

const readToolCall = (value: unknown, path: string, { tools }: WireRequest): ToolCall => {
  const call = asRecord(value);
  const id = call?.['id'];
  if (typeof id !== 'string' || id === '') throw malformed(`${path}.id`, 'must be a text');
  const { name: wireName, arguments: text } = asRecord(call?.['function']) ?? {};
  const name = typeof wireName === 'string' ? tools.get(wireName) : undefined;
  if (name === undefined)
    throw malformed(`${path}.function.name`, 'must be the name of an offered tool');
  return { id, name, args: readArguments(text, `${path}.function.arguments`) };
};

const readArguments = (text: unknown, path: string): Readonly<Record<string, unknown>> => {
  // No text at all is how some servers write "no arguments".
  if (text === '') return {};
  if (typeof text !== 'string') throw malformed(path, 'must be a text that is JSON');
  if (text.length > MAX_ARGUMENTS_LENGTH) {
    throw malformed(path, `must have at most ${MAX_ARGUMENTS_LENGTH} characters`);
  }
  const args = asRecord(parse(text, path));
  if (args === undefined) throw malformed(path, 'must be a JSON object');
  requireHarmless(args, path);
  return args;
};

const parse = (text: string, path: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed(path, 'must be valid JSON');
  }
};

/** With a list of what is left instead of recursion, so that depth cannot exhaust the stack. */
const requireHarmless = (args: object, path: string): void => {
  let level: object[] = [args];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > MAX_ARGUMENTS_DEPTH)
      throw malformed(path, `must be at most ${MAX_ARGUMENTS_DEPTH} levels deep`);
    for (const value of level) {
      const key = Object.keys(value).find((each) => FORBIDDEN_KEYS.has(each));
      if (key !== undefined) throw malformed(path, `must not have the key ${key}`);
    }
    level = level
      .flatMap((value): unknown[] => Object.values(value))
      .filter((value): value is object => typeof value === 'object' && value !== null);
  }
};
