import type { JsonValue, LlmRequest } from '@promethean/pantheon-core';

/** What of a request decides its answer, as plain data with a fixed order of keys. */
export interface CassetteRequest {
  readonly call: 'complete' | 'stream';
  readonly messages: JsonValue;
  readonly tools?: JsonValue;
  readonly format?: JsonValue;
  readonly model?: JsonValue;
  readonly temperature?: JsonValue;
  readonly maxTokens?: JsonValue;
}

/** JSON with sorted keys and without what is undefined. */
const sorted = (value: unknown): JsonValue => {
  if (Array.isArray(value)) return value.map((item) => sorted(item ?? null));
  if (typeof value !== 'object' || value === null) return value as JsonValue;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
};

const present = (members: Readonly<Record<string, unknown>>): Readonly<Record<string, JsonValue>> =>
  Object.fromEntries(
    Object.entries(members)
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => [key, sorted(member)]),
  );

/**
 * The canonical form of a request. What a model does not see is not in it: signals, time limits, where a message comes from, what it cost,
 * and what a tool says to the orchestrator only.
 */
export const cassetteRequest = (
  call: CassetteRequest['call'],
  { messages, tools, format, model, temperature, maxTokens }: LlmRequest,
): CassetteRequest => ({
  call,
  messages: messages.map(({ role, content, name, images, toolCalls, toolCallId }) =>
    present({ role, name, content, images, toolCalls, toolCallId }),
  ),
  ...present({
    tools: tools?.map(({ name, description, parameters }) =>
      present({ name, description, parameters }),
    ),
    format,
    model,
    temperature,
    maxTokens,
  }),
});

/** Two requests with the same key have the same answers. */
export const keyOf = (request: CassetteRequest): string => JSON.stringify(sorted(request));

/** A place where two requests differ. */
export interface Difference {
  readonly path: string;
  readonly recorded: JsonValue | undefined;
  readonly asked: JsonValue | undefined;
}

const isObject = (value: unknown): value is Readonly<Record<string, JsonValue>> =>
  typeof value === 'object' && value !== null;

/** Where two values differ, in the order in which they are written. */
const differences = (
  recorded: JsonValue | undefined,
  asked: JsonValue | undefined,
  path: string,
): readonly Difference[] => {
  if (!isObject(recorded) || !isObject(asked) || Array.isArray(recorded) !== Array.isArray(asked))
    return recorded === asked ? [] : [{ path, recorded, asked }];
  const isList = Array.isArray(recorded);
  return [...new Set([...Object.keys(recorded), ...Object.keys(asked)])].flatMap((key) => {
    const below = isList ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    return differences(own(recorded, key), own(asked, key), below);
  });
};

const own = (value: Readonly<Record<string, JsonValue>>, key: string): JsonValue | undefined =>
  Object.hasOwn(value, key) ? value[key] : undefined;

/** Of the recorded requests the one that differs in the fewest places, the first of equals; and its first difference. */
export const nearest = (
  recorded: readonly CassetteRequest[],
  asked: CassetteRequest,
): { readonly index: number; readonly difference: Difference } | undefined => {
  let best: { readonly index: number; readonly difference: Difference } | undefined;
  let least = Infinity;
  for (const [index, request] of recorded.entries()) {
    const all = differences(request as unknown as JsonValue, asked as unknown as JsonValue, '');
    const [difference] = all;
    if (difference === undefined || all.length >= least) continue;
    least = all.length;
    best = { index, difference };
  }
  return best;
};

const SHOWN = 60;

/** Both values of a difference in words; of long texts the part where they part. */
export const inWords = ({ path, recorded, asked }: Difference): string => {
  let from = 0;
  if (typeof recorded === 'string' && typeof asked === 'string') {
    while (recorded[from] === asked[from]) from += 1;
    from = Math.max(0, from - 20);
  }
  const shown = (value: JsonValue | undefined): string => {
    if (value === undefined) return 'nothing';
    const text = typeof value === 'string' ? value.slice(from) : JSON.stringify(value);
    const cut = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
    return typeof value === 'string' ? JSON.stringify(from > 0 ? `…${cut}` : cut) : cut;
  };
  return `${path}: recorded ${shown(recorded)} / asked ${shown(asked)}`;
};
