/** Finds the passages of a source that answer a question. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { guessLanguage } from './language.ts';
import { conceptsOf, matchExpression, type Concept, type Vocabulary } from './question.ts';
import { pick, rank, snippetOf, type Candidate, type Scored } from './rank.ts';

/** A passage that was found. */
export interface Found extends Scored {
  /** The line that matches best, at most 200 characters. */
  readonly snippet: string;
}

/** Narrows a search in documents. Absent members match all. */
export interface DocumentFilter {
  /** Only files whose path begins so. */
  readonly path?: string | undefined;
  /** Only passages with this text in a heading; the case of the letters a to z does not matter. */
  readonly heading?: string | undefined;
  /** Only files changed at or after this time, in milliseconds since the epoch. */
  readonly since?: number | undefined;
}

/** One search. */
export interface DocumentQuery {
  readonly source: string;
  readonly question: string;
  readonly limit: number;
  readonly where: DocumentFilter;
  readonly recency: number;
}

/** Passages, and files, that the full-text index proposes for ranking. */
const PASSAGE_CANDIDATES = 200;
const FILE_CANDIDATES = 40;
const PASSAGES_OF_FILES = 160;

/**
 * Counts in the source's files of the question's language only: in a manual with twenty translations, a name that every page has
 * would otherwise look common and any English word look rare.
 */
const makeVocabulary = (database: DatabaseSync, source: string, language: string): Vocabulary => {
  const scope = "source = ? AND (language IN (?, '') OR ? = '')";
  const values = [source, language, language];
  const files = Number(
    database.prepare(`SELECT count(*) AS n FROM file WHERE ${scope}`).get(...values)!['n'],
  );
  const find = database.prepare(
    `SELECT count(*) AS doc FROM fileTerms JOIN file ON file.id = fileTerms.rowid
     WHERE fileTerms MATCH ? AND ${scope}`,
  );
  const complete = database.prepare(
    'SELECT term, doc FROM fileVocabulary WHERE term >= ? AND term < ? LIMIT 20000',
  );
  const known = new Map<string, number>();
  return {
    files,
    filesWith: (term) => {
      let count = known.get(term);
      if (count === undefined) {
        count = Number(find.get(`"${term}"`, ...values)!['doc']);
        known.set(term, count);
      }
      return count;
    },
    completions: (prefix, limit) =>
      complete
        .all(prefix, `${prefix}\u{10ffff}`)
        .sort((a, b) => Number(b['doc']) - Number(a['doc']))
        .slice(0, limit)
        .map((row) => row['term'] as string),
  };
};

const filterSql = (
  source: string,
  where: DocumentFilter,
): { readonly sql: string; readonly values: SQLInputValue[] } => {
  const sql = ['file.source = ?'];
  const values: SQLInputValue[] = [source];
  if (where.path !== undefined && where.path !== '') {
    sql.push('substr(file.path, 1, length(?)) = ?');
    values.push(where.path, where.path);
  }
  if (where.since !== undefined) {
    sql.push('file.modified >= ?');
    values.push(where.since);
  }
  return { sql: sql.join(' AND '), values };
};

const COLUMNS = `passage.id AS passage, file.id AS file, file.path, file.title, file.language, file.modified,
  passage.heading, passage.text, passage.line, passage.endLine`;

/** The language of a question; a short one in plain letters is taken for English. */
const languageOf = (question: string): string =>
  guessLanguage(question) || (/^[\x20-\x7e\s]*$/.test(question) ? 'en' : '');

/** The best passages, best first. */
export const searchDocuments = (database: DatabaseSync, query: DocumentQuery): Found[] => {
  const language = languageOf(query.question);
  const vocabulary = makeVocabulary(database, query.source, language);
  const concepts: readonly Concept[] = conceptsOf(query.question, vocabulary);
  if (concepts.length === 0 || query.limit === 0) return [];
  const match = matchExpression(concepts);
  const filter = filterSql(query.source, query.where);

  const files = database
    .prepare(
      `SELECT file.id, bm25(fileTerms, 2, 4, 2, 1) AS score FROM fileTerms JOIN file ON file.id = fileTerms.rowid
       WHERE fileTerms MATCH ? AND ${filter.sql}
       ORDER BY file.language NOT IN (?, ''), score, file.id LIMIT ?`,
    )
    .all(match, ...filter.values, language, FILE_CANDIDATES * 5);
  const best = Math.max(1e-9, ...files.map((row) => -Number(row['score'])));
  const fileScores = new Map(files.map((row) => [Number(row['id']), -Number(row['score']) / best]));

  const { heading = '' } = query.where;
  const candidates = new Map<number, Candidate>();
  const collect = (extra: string, values: SQLInputValue[], limit: number): void => {
    const rows = database
      .prepare(
        `SELECT ${COLUMNS} FROM passageTerms JOIN passage ON passage.id = passageTerms.rowid
         JOIN file ON file.id = passage.file
         WHERE passageTerms MATCH ? AND ${filter.sql} ${extra}
           AND (? = '' OR instr(lower(passage.heading), lower(?)) > 0)
         ORDER BY bm25(passageTerms, 1.5, 3, 1), passage.id LIMIT ?`,
      )
      .all(match, ...filter.values, ...values, heading, heading, limit);
    for (const row of rows) candidates.set(Number(row['passage']), row as unknown as Candidate);
  };
  const sameLanguage = "AND file.language IN (?, '')";
  if (language !== '') collect(sameLanguage, [language], PASSAGE_CANDIDATES);
  if (candidates.size < PASSAGE_CANDIDATES) collect('', [], PASSAGE_CANDIDATES);
  const top = files.slice(0, FILE_CANDIDATES).map((row) => Number(row['id']));
  if (top.length > 0) {
    collect(`AND file.id IN (${top.map(() => '?').join(', ')})`, top, PASSAGES_OF_FILES);
  }

  if (candidates.size === 0) return [];
  const ranked = rank([...candidates.values()], {
    question: query.question,
    concepts,
    language,
    fileScores,
    recency: query.recency,
  });
  return pick(ranked, query.limit).map((one) => ({
    ...one,
    snippet: snippetOf(one.text, concepts),
  }));
};
