/** How deep a value may be nested to have a text. */
const MAX_DEPTH = 64;

/**
 * One text for equal plain data, whatever the order of their keys; `undefined` for what is not plain data, because two different
 * values of a class could have the same text. Members that are `undefined` count as absent.
 */
export const canonicalText = (value: unknown): string | undefined => {
  try {
    return textOf(value, 0);
  } catch (error) {
    if (error === NOT_PLAIN) return undefined;
    throw error;
  }
};

const NOT_PLAIN: Error = new Error('Not plain data.');

const textOf = (value: unknown, depth: number): string => {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (typeof value !== 'object' || depth >= MAX_DEPTH) throw NOT_PLAIN;
  if (Array.isArray(value)) {
    // Array.from visits holes as well.
    const items = Array.from(value, (item: unknown) =>
      item === undefined ? 'undefined' : textOf(item, depth + 1),
    );
    return `[${items.join(',')}]`;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw NOT_PLAIN;
  if (Object.getOwnPropertySymbols(value).length > 0) throw NOT_PLAIN;
  const members = Object.keys(value)
    .sort()
    .map((key) => [key, (value as Record<string, unknown>)[key]] as const)
    .filter(([, member]) => member !== undefined)
    .map(([key, member]) => `${JSON.stringify(key)}:${textOf(member, depth + 1)}`);
  return `{${members.join(',')}}`;
};
