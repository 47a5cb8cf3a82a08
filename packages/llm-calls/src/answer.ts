import { PantheonError } from '@promethean/pantheon-core';
import type { ErrorCode, Message, ToolCall } from '@promethean/pantheon-core';
import type { CheckAnswer } from './answer-schema.ts';

// An answer is not trusted: it is what a model wrote, through servers that we do not know.

/** Arguments beyond this are no plan of an action that would be accepted. */
const MAX_ARGUMENTS_LENGTH = 262_144;
const MAX_ARGUMENTS_DEPTH = 64;
/** Keys that change the prototype of whatever they are merged into. */
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor']);

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

/** An answer that ended too early. */
export const cutOff = (how: string, cause?: unknown): PantheonError =>
  new PantheonError('llm-truncated', `The model's answer was cut off: ${how}`, {
    retryable: true,
    cause,
  });

/** A part of an answer as it came. */
export interface Part<T = unknown> {
  readonly value: T;
  readonly path: string;
}

/** A tool call as it came. */
export interface CallParts {
  readonly id: Part;
  readonly name: Part;
  /** JSON as a text, or an object. No text at all means no arguments. */
  readonly args: Part;
}

/** What was asked for. */
export interface Expected {
  /** The names of the offered tools by their names on the wire. */
  readonly names: ReadonlyMap<string, string>;
  readonly isJson: boolean;
  /** Where there is a schema. */
  readonly check: CheckAnswer | undefined;
}

/** The message that the parts of an answer make. `callsPath` is where the calls are. Throws `llm-malformed`. */
export const toMessage = (
  content: Part<string>,
  calls: readonly CallParts[],
  callsPath: string,
  { names, isJson, check }: Expected,
): Message => {
  const toolCalls = calls.map((call) => toToolCall(call, names));
  if (new Set(toolCalls.map(({ id }) => id)).size < toolCalls.length) {
    throw malformed(callsPath, 'has two calls with the same id');
  }
  if (toolCalls.length > 0) return { role: 'assistant', content: content.value, toolCalls };
  if (content.value === '') throw malformed(content.path, 'is empty, and there are no tool calls');
  if (isJson) {
    const value = parse(content.value, content.path);
    check?.(content.path, value);
  }
  return { role: 'assistant', content: content.value };
};

const toToolCall = (
  { id, name, args }: CallParts,
  names: ReadonlyMap<string, string>,
): ToolCall => {
  if (typeof id.value !== 'string' || id.value === '') throw malformed(id.path, 'must be a text');
  const offered = typeof name.value === 'string' ? names.get(name.value) : undefined;
  if (offered === undefined) throw malformed(name.path, 'must be the name of an offered tool');
  return { id: id.value, name: offered, args: toArguments(args) };
};

const toArguments = ({ value, path }: Part): Readonly<Record<string, unknown>> => {
  if (value === '') return {};
  if (typeof value === 'string') requireShort(value, path);
  const args = typeof value === 'string' ? parse(value, path) : value;
  if (typeof args !== 'object' || args === null || Array.isArray(args)) {
    throw malformed(path, 'must be a JSON object');
  }
  requireHarmless(args, path);
  if (typeof value !== 'string') requireShort(JSON.stringify(args), path);
  return args as Readonly<Record<string, unknown>>;
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
