/** The recorded entries of actors: writing them down, the latest ones, and those that match a text. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { PantheonError } from '@promethean/pantheon-core';
import type { Message } from '@promethean/pantheon-core';
import { prepareWrite, transaction } from './database.ts';
import { conceptsOf, matchExpression } from './question.ts';
import { termsOf } from './terms.ts';

/** A recorded entry. Ids grow with time. */
export interface Entry {
  readonly id: number;
  readonly actorId: string;
  readonly message: Message;
  /** How well it matches; 0 for one that is only recent. */
  readonly score: number;
}

/** Narrows the entries of a source. Absent members match all. */
export interface EntryFilter {
  readonly actorId?: string | undefined;
  /** Only entries recorded at or after this time, in milliseconds since the epoch. */
  readonly since?: number | undefined;
}

const ROLES: readonly unknown[] = ['system', 'user', 'assistant', 'tool'];

const refuse = (path: string, wanted: string, cause?: unknown): never => {
  throw new PantheonError('message-invalid', `${path}: must be ${wanted}.`, {
    cause,
    details: { path },
  });
};

/** An entry as it is stored. */
const textOf = (entry: Message, at: number): string => {
  try {
    return JSON.stringify(entry);
  } catch (error) {
    return refuse(`entries[${at}]`, 'plain data', error);
  }
};

const requireEntries = (actorId: unknown, entries: unknown): void => {
  if (typeof actorId !== 'string' || actorId === '') refuse('actorId', 'a text that is not empty');
  if (!Array.isArray(entries)) return refuse('entries', 'an array of messages');
  entries.forEach((entry: Partial<Message> | null, at) => {
    if (!ROLES.includes(entry?.role)) refuse(`entries[${at}].role`, ROLES.join(', '));
    if (typeof entry?.content !== 'string') refuse(`entries[${at}].content`, 'a text');
  });
};

/** Writes entries down in one transaction, in their order. */
export const recordEntries = (
  database: DatabaseSync,
  actorId: string,
  entries: readonly Message[],
  now: number,
): void => {
  requireEntries(actorId, entries);
  if (entries.length === 0) return;
  const texts = entries.map(textOf);
  const insert = prepareWrite(
    database,
    'INSERT INTO entry (actor, tool, recorded, message) VALUES (?, ?, ?, ?)',
  );
  const insertTerms = prepareWrite(database, 'INSERT INTO entryTerms (rowid, body) VALUES (?, ?)');
  transaction(database, () => {
    for (const [at, message] of entries.entries()) {
      const { lastInsertRowid } = insert.run(
        JSON.stringify(actorId),
        message.role === 'tool' ? 1 : 0,
        now,
        texts[at]!,
      );
      insertTerms.run(lastInsertRowid, termsOf(message.content).join(' '));
    }
  });
};

/** One look-up. */
export interface EntryQuery {
  readonly tool: boolean;
  readonly where: EntryFilter;
  readonly texts: readonly string[];
  readonly recentLimit: number;
  readonly queryLimit: number;
}

const entryOf = (row: Record<string, unknown>): Entry => ({
  id: Number(row['id']),
  actorId: JSON.parse(row['actor'] as string) as string,
  message: JSON.parse(row['message'] as string) as Message,
  score: Number(row['score'] ?? 0),
});

/** The latest entries, newest first, then older ones that match the texts, best first. */
export const findEntries = (
  database: DatabaseSync,
  { tool, where, texts, recentLimit, queryLimit }: EntryQuery,
): { readonly recent: readonly Entry[]; readonly matching: readonly Entry[] } => {
  const conditions = ['entry.tool = ?'];
  const values: SQLInputValue[] = [tool ? 1 : 0];
  if (where.actorId !== undefined) {
    conditions.push('entry.actor = ?');
    // As JSON: an id with half of a surrogate pair stays different from every other.
    values.push(JSON.stringify(where.actorId));
  }
  if (where.since !== undefined) {
    conditions.push('entry.recorded >= ?');
    values.push(where.since);
  }
  const scope = conditions.join(' AND ');
  const recent = database
    .prepare(`SELECT id, actor, message FROM entry WHERE ${scope} ORDER BY id DESC LIMIT ?`)
    .all(...values, recentLimit)
    .map(entryOf);
  if (queryLimit === 0) return { recent, matching: [] };

  const find = database.prepare('SELECT count(*) AS n FROM entryTerms WHERE entryTerms MATCH ?');
  const concepts = conceptsOf(texts.join('\n'), {
    files: Number(database.prepare('SELECT count(*) AS n FROM entry').get()!['n']),
    filesWith: (term) => Number(find.get(`"${term}"`)!['n']),
    completions: () => [],
  });
  if (concepts.length === 0) return { recent, matching: [] };
  const known = new Set(recent.map(({ id }) => id));
  const matching = database
    .prepare(
      `SELECT entry.id, actor, message, -bm25(entryTerms) AS score
       FROM entryTerms JOIN entry ON entry.id = entryTerms.rowid
       WHERE entryTerms MATCH ? AND ${scope} ORDER BY bm25(entryTerms), entry.id DESC LIMIT ?`,
    )
    .all(matchExpression(concepts), ...values, queryLimit + recentLimit)
    .map(entryOf)
    .filter(({ id }) => !known.has(id))
    .slice(0, queryLimit);
  return { recent, matching };
};
