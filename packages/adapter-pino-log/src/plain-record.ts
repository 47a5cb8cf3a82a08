import { REDACTED, withoutCredentials } from './credential-patterns.ts';
import { cutText, withoutControls } from './plain-text.ts';
import { isSecretName } from './secret-names.ts';
import type { SecretScrubber } from './secret-scrubber.ts';

/** A record that a log can hold. Every text in it is scrubbed, without control characters and within the limit. */
export interface PlainRecord {
  readonly message: string;
  /** Plain data; errors with their causes. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** What a record is made by. */
export interface RecordRules {
  readonly scrubber: SecretScrubber;
  /** UTF-8 bytes of one text at most. */
  readonly maxFieldBytes: number;
  /** Whether line feeds are shown instead of kept, because nobody knows who prints the record. */
  readonly showLineFeeds: boolean;
}

const MOST_DEPTH = 6;
const MOST_MEMBERS = 100;
const MOST_NODES = 1_000;
/** A record has at most as many bytes as this many texts. */
const MOST_TEXTS = 8;
const MOST_NAME_BYTES = 128;
const MOST_MESSAGE_BYTES = 2_048;
const MOST_CAUSES = 3;
const UNREADABLE = '[unreadable]';

// A second member of this name would overwrite what the logger itself says.
const RESERVED = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'v']);

const typeName = (value: object): string => {
  const prototype = Object.getPrototypeOf(value) as { constructor?: unknown } | null;
  const maker = prototype?.constructor;
  return typeof maker === 'function' && maker.name !== '' ? maker.name : 'Object';
};

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};

const isError = (value: object): value is Error =>
  value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';

const read = (container: object, name: string | number): unknown => {
  try {
    return (container as Record<string | number, unknown>)[name];
  } catch {
    return UNREADABLE;
  }
};

/**
 * Makes what turns a message and its details into a record. That never throws, whatever it is given: what cannot be read is
 * replaced by a word that says so.
 */
export const makeRecordMaker = (
  rules: RecordRules,
): ((message: string, meta: unknown) => PlainRecord) => {
  const { scrubber, maxFieldBytes, showLineFeeds } = rules;
  let nodes = 0;
  let bytesLeft = 0;

  const clean = (text: string, maxBytes: number): string => {
    // A gigantic text is not searched. What may be the beginning of a secret at the place of the cut goes with it.
    const margin = scrubber.longest();
    const isCut = text.length > maxBytes + margin;
    let result = scrubber.scrub(isCut ? text.slice(0, maxBytes + margin) : text);
    if (isCut) result = result.slice(0, Math.max(0, result.length - margin));
    result = withoutControls(withoutCredentials(result).replaceAll('\r\n', '\n'));
    if (showLineFeeds) result = result.replaceAll('\n', String.raw`\n`).replaceAll('\t', ' ');
    return cutText(result, maxBytes, isCut ? text.length : result.length);
  };

  const copyText = (text: string, maxBytes: number = maxFieldBytes): string => {
    if (bytesLeft <= 0) return '[cut]';
    const result = clean(text, Math.min(maxBytes, bytesLeft));
    bytesLeft -= Buffer.byteLength(result);
    return result;
  };

  const copyError = (error: Error, ancestors: readonly object[], causes: number): object => {
    const record: Record<string, unknown> = {};
    const limits = {
      name: MOST_NAME_BYTES,
      code: MOST_NAME_BYTES,
      message: MOST_MESSAGE_BYTES,
      stack: maxFieldBytes,
    };
    for (const [name, maxBytes] of Object.entries(limits)) {
      const value = read(error, name);
      if (typeof value === 'string' || typeof value === 'number')
        record[name] = copyText(String(value), maxBytes);
    }
    const cause = read(error, 'cause');
    if (cause === undefined) return record;
    record['cause'] =
      causes === 0 ? '[more causes]' : copy(cause, [...ancestors, error], causes - 1);
    return record;
  };

  const copyList = (list: readonly unknown[], ancestors: readonly object[]): unknown[] => {
    const record: unknown[] = [];
    let before: unknown;
    for (let index = 0; index < list.length && index < MOST_MEMBERS; index += 1) {
      const item = read(list, index);
      // Headers as a flat list: each name is followed by its value.
      const isNamed = typeof before === 'string' && isSecretName(before, item);
      record.push(isNamed ? REDACTED : copy(item, ancestors));
      before = item;
    }
    if (list.length > MOST_MEMBERS) record.push(`[${list.length - MOST_MEMBERS} more]`);
    return record;
  };

  const copyMembers = (
    object: object,
    ancestors: readonly object[],
    isTop = false,
  ): Record<string, unknown> => {
    const record = Object.create(null) as Record<string, unknown>;
    const names = Object.keys(object);
    // Headers as objects: the name in one member says what the other is.
    const title = Object.hasOwn(object, 'value')
      ? (read(object, 'name') ?? read(object, 'key'))
      : undefined;
    for (const name of names.slice(0, MOST_MEMBERS)) {
      const value = read(object, name);
      if (value === undefined) continue;
      const isSecret =
        isSecretName(name, value) ||
        (name === 'value' && typeof title === 'string' && isSecretName(title, value));
      const label = copyText(name, MOST_NAME_BYTES);
      record[isTop && RESERVED.has(label) ? `${label}_` : label] = isSecret
        ? REDACTED
        : copy(value, ancestors);
    }
    if (names.length > MOST_MEMBERS) record['…'] = `[${names.length - MOST_MEMBERS} more]`;
    return record;
  };

  const copyObject = (object: object, ancestors: readonly object[], causes: number): unknown => {
    if (ancestors.includes(object)) return '[circular]';
    if (isError(object)) return copyError(object, ancestors, causes);
    if (ancestors.length >= MOST_DEPTH) return Array.isArray(object) ? '[list]' : '[object]';
    const path = [...ancestors, object];
    if (Array.isArray(object)) return copyList(object, path);
    if (isPlain(object)) return copyMembers(object, path);
    if (object instanceof Date) return String(object.toJSON());
    if (object instanceof URL) return copyText(object.href);
    const name = copyText(typeName(object), MOST_NAME_BYTES);
    if (ArrayBuffer.isView(object)) return `[${name} of ${object.byteLength} bytes]`;
    if (object instanceof Map || object instanceof Set) return `[${name} of ${object.size}]`;
    // Requests, sockets, clients: what they hold is not for a log, and there is no end to it.
    return `[${name}]`;
  };

  const copy = (
    value: unknown,
    ancestors: readonly object[],
    causes: number = MOST_CAUSES,
  ): unknown => {
    nodes += 1;
    if (nodes > MOST_NODES) return '[cut]';
    switch (typeof value) {
      case 'string':
        return copyText(value);
      case 'number':
        return scrubber.hides(String(value)) ? REDACTED : value;
      case 'bigint':
      case 'symbol':
        return copyText(String(value));
      case 'function':
        return '[function]';
      case 'object':
        if (value === null) return null;
        try {
          return copyObject(value, ancestors, causes);
        } catch {
          return UNREADABLE; // A proxy whose traps throw.
        }
      default:
        return value;
    }
  };

  const copyDetails = (meta: unknown): Readonly<Record<string, unknown>> => {
    if (meta === undefined) return {};
    try {
      if (typeof meta === 'object' && meta !== null) {
        if (isError(meta)) return { error: copy(meta, []) };
        if (isPlain(meta)) return copyMembers(meta, [meta], true);
      }
    } catch {
      return { meta: UNREADABLE };
    }
    return { meta: copy(meta, []) };
  };

  return (message, meta) => {
    scrubber.refresh();
    nodes = 0;
    bytesLeft = maxFieldBytes * MOST_TEXTS;
    return { message: copyText(message), details: copyDetails(meta) };
  };
};
