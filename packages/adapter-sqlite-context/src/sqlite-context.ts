/** A context port on SQLite: documents with full-text search, conversations and tool results. */
import type { IContextPort } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { openSqliteFile, translateSqliteError } from '@promethean/sqlite-file';
import {
  compileContext,
  documentFilter,
  explainContext,
  sourceUnknown,
} from './compile-context.ts';
import { CONTEXT_FILE } from './database.ts';
import { recordEntries } from './entries.ts';
import {
  indexDocuments,
  indexingCancelled,
  type IndexProgress,
  type IndexReport,
} from './index-documents.ts';
import {
  MAX_FILE_BYTES,
  optionInvalid,
  readOptions,
  requireCount,
  type DocumentsSource,
  type SqliteContextOptions,
} from './options.ts';
import { searchDocuments, type DocumentFilter } from './search-documents.ts';

/** How long a statement waits for another process's lock. */
const BUSY_TIMEOUT_MS = 10_000;

/** One indexing run. */
export interface IndexOptions {
  /** The id of a documents source. Default: all of them. */
  readonly source?: string | undefined;
  /** Called after every file. */
  readonly onProgress?: ((progress: IndexProgress) => void) | undefined;
  /** Ends the run between two files; what was indexed so far stays. */
  readonly signal?: AbortSignal | undefined;
}

/** One search. */
export interface SearchOptions {
  /** The id of a documents source. Default: all of them. */
  readonly source?: string | undefined;
  /** Hits at most. Default 8. */
  readonly limit?: number | undefined;
  readonly where?: DocumentFilter | undefined;
}

/** A passage that answers a question. */
export interface Hit {
  readonly source: string;
  /** Relative to the source's root. */
  readonly file: string;
  /** First and last line, counted from 1. */
  readonly line: number;
  readonly endLine: number;
  /** The headings above the passage, joined by ` > `. */
  readonly heading: string;
  readonly text: string;
  /** Higher is better; comparable within one search only. */
  readonly score: number;
  /** The line of the passage that matches best, at most 200 characters. */
  readonly snippet: string;
}

/** One document of the index. */
export interface DocumentInfo {
  readonly source: string;
  readonly file: string;
  readonly title: string;
  /** Milliseconds since the epoch. */
  readonly modified: number;
  readonly size: number;
}

/** Which documents to list. */
export interface DocumentsOptions {
  /** The id of a documents source. Default: all of them. */
  readonly source?: string | undefined;
  /** Only files whose path begins so. */
  readonly prefix?: string | undefined;
  /** Default 1000. */
  readonly limit?: number | undefined;
}

/** A context port with an index of documents. */
export interface SqliteContext extends Required<IContextPort> {
  /**
   * Brings the index up to date with the folders: new and changed files are read, deleted ones forgotten. Leaves the event loop its
   * turns. One run at a time; another waits. Rejects with `file-unreadable` when a root cannot be read or the database is damaged,
   * `unavailable` when the disk is full or another process held the lock too long, `tick-cancelled` when the signal aborted,
   * `source-unknown` and `closed`.
   */
  readonly index: (options?: IndexOptions) => Promise<IndexReport>;
  /** The passages that answer a question, best first. Rejects like `compile`. */
  readonly search: (query: string, options?: SearchOptions) => Promise<readonly Hit[]>;
  /** The documents in the index, sorted by path. */
  readonly documents: (options?: DocumentsOptions) => Promise<readonly DocumentInfo[]>;
}

/**
 * Makes a context port on `node:sqlite` (Node 22.16 or newer). The database is opened here; documents are read by `index()` only.
 *
 * @throws PantheonError `option-invalid` for a wrong option or a database of another program, `file-unreadable` for a file that cannot
 *   be opened or is damaged, `unavailable` for a full disk or a lock that is held too long.
 */
export const makeSqliteContext = (options: SqliteContextOptions): SqliteContext => {
  const settings = readOptions(options);
  const { path } = settings;
  const database = openSqliteFile(
    CONTEXT_FILE,
    // What a crash of the machine can lose of an index is indexed again.
    { path, busyTimeoutMs: BUSY_TIMEOUT_MS, synchronous: 'normal' },
    (opened) => opened,
  );
  const closing = new AbortController();
  let indexing: Promise<unknown> = Promise.resolve();

  const requireOpen = (): void => {
    if (closing.signal.aborted) throw new PantheonError('closed', 'The context port is closed.');
  };
  // SQLite works synchronously; the port's promises come from here.
  const run = async <Result>(work: () => Result): Promise<Result> => {
    requireOpen();
    try {
      return work();
    } catch (error) {
      throw translateSqliteError(error, path);
    }
  };

  const documentSources = (
    id: string | undefined,
  ): readonly (readonly [string, DocumentsSource])[] => {
    if (id !== undefined && !settings.sources.has(id)) throw sourceUnknown(id, settings);
    const found = [...settings.sources].flatMap(([name, source]) =>
      source.kind === 'documents' && (id === undefined || name === id)
        ? [[name, source] as const]
        : [],
    );
    if (id !== undefined && found.length === 0) {
      throw optionInvalid('source', 'the id of a documents source', id);
    }
    return found;
  };

  const indexAll = async ({ source, onProgress, signal }: IndexOptions): Promise<IndexReport> => {
    const check = (): void => {
      requireOpen();
      if (signal?.aborted) throw indexingCancelled();
    };
    const reports: IndexReport[] = [];
    for (const [
      name,
      { root, include, ignore = [], maxFileBytes = MAX_FILE_BYTES },
    ] of documentSources(source)) {
      check();
      reports.push(
        await indexDocuments(database, {
          source: name,
          root,
          include,
          ignore,
          maxFileBytes,
          onProgress,
          check,
          now: settings.now,
        }),
      );
    }
    const sum = (
      key: 'added' | 'changed' | 'removed' | 'unchanged' | 'files' | 'chunks' | 'durationMs',
    ): number => reports.reduce((total, report) => total + report[key], 0);
    return {
      added: sum('added'),
      changed: sum('changed'),
      removed: sum('removed'),
      unchanged: sum('unchanged'),
      skipped: reports.flatMap((report) => report.skipped),
      notes: reports.flatMap((report) => report.notes),
      files: sum('files'),
      chunks: sum('chunks'),
      durationMs: sum('durationMs'),
    };
  };

  return {
    compile: (request) => run(() => compileContext(database, settings, request)),
    explain: (request) => run(() => explainContext(database, settings, request)),
    record: (actorId, entries) =>
      run(() => recordEntries(database, actorId, entries, settings.now())),
    index: async (indexOptions = {}) => {
      requireOpen();
      const next = indexing.then(async () => {
        try {
          return await indexAll(indexOptions);
        } catch (error) {
          throw translateSqliteError(error, path);
        }
      });
      indexing = next.catch(() => undefined);
      return next;
    },
    search: (query, { source, limit = 8, where = {} } = {}) =>
      run(() => {
        if (typeof query !== 'string') throw optionInvalid('query', 'a text', query);
        requireCount('limit', limit, 0);
        const filter = documentFilter({ ...where }, 'where');
        return documentSources(source)
          .flatMap(([name]) =>
            searchDocuments(database, {
              source: name,
              question: query,
              limit,
              where: filter,
              recency: 0,
            }).map(({ path, line, endLine, heading, text, score, snippet }): Hit => ({
              source: name,
              file: path,
              line,
              endLine,
              heading,
              text,
              score,
              snippet,
            })),
          )
          .sort((a, b) => b.score - a.score)
          .slice(0, limit);
      }),
    documents: ({ source, prefix = '', limit = 1_000 } = {}) =>
      run(() => {
        requireCount('limit', limit, 0);
        const list = database.prepare(
          `SELECT source, path AS file, title, modified, size FROM file
           WHERE source = ? AND substr(path, 1, length(?)) = ? ORDER BY path LIMIT ?`,
        );
        return documentSources(source)
          .flatMap(([name]) => list.all(name, prefix, prefix, limit))
          .slice(0, limit)
          .map((row) => ({ ...row }) as unknown as DocumentInfo);
      }),
    close: async () => {
      if (closing.signal.aborted) return indexing.then(() => undefined);
      closing.abort();
      await indexing;
      database.close();
    },
  };
};
