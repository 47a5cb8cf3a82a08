import { PantheonError } from '@promethean/pantheon-core';
import type { Message, ToolCall, Usage } from '@promethean/pantheon-core';
import type { Content, StreamPart } from './ai-sdk-model.ts';
import { malformed } from './failure.ts';
import type { Question } from './question.ts';

// A provider's answer is not trusted: it is what a model wrote, through code that we do not know.

/** Arguments beyond this are no plan of an action that would be accepted. */
const MAX_INPUT_LENGTH = 262_144;
const MAX_INPUT_DEPTH = 64;
/** Keys that change the prototype of whatever they are merged into. */
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor']);

type Finish = Extract<StreamPart, { type: 'finish' }>;

/** What came of an answer so far, whole or in pieces. */
export interface Answer {
  text: string;
  readonly calls: Extract<Content, { type: 'tool-call' }>[];
  finish: Finish['finishReason']['unified'] | undefined;
  raw: string | undefined;
  usage: Usage | undefined;
}

export const emptyAnswer = (): Answer => ({
  text: '',
  calls: [],
  finish: undefined,
  raw: undefined,
  usage: undefined,
});

/** What a model says of itself and for the provider only, such as reasoning and sources, is left out. */
export const addContent = (answer: Answer, part: Content): void => {
  if (part.type === 'text') answer.text += part.text;
  // What the provider runs itself is none of our tools.
  if (part.type === 'tool-call' && part.providerExecuted !== true) answer.calls.push(part);
};

export const addFinish = (answer: Answer, { finishReason, usage }: Omit<Finish, 'type'>): void => {
  answer.finish = finishReason?.unified;
  answer.raw = finishReason?.raw;
  const inputTokens = usage?.inputTokens?.total;
  const outputTokens = usage?.outputTokens?.total ?? 0;
  if (inputTokens === undefined) return;
  answer.usage = { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
};

/** Whether the model, told what was wrong, could answer better. */
export const isRepairable = ({ details }: PantheonError): boolean =>
  /^(content|toolCalls)\b/.test(String(details['path']));

/** The message in an answer. Throws `llm-malformed` or `llm-truncated` for everything that is none. */
export const readMessage = (answer: Answer, question: Question): Message => {
  requireFinish(answer);
  const { text: content, calls } = answer;
  if (calls.length > 0) {
    const toolCalls = calls.map((call, index) => readCall(call, `toolCalls[${index}]`, question));
    if (new Set(toolCalls.map(({ id }) => id)).size < toolCalls.length) {
      throw malformed('toolCalls', 'has two calls with the same id');
    }
    return { role: 'assistant', content, toolCalls };
  }
  if (content === '') throw malformed('content', 'is empty, and there are no tool calls');
  if (question.isJson) {
    const value = parse(content, 'content');
    question.check?.('content', value);
  }
  return { role: 'assistant', content };
};

const requireFinish = ({ finish, raw, calls }: Answer): void => {
  const told = raw === undefined ? String(finish) : `${String(finish)} (${raw.slice(0, 100)})`;
  switch (finish) {
    case 'stop':
      return;
    case 'tool-calls':
      if (calls.length === 0) throw malformed('toolCalls', 'must have an element');
      return;
    case 'length': {
      const path = calls.length > 0 ? 'toolCalls' : 'finishReason';
      throw malformed(path, 'was cut off by the limit of tokens (maxTokens)', 'llm-truncated');
    }
    case 'content-filter':
      throw malformed('finishReason', `is ${told}: the model was stopped`, 'llm-truncated');
    case 'interrupted':
    case undefined:
      throw new PantheonError(
        'llm-truncated',
        "The model's answer was cut off: it ended without a reason to finish",
        { retryable: true },
      );
    case 'error':
      throw new PantheonError('llm-failed', `The model stopped because of an error: ${told}`, {
        retryable: true,
      });
    default:
      throw malformed('finishReason', `is ${told}; an answer is complete with stop or tool-calls`);
  }
};

const readCall = (
  { toolCallId: id, toolName, input }: Answer['calls'][number],
  path: string,
  { tools }: Question,
): ToolCall => {
  if (typeof id !== 'string' || id === '') throw malformed(`${path}.id`, 'must be a text');
  const name = tools.get(toolName);
  if (name === undefined) throw malformed(`${path}.name`, 'must be the name of an offered tool');
  return { id, name, args: readArgs(input, `${path}.args`) };
};

const readArgs = (input: unknown, path: string): Readonly<Record<string, unknown>> => {
  // No text at all is how some models write "no arguments".
  if (input === '' || input === undefined) return {};
  if (typeof input !== 'string') throw malformed(path, 'must be a text that is JSON');
  if (input.length > MAX_INPUT_LENGTH) {
    throw malformed(path, `must have at most ${MAX_INPUT_LENGTH} characters`);
  }
  const args = parse(input, path);
  if (typeof args !== 'object' || args === null || Array.isArray(args)) {
    throw malformed(path, 'must be a JSON object');
  }
  const open: [value: object, depth: number][] = [[args, 1]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [value, depth] = next;
    if (depth > MAX_INPUT_DEPTH) throw malformed(path, `is deeper than ${MAX_INPUT_DEPTH} levels`);
    for (const [key, inner] of Object.entries(value) as [string, unknown][]) {
      if (FORBIDDEN_KEYS.has(key)) throw malformed(path, `must not have the key ${key}`);
      if (typeof inner === 'object' && inner !== null) open.push([inner, depth + 1]);
    }
  }
  return args as Readonly<Record<string, unknown>>;
};

const parse = (text: string, path: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed(path, 'must be valid JSON');
  }
};
