/** What is recorded: JSON that every store takes, and that can be compared. */
import type { TickRecord } from './ports.ts';
import type { JsonValue } from './types.ts';

/** Levels that are left to whatever a journal puts around a value. */
const MAX_DEPTH = 60;

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1)));

/**
 * What a journal can keep of a value. JSON leaves out functions and the like; they are not there when the tick is finished elsewhere.
 * What not every store takes (U+0000, half a surrogate pair, deep nesting) goes in as the text of its JSON, where it is escaped.
 */
export const pack = (value: unknown): JsonValue => {
  const json = JSON.stringify(value);
  if (json === undefined) return null;
  const plain = JSON.parse(json) as JsonValue;
  return /\\u(?:0000|d[89a-f])/i.test(json) || isDeeper(plain, MAX_DEPTH) ? { json } : plain;
};

export const unpack = (packed: JsonValue | undefined): unknown => {
  const { json } = (packed ?? {}) as { readonly json?: unknown };
  return typeof json === 'string' ? JSON.parse(json) : packed;
};

/** The JSON text of a value with the keys of its objects in order: the same for values that are the same. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );

const NOTHING = new Error('nothing recorded');

/** The recorded value of a step; undefined where there is none. Nothing is recorded by looking. */
export const peek = async (record: TickRecord, name: string): Promise<JsonValue | undefined> => {
  try {
    return await record.step<JsonValue>(name, () => {
      throw NOTHING;
    });
  } catch (error) {
    if (error === NOTHING) return undefined;
    throw error;
  }
};
