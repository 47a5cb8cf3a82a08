/** Where an answer comes from. */
import type { Message, MessageAction } from '@promethean/pantheon-core';

export interface Source {
  readonly file: string;
  readonly line: number;
  readonly heading: string;
}

const isSource = (value: unknown): value is Source =>
  typeof value === 'object' && value !== null && 'file' in value && 'line' in value;

/** The sources that a message names in its metadata. */
export const sourcesOf = (metadata: MessageAction['metadata']): readonly Source[] => {
  const sources: unknown = metadata?.['sources'];
  return Array.isArray(sources)
    ? sources.filter(isSource).map(({ file, line, heading }) => ({ file, line, heading }))
    : [];
};

const hitsOf = ({ content }: Message): readonly Source[] => {
  try {
    const result: unknown = JSON.parse(content);
    return (Array.isArray(result) ? result : [result]).filter(isSource);
  } catch {
    return []; // An error text, or a result that was cut: it names no sources.
  }
};

/**
 * The sources of a model's answer: those that it names in its metadata, be it none. A model that names none that way cites
 * in its text: the passages whose file the text mentions, otherwise the first three files that the tools found.
 */
export const sourcesOfAnswer = (
  { content, metadata }: Pick<MessageAction, 'content' | 'metadata'>,
  turns: readonly Message[],
): readonly Source[] => {
  if (metadata?.['sources'] !== undefined) return sourcesOf(metadata);
  const hits = turns.filter(({ role }) => role === 'tool').flatMap(hitsOf);
  const files = [...new Map(hits.toReversed().map((hit) => [hit.file, hit])).values()].toReversed();
  const mentioned = files.filter(({ file }) => content.includes(file));
  return (mentioned.length > 0 ? mentioned : files.slice(0, 3)).map(({ file, line, heading }) => ({
    file,
    line,
    heading,
  }));
};
