/** A message as it is stored: JSON of version 1. Unknown members are ignored, known ones must be right. */
import type { BusMessage, JsonValue, Metadata } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { contentProblem, deepFreeze, nameProblem } from '@promethean/pantheon-core/adapter';

const VERSION = 1;

/**
 * The text of a message. U+FFFD is escaped: where it stands in a stored text, bytes that are no UTF-8 were written by somebody
 * else, and the client replaced them.
 */
export const encodeMessage = (message: BusMessage): string => {
  const text = JSON.stringify({ v: VERSION, ...message });
  return text.includes('\uFFFD') ? text.replaceAll('\uFFFD', '\\ufffd') : text;
};

const bad = (problem: string): never => {
  throw new PantheonError('message-invalid', `A stored message ${problem}.`);
};

const name = (value: unknown, member: string): string => {
  const problem = nameProblem(value);
  return problem === undefined
    ? (value as string)
    : bad(`has a member "${member}" that ${problem}`);
};

const number = (value: unknown, member: string): number =>
  typeof value === 'number' && Number.isFinite(value)
    ? value
    : bad(`has a member "${member}" that is no number`);

/** The message of a stored text, frozen: all handlers get the same. Throws `message-invalid`. */
export const decodeMessage = (text: string | undefined): BusMessage => {
  if (text === undefined) return bad('lacks its field "m"');
  if (text.includes('\uFFFD')) return bad('contains bytes that are no UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return bad('is no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return bad('is no JSON object');
  const { v, id, from, to, content, sentAt, hops, causationId, metadata } = value as {
    readonly [member: string]: JsonValue | undefined;
  };
  if (v !== VERSION)
    bad(`has the version ${JSON.stringify(v)}, not ${VERSION}; its sender runs another release`);
  const problem = contentProblem(content);
  if (problem !== undefined) bad(`has a content that ${problem}`);
  if (metadata !== undefined && (typeof metadata !== 'object' || metadata === null))
    bad('has metadata that is no object');
  const count = number(hops, 'hops');
  return Object.freeze({
    id: name(id, 'id'),
    from: name(from, 'from'),
    to: name(to, 'to'),
    content: content as string,
    sentAt: number(sentAt, 'sentAt'),
    hops: Number.isSafeInteger(count) && count >= 0 ? count : bad('has hops that are no count'),
    ...(causationId !== undefined && { causationId: name(causationId, 'causationId') }),
    ...(metadata !== undefined && { metadata: deepFreeze(metadata as Metadata) }),
  });
};

/** Stands for a message that cannot be read, in the dead letters. */
export const unreadable = (entry: string, to: string, text: string | undefined): BusMessage => ({
  id: `unreadable-${entry}`,
  from: 'unknown',
  to,
  content: (text ?? '').slice(0, 65_536).replaceAll('\0', '\uFFFD').toWellFormed(),
  sentAt: Number(entry.split('-')[0]),
  hops: 0,
});
