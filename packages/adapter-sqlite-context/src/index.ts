export { makeSqliteContext } from './sqlite-context.ts';
export type {
  DocumentInfo,
  DocumentsOptions,
  Hit,
  IndexOptions,
  SearchOptions,
  SqliteContext,
} from './sqlite-context.ts';
export type { IndexProgress, IndexReport } from './index-documents.ts';
export type { SqliteContextOptions, SourceSpec } from './options.ts';
export type { DocumentFilter } from './search-documents.ts';
export type { FileNote } from './walk-documents.ts';
