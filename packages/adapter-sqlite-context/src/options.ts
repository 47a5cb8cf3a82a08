/** The options of `makeSqliteContext`, and what they mean once checked. */
import { PantheonError } from '@promethean/pantheon-core';
import type { Message } from '@promethean/pantheon-core';

/** A folder of Markdown and text files (.md, .mdx, .markdown, .txt, .rst, .adoc). */
export interface DocumentsSource {
  readonly kind: 'documents';
  /** The folder. Nothing outside of it is read; links are not followed. */
  readonly root: string;
  /** Only files that match one of these patterns, written as in a `.gitignore`. Default: all. */
  readonly include?: readonly string[] | undefined;
  /**
   * Patterns of files and folders to leave out, besides `.gitignore` and `.ignore` files, dependencies, build output and version
   * control. `!pattern` takes a default back. Default: none.
   */
  readonly ignore?: readonly string[] | undefined;
  /** Larger files are skipped, and reported. Default 5 MiB. */
  readonly maxFileBytes?: number | undefined;
}

/** What actors and users said: the recorded entries, without tool results. */
interface ConversationSource {
  readonly kind: 'conversation';
}

/** What tools returned: the recorded entries with the role `tool`. */
interface ToolResultsSource {
  readonly kind: 'tool-results';
}

/** One source. */
export type SourceSpec = DocumentsSource | ConversationSource | ToolResultsSource;

/** Settings of `makeSqliteContext`. */
export interface SqliteContextOptions {
  /** The sources by the id that `ContextSource.id` names. */
  readonly sources: Readonly<Record<string, SourceSpec>>;
  /** The database file. Several processes may use one. Default `:memory:`. */
  readonly path?: string | undefined;
  /** For a request without `recentLimit`: recorded entries per source. Default 20. */
  readonly recentLimit?: number | undefined;
  /** For a request without `queryLimit`: matching passages or entries per source. Default 6. */
  readonly queryLimit?: number | undefined;
  /** Tokens of a message, for `maxTokens`. Default: characters / 4, rounded up. */
  readonly estimateTokens?: ((message: Message) => number) | undefined;
  /** Milliseconds since the epoch: when entries were recorded, and files indexed. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** Options with their defaults. */
export interface Settings {
  readonly sources: ReadonlyMap<string, SourceSpec>;
  readonly path: string;
  readonly recentLimit: number;
  readonly queryLimit: number;
  readonly estimateTokens: (message: Message) => number;
  readonly now: () => number;
}

/** The default of `maxFileBytes`. */
export const MAX_FILE_BYTES: number = 5 * 1024 * 1024;

const KINDS: readonly string[] = ['documents', 'conversation', 'tool-results'];

/** A `PantheonError` for an option that is wrong. */
export const optionInvalid = (path: string, wanted: string, value: unknown): PantheonError =>
  new PantheonError('option-invalid', `${path}: must be ${wanted}, got ${String(value)}.`, {
    details: { path },
  });

/** Throws `option-invalid` unless the value is absent or an integer from `minimum`. */
export const requireCount = (path: string, value: unknown, minimum: number): void => {
  if (value === undefined) return;
  if (!Number.isSafeInteger(value) || (value as number) < minimum) {
    throw optionInvalid(path, `an integer from ${minimum}`, value);
  }
};

const requirePatterns = (path: string, value: unknown): void => {
  if (value === undefined) return;
  if (!Array.isArray(value) || !value.every((pattern) => typeof pattern === 'string')) {
    throw optionInvalid(path, 'an array of patterns', value);
  }
};

/** Checks the options and fills in the defaults. */
export const readOptions = (options: SqliteContextOptions): Settings => {
  const {
    sources,
    path = ':memory:',
    recentLimit = 20,
    queryLimit = 6,
    estimateTokens = ({ content }) => Math.ceil(content.length / 4),
    now = Date.now,
  } = options;
  if (typeof sources !== 'object' || sources === null) {
    throw optionInvalid('sources', 'an object with a source for each id', sources);
  }
  for (const [id, source] of Object.entries(sources)) {
    if (!KINDS.includes(source?.kind)) {
      throw optionInvalid(`sources.${id}.kind`, `one of ${KINDS.join(', ')}`, source?.kind);
    }
    if (source.kind !== 'documents') continue;
    if (typeof source.root !== 'string' || source.root === '') {
      throw optionInvalid(`sources.${id}.root`, 'the path of a folder', source.root);
    }
    requirePatterns(`sources.${id}.include`, source.include);
    requirePatterns(`sources.${id}.ignore`, source.ignore);
    requireCount(`sources.${id}.maxFileBytes`, source.maxFileBytes, 1);
  }
  if (typeof path !== 'string' || path === '') {
    throw optionInvalid('path', 'the path of a file or ":memory:"', path);
  }
  requireCount('recentLimit', recentLimit, 0);
  requireCount('queryLimit', queryLimit, 0);
  return {
    sources: new Map(Object.entries(sources)),
    path,
    recentLimit,
    queryLimit,
    estimateTokens,
    now,
  };
};
