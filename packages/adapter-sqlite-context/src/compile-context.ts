/** Puts a context together from its sources, within the limits of the request. */
import type { DatabaseSync } from 'node:sqlite';
import { PantheonError } from '@promethean/pantheon-core';
import type {
  ContextExplanation,
  ContextRequest,
  ContextSource,
  Message,
  Trust,
} from '@promethean/pantheon-core';
import { findEntries, type Entry, type EntryFilter } from './entries.ts';
import { optionInvalid, requireCount, type Settings, type SourceSpec } from './options.ts';
import { searchDocuments, type DocumentFilter } from './search-documents.ts';

/** A message that may be taken, and why. */
interface Item {
  readonly message: Message;
  readonly uri: string;
  readonly score: number;
  readonly reason: string;
  readonly tokens: number;
  /** The place of its source in the request. */
  readonly source: number;
  readonly priority: number;
  /** 0 for the one of its source that is wanted most. */
  readonly rank: number;
  /** The place among the messages of its source, in reading order. */
  readonly place: number;
}

/** An item and what became of it. */
interface Decision {
  readonly item: Item;
  /** Undefined where it was taken. */
  readonly cut: string | undefined;
}

const numberOf = (path: string, value: unknown, fallback: number): number => {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw optionInvalid(path, 'a number', value);
  return value;
};

const textOf = (path: string, value: unknown): string | undefined => {
  if (value !== undefined && typeof value !== 'string') throw optionInvalid(path, 'a text', value);
  return value;
};

const sinceOf = (path: string, value: unknown): number | undefined =>
  value === undefined ? undefined : numberOf(path, value, 0);

/** A filter for documents from `ContextSource.where`. */
export const documentFilter = (
  where: Readonly<Record<string, unknown>> | undefined,
  path: string,
): DocumentFilter => ({
  path: textOf(`${path}.path`, where?.['path']),
  heading: textOf(`${path}.heading`, where?.['heading']),
  since: sinceOf(`${path}.since`, where?.['since']),
});

/** A filter for entries: those of the actor whose context it is, unless the source names another. */
const entryFilter = (source: ContextSource, askedBy: string | undefined): EntryFilter => ({
  actorId: textOf(`${source.id}.where.actorId`, source.where?.['actorId']) ?? askedBy,
  since: sinceOf(`${source.id}.where.since`, source.where?.['since']),
});

const TRUST: Readonly<Record<Message['role'], Trust>> = {
  system: 'user',
  user: 'user',
  assistant: 'peer',
  tool: 'tool',
};

/**
 * A recorded entry as a message to read. What was recorded is data, so nothing comes back as `system`; a tool's result comes back as
 * `user`, since the call that it answers is not part of this conversation.
 */
const entryMessage = ({ message }: Entry, uri: string, source: string): Message => {
  const { role, content, name, images, metadata, provenance } = message;
  const trust =
    provenance?.trust === undefined || provenance.trust === 'system'
      ? TRUST[role]
      : provenance.trust;
  return {
    role: role === 'assistant' ? 'assistant' : 'user',
    content,
    ...(name === undefined ? undefined : { name }),
    ...(images === undefined ? undefined : { images }),
    ...(metadata === undefined ? undefined : { metadata }),
    provenance: { uri, ...provenance, source, trust },
  };
};

interface Limits {
  readonly recentLimit: number;
  readonly queryLimit: number;
}

type Draft = Omit<Item, 'source' | 'priority' | 'tokens' | 'rank'>;

/** Passages that answer the texts, best first. Documents have no use without a text: nothing is recent about a manual. */
const fromDocuments = (
  database: DatabaseSync,
  source: ContextSource,
  texts: readonly string[],
  { queryLimit }: Limits,
): Draft[] => {
  const ranked = searchDocuments(database, {
    source: source.id,
    question: texts.join('\n'),
    limit: queryLimit,
    where: documentFilter(source.where, `${source.id}.where`),
    recency: Math.max(
      0,
      numberOf(`${source.id}.metadata.recency`, source.metadata?.['recency'], 0),
    ),
  });
  return ranked.map((hit, place) => ({
    uri: `${hit.path}:${hit.line}`,
    score: hit.score,
    reason: `matches ${Math.round(hit.coverage * 100)} % of the question, place ${place + 1}`,
    place,
    message: {
      role: 'user',
      content: hit.text,
      provenance: {
        source: source.id,
        trust: 'document',
        uri: hit.path,
        line: hit.line,
        endLine: hit.endLine,
        heading: hit.heading,
        score: hit.score,
      },
    },
  }));
};

/** The latest entries, newest wanted most, then older ones that match. */
const fromEntries = (
  database: DatabaseSync,
  source: ContextSource,
  where: EntryFilter,
  tool: boolean,
  texts: readonly string[],
  limits: Limits,
): Draft[] => {
  const found = findEntries(database, { tool, where, texts, ...limits });
  const draft = (entry: Entry, reason: string): Draft => {
    const uri = `${source.id}/${encodeURIComponent(entry.actorId.toWellFormed())}/${entry.id}`;
    return {
      uri,
      score: entry.score,
      reason,
      place: entry.id,
      message: entryMessage(entry, uri, source.id),
    };
  };
  return [
    ...found.recent.map((entry, age) =>
      draft(entry, age === 0 ? 'the latest entry' : `${age} entries before the latest`),
    ),
    ...found.matching.map((entry) => draft(entry, 'an older entry that matches the question')),
  ];
};

const decide = (
  database: DatabaseSync,
  settings: Settings,
  request: ContextRequest,
): readonly Decision[] => {
  const { texts = [], sources, limit = Infinity, maxTokens = Infinity } = request;
  if (!Array.isArray(texts) || !texts.every((text) => typeof text === 'string'))
    throw optionInvalid('texts', 'a list of texts', texts);
  for (const name of ['limit', 'recentLimit', 'queryLimit'] as const)
    requireCount(name, request[name], 0);
  requireCount('maxTokens', request.maxTokens, 1);
  const limits = {
    recentLimit: request.recentLimit ?? settings.recentLimit,
    queryLimit: request.queryLimit ?? settings.queryLimit,
  };
  const specs = sources.map((source): SourceSpec => {
    const spec = settings.sources.get(source.id);
    if (spec !== undefined) return spec;
    throw sourceUnknown(source.id, settings);
  });

  const items = sources.flatMap((source, index): Item[] => {
    const spec = specs[index]!;
    const drafts =
      spec.kind === 'documents'
        ? fromDocuments(database, source, texts, limits)
        : fromEntries(
            database,
            source,
            entryFilter(source, request.actorId),
            spec.kind === 'tool-results',
            texts,
            limits,
          );
    const priority = numberOf(`${source.id}.metadata.priority`, source.metadata?.['priority'], 0);
    return drafts.map((draft, rank) => ({
      ...draft,
      rank,
      priority,
      source: index,
      tokens: settings.estimateTokens(draft.message),
    }));
  });
  // Every source gets its best in before any gets its second; a source of higher priority goes before all of lower.
  const wanted = items.toSorted(
    (a, b) => b.priority - a.priority || a.rank - b.rank || a.source - b.source,
  );
  let count = 0;
  let tokens = 0;
  return wanted.map((item): Decision => {
    if (count >= limit) return { item, cut: `limit (${limit})` };
    if (tokens + item.tokens > maxTokens) return { item, cut: `maxTokens (${maxTokens})` };
    count += 1;
    tokens += item.tokens;
    return { item, cut: undefined };
  });
};

/** The error for a source that was not declared. */
export const sourceUnknown = (id: string, settings: Settings): PantheonError =>
  new PantheonError(
    'source-unknown',
    `There is no source "${id}". Declared are: ${[...settings.sources.keys()].join(', ') || 'none'}.`,
    { details: { source: id } },
  );

const inReadingOrder = (a: Item, b: Item): number => a.source - b.source || a.place - b.place;

/** The messages of a context: source by source as requested, passages best first, entries oldest first. */
export const compileContext = (
  database: DatabaseSync,
  settings: Settings,
  request: ContextRequest,
): readonly Message[] =>
  decide(database, settings, request)
    .filter(({ cut }) => cut === undefined)
    .map(({ item }) => item)
    .sort(inReadingOrder)
    .map(({ message }) => message);

/** What `compileContext` takes and leaves, in the same order. */
export const explainContext = (
  database: DatabaseSync,
  settings: Settings,
  request: ContextRequest,
): readonly ContextExplanation[] =>
  decide(database, settings, request)
    .toSorted((a, b) => inReadingOrder(a.item, b.item))
    .map(({ item: { uri, reason, score }, cut }) => ({
      uri,
      taken: cut === undefined,
      reason: cut === undefined ? reason : `${reason}; cut by ${cut}`,
      score,
    }));
