import { PantheonError } from '@promethean/pantheon-core';
import type { ErrorCode, Message, ToolCall, Usage } from '@promethean/pantheon-core';
import type { Question } from './question.ts';

// What both of the vendor's APIs have in common. Loose on what we do not use, strict on what we do: an answer is not trusted.

/** Arguments beyond this are no plan of an action that would be accepted. */
const MAX_ARGUMENTS_LENGTH = 262_144;
const MAX_ARGUMENTS_DEPTH = 64;
/** Keys that change the prototype of whatever they are merged into. */
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor']);

/** Every problem below these paths is the model's, and worth asking again. */
const WRITTEN_BY_MODEL = /^(choices\[0\]\.message|output)\b/;

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
  WRITTEN_BY_MODEL.test(String(details['path']));

export const asRecord = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;

/** What the answer says it cost, in the words of either API; undefined where it does not say. */
export const readUsage = (answer: unknown): Usage | undefined => {
  const usage = asRecord(asRecord(answer)?.['usage']);
  const count = (...names: readonly string[]): number | undefined =>
    names
      .map((name) => usage?.[name])
      .find((value): value is number => Number.isSafeInteger(value) && (value as number) >= 0);
  const inputTokens = count('prompt_tokens', 'input_tokens');
  const outputTokens = count('completion_tokens', 'output_tokens') ?? 0;
  if (inputTokens === undefined) return undefined;
  return {
    inputTokens,
    outputTokens,
    totalTokens: count('total_tokens') ?? inputTokens + outputTokens,
  };
};

/** Some servers report a failure with status 200, or in the middle of a stream. */
export const requireNoError = (answer: unknown): void => {
  const error = asRecord(answer)?.['error'];
  if (error === undefined || error === null) return;
  const { message, code, type } = asRecord(error) ?? { message: error };
  const isStatus = Number.isInteger(code) && (code as number) >= 400;
  const status = isStatus ? code : code === 'rate_limit_exceeded' ? 429 : 500;
  throw Object.assign(new Error(typeof message === 'string' ? message : 'no explanation'), {
    status,
    code,
    type,
  });
};

/** An answer that was cut off by its own limits. */
export const cutOffBy = (reason: 'length' | 'filter', path: string): PantheonError => {
  const by = reason === 'length' ? 'the limit of tokens (maxTokens)' : 'the content filter';
  return malformed(path, `was cut off by ${by}`, 'llm-truncated');
};

export const refused = (path: string, refusal: string): PantheonError =>
  malformed(path, `is set, the model refused: ${refusal.slice(0, 300)}`);

/** A tool call as the wire has it, with the paths of its parts. */
export interface WireCall {
  readonly id: readonly [value: unknown, path: string];
  readonly name: readonly [value: unknown, path: string];
  readonly arguments: readonly [value: unknown, path: string];
}

/** The message that an answer's parts make. Throws `llm-malformed`. `path` is where they are. */
export const toMessage = (
  [content, contentPath]: readonly [value: string, path: string],
  calls: readonly WireCall[],
  path: string,
  { names, isJson, check }: Question,
): Message => {
  const toolCalls = calls.map((call) => readToolCall(call, names));
  if (new Set(toolCalls.map(({ id }) => id)).size < toolCalls.length) {
    throw malformed(path, 'has two calls with the same id');
  }
  if (toolCalls.length > 0) return { role: 'assistant', content, toolCalls };
  if (content === '') throw malformed(path, 'has neither content nor tool calls');
  if (isJson) {
    const value = parse(content, contentPath);
    check?.(contentPath, value);
  }
  return { role: 'assistant', content };
};

const readToolCall = (
  { id: [id, idPath], name: [wireName, namePath], arguments: [text, path] }: WireCall,
  names: ReadonlyMap<string, string>,
): ToolCall => {
  if (typeof id !== 'string' || id === '') throw malformed(idPath, 'must be a text');
  const name = typeof wireName === 'string' ? names.get(wireName) : undefined;
  if (name === undefined) throw malformed(namePath, 'must be the name of an offered tool');
  return { id, name, args: readArguments(text, path) };
};

const readArguments = (value: unknown, path: string): Readonly<Record<string, unknown>> => {
  // No text at all is how some servers write "no arguments"; others send the object itself instead of its text.
  if (value === '') return {};
  if (typeof value === 'string') requireShort(value, path);
  const args = asRecord(typeof value === 'string' ? parse(value, path) : value);
  if (args === undefined) throw malformed(path, 'must be a JSON object');
  requireHarmless(args, path);
  if (typeof value !== 'string') requireShort(JSON.stringify(args), path);
  return args;
};

const requireShort = (text: string, path: string): void => {
  if (text.length <= MAX_ARGUMENTS_LENGTH) return;
  throw malformed(path, `must have at most ${MAX_ARGUMENTS_LENGTH} characters`);
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
