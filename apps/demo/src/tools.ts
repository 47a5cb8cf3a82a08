/** The tools of the desk: typed functions, checked on the way in. All of them only read. */
import { readFile, stat } from 'node:fs/promises';
import { defineTool } from '@promethean/adapter-function-tools';
import type { FunctionTool } from '@promethean/adapter-function-tools';
import type { SqliteContext } from '@promethean/adapter-sqlite-context';
import { z } from 'zod';
import { calculate } from './calculate.ts';
import { insideFolder } from './folder.ts';

/** Characters of a document that one call returns. */
const MAX_READ = 12_000;
/** Larger files are not read at all. */
const MAX_FILE_BYTES = 5 * 1024 * 1024;
const HOUR_MS = 3_600_000;

export interface DeskTools {
  /** A real path. */
  readonly root: string;
  readonly context: SqliteContext;
  readonly onProgress: (done: number, total: number) => void;
}

export const makeDeskTools = ({
  root,
  context,
  onProgress,
}: DeskTools): readonly FunctionTool[] => [
  defineTool({
    name: 'search_documents',
    description:
      'Searches the documents for passages about a question. Returns passages with file, line and heading.',
    input: z.object({
      query: z.string().min(1),
      limit: z.number().int().min(1).max(20).default(8),
    }),
    sideEffect: 'none',
    idempotent: true,
    run: async ({ query, limit }) => {
      const hits = await context.search(query, { source: 'documents', limit });
      return hits.map(({ file, line, endLine, heading, text }) => ({
        file,
        line,
        endLine,
        heading,
        text,
      }));
    },
  }),
  defineTool({
    name: 'read_document',
    description: 'Reads one document, from a line on. Returns its text.',
    input: z.object({ path: z.string().min(1), line: z.number().int().min(1).default(1) }),
    sideEffect: 'none',
    idempotent: true,
    run: async ({ path, line }) => {
      const real = await insideFolder(root, path);
      const { size } = await stat(real);
      if (size > MAX_FILE_BYTES) throw new Error(`${path} has ${size} bytes, too many to read`);
      const bytes = await readFile(real);
      if (bytes.includes(0)) throw new Error(`${path} is a binary file`);
      const lines = bytes
        .toString('utf8')
        .split('\n')
        .slice(line - 1);
      return { file: path, line, heading: '', text: lines.join('\n').slice(0, MAX_READ) };
    },
  }),
  defineTool({
    name: 'list_documents',
    description: 'Lists the documents, all or those below a folder.',
    input: z.object({
      folder: z.string().default(''),
      limit: z.number().int().min(1).max(500).default(100),
    }),
    sideEffect: 'none',
    idempotent: true,
    run: async ({ folder, limit }) => {
      const documents = await context.documents({ source: 'documents', prefix: folder, limit });
      return documents.map(({ file, title }) => ({ file, title }));
    },
  }),
  defineTool({
    name: 'calculate',
    description: 'Calculates an arithmetic expression such as 12 * (3 + 4).',
    input: z.object({ expression: z.string().min(1) }),
    sideEffect: 'none',
    idempotent: true,
    run: ({ expression }) => ({ expression, value: calculate(expression) }),
  }),
  defineTool({
    name: 'refresh_index',
    description: 'Brings the index up to date with the files. For the librarian.',
    input: z.object({}),
    sideEffect: 'write',
    idempotent: true,
    timeoutMs: HOUR_MS,
    run: async (_, { signal }) => {
      const report = await context.index({
        source: 'documents',
        onProgress: ({ done, total }) => onProgress(done, total),
        signal,
      });
      // One folder can hold thousands of files that are skipped: the first ones show what is wrong.
      const { added, changed, removed, files, chunks, durationMs, skipped } = report;
      return {
        added,
        changed,
        removed,
        files,
        chunks,
        durationMs,
        skipped: skipped.slice(0, 20),
        skippedCount: skipped.length,
      };
    },
  }),
];
