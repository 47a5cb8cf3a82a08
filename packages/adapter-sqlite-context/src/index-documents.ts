/** Brings the index of one source up to date with its folder. */
import type { DatabaseSync } from 'node:sqlite';
import { PantheonError } from '@promethean/pantheon-core';
import { prepareWrite, transaction } from './database.ts';
import { guessLanguage } from './language.ts';
import { readDocument, type FileStamp, type ReadResult } from './read-document.ts';
import { splitDocument, type SplitDocument } from './split-document.ts';
import { termsOf } from './terms.ts';
import { walkDocuments, type FileNote, type WalkOptions } from './walk-documents.ts';

/** What an indexing run did. */
export interface IndexReport {
  /** Numbers of files. */
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly unchanged: number;
  /** The files that are not in the index, and why. */
  readonly skipped: readonly FileNote[];
  /** The files that are in the index, with a reservation. */
  readonly notes: readonly FileNote[];
  /** Files and passages in the index after the run. */
  readonly files: number;
  readonly chunks: number;
  readonly durationMs: number;
}

/** How far an indexing run is. */
export interface IndexProgress {
  readonly done: number;
  readonly total: number;
  readonly file: string;
}

/** One run. */
export interface IndexRun extends WalkOptions {
  readonly source: string;
  readonly maxFileBytes: number;
  readonly onProgress: ((progress: IndexProgress) => void) | undefined;
  /** Called between files; throws to end the run. What was written stays. */
  readonly check: () => void;
  readonly now: () => number;
}

/** Files that are read ahead of the one being indexed. */
const READ_AHEAD = 16;
/** Characters of text that one transaction takes, and so how long another process may have to wait. */
const BATCH_LENGTH = 200_000;
/** The event loop gets a turn after this much work. */
const SLICE_MS = 25;
/** A file that changed less than this before it was indexed may have changed again within the clock's grain: its hash decides. */
const FRESH_MS = 2_000;

interface KnownFile extends FileStamp {
  readonly id: number;
  readonly hash: string;
  readonly indexed: number;
  readonly note: string;
}

interface ParsedFile {
  readonly path: string;
  readonly read: Extract<ReadResult, { kind: 'text' }>;
  readonly language: string;
  readonly document: SplitDocument;
  readonly bodies: readonly string[];
  readonly pathTerms: string;
}

const parse = (path: string, read: ParsedFile['read']): ParsedFile => {
  const document = splitDocument(read.text, path);
  return {
    path,
    read,
    document,
    language: guessLanguage(read.text),
    bodies: document.passages.map((passage) => termsOf(passage.text).join(' ')),
    pathTerms: termsOf(path.replace(/\.[a-z]+$/i, '')).join(' '),
  };
};

const makeWriter = (
  database: DatabaseSync,
  source: string,
  now: () => number,
): {
  readonly known: () => Map<string, KnownFile>;
  readonly put: (file: ParsedFile) => 'added' | 'changed' | 'unchanged';
  readonly touch: (file: KnownFile, stamp: FileStamp) => void;
  readonly remove: (id: number) => void;
  readonly count: () => { files: number; chunks: number };
} => {
  const find = database.prepare(
    'SELECT id, path, modified, size, hash, indexed, note FROM file WHERE source = ? AND path = ?',
  );
  const all = database.prepare(
    'SELECT id, path, modified, size, hash, indexed, note FROM file WHERE source = ?',
  );
  const insertFile = prepareWrite(
    database,
    `INSERT INTO file (source, path, title, language, modified, size, hash, indexed, note)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertFileTerms = prepareWrite(
    database,
    'INSERT INTO fileTerms (rowid, path, title, headings, body) VALUES (?, ?, ?, ?, ?)',
  );
  const insertPassage = prepareWrite(
    database,
    'INSERT INTO passage (file, line, endLine, heading, text) VALUES (?, ?, ?, ?, ?)',
  );
  const insertPassageTerms = prepareWrite(
    database,
    'INSERT INTO passageTerms (rowid, path, heading, body) VALUES (?, ?, ?, ?)',
  );
  const deletions = [
    'DELETE FROM passageTerms WHERE rowid IN (SELECT id FROM passage WHERE file = ?)',
    'DELETE FROM passage WHERE file = ?',
    'DELETE FROM fileTerms WHERE rowid = ?',
    'DELETE FROM file WHERE id = ?',
  ].map((sql) => prepareWrite(database, sql));
  const update = prepareWrite(
    database,
    'UPDATE file SET modified = ?, size = ?, indexed = ? WHERE id = ?',
  );
  const remove = (id: number): void => {
    for (const deletion of deletions) deletion.run(id);
  };
  return {
    known: () =>
      new Map(all.all(source).map((row) => [row['path'] as string, row as unknown as KnownFile])),
    put: ({ path, read, language, document, bodies, pathTerms }) => {
      // Read again inside the transaction: another process may have indexed the file since.
      const before = find.get(source, path) as unknown as KnownFile | undefined;
      if (before?.hash === read.hash) return 'unchanged';
      if (before !== undefined) remove(before.id);
      const { modified, size } = read.stamp;
      const id = insertFile.run(
        source,
        path,
        document.title,
        language,
        modified,
        size,
        read.hash,
        now(),
        read.note,
      ).lastInsertRowid;
      const headings = new Set<string>();
      document.passages.forEach((passage, at) => {
        const rowid = insertPassage.run(
          id,
          passage.line,
          passage.endLine,
          passage.heading,
          passage.text,
        ).lastInsertRowid;
        insertPassageTerms.run(rowid, pathTerms, termsOf(passage.heading).join(' '), bodies[at]!);
        headings.add(passage.heading.split(' > ').at(-1)!);
      });
      insertFileTerms.run(
        id,
        pathTerms,
        termsOf(document.title).join(' '),
        termsOf([...headings].join('\n')).join(' '),
        bodies.join(' '),
      );
      return before === undefined ? 'added' : 'changed';
    },
    touch: (file, stamp) => {
      update.run(stamp.modified, stamp.size, now(), file.id);
    },
    remove,
    count: () => ({
      files: Number(
        database.prepare('SELECT count(*) AS n FROM file WHERE source = ?').get(source)!['n'],
      ),
      chunks: Number(
        database
          .prepare(
            'SELECT count(*) AS n FROM passage JOIN file ON file.id = passage.file WHERE source = ?',
          )
          .get(source)!['n'],
      ),
    }),
  };
};

const turn = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Indexes what is new or changed, forgets what is gone. One bad file never stops the rest. */
export const indexDocuments = async (
  database: DatabaseSync,
  run: IndexRun,
): Promise<IndexReport> => {
  const startedAt = performance.now();
  let stopped = false;
  const { found, skipped } = await walkDocuments(run, () => {
    try {
      run.check();
    } catch {
      stopped = true;
    }
    return stopped;
  });
  run.check();
  const writer = makeWriter(database, run.source, run.now);
  const gone = writer.known();
  const counts = { added: 0, changed: 0, removed: 0, unchanged: 0 };
  const notes: FileNote[] = [];

  const read = async (at: number): Promise<ReadResult> => {
    const document = found[at]!;
    const before = gone.get(document.path);
    return readDocument(document.absolute, run.maxFileBytes, (stamp) =>
      before === undefined
        ? false
        : before.modified === stamp.modified &&
          before.size === stamp.size &&
          before.modified + FRESH_MS < before.indexed,
    );
  };
  const reading: (Promise<ReadResult> | undefined)[] = [];
  let batch: (() => void)[] = [];
  let batchLength = 0;
  const flush = (): void => {
    if (batch.length > 0) {
      const work = batch;
      transaction(database, () => {
        for (const write of work) write();
      });
    }
    batch = [];
    batchLength = 0;
  };

  let sliceStart = performance.now();
  for (let at = 0; at < found.length; at += 1) {
    while (reading.length < Math.min(found.length, at + READ_AHEAD)) {
      reading.push(read(reading.length));
    }
    const { path } = found[at]!;
    const before = gone.get(path);
    const result = await reading[at]!;
    // Only the files that are read ahead are held.
    reading[at] = undefined;
    if (result.kind === 'skipped') {
      skipped.push({ file: path, reason: result.reason });
    } else {
      gone.delete(path);
      const note = result.kind === 'text' ? result.note : (before?.note ?? '');
      if (note !== '') notes.push({ file: path, reason: note });
      if (result.kind === 'same') {
        counts.unchanged += 1;
      } else if (before?.hash === result.hash) {
        counts.unchanged += 1;
        batch.push(() => writer.touch(before, result.stamp));
      } else {
        const parsed = parse(path, result);
        batch.push(() => {
          counts[writer.put(parsed)] += 1;
        });
        batchLength += result.text.length;
      }
    }
    run.onProgress?.({ done: at + 1, total: found.length, file: path });
    if (batchLength >= BATCH_LENGTH) flush();
    if (performance.now() - sliceStart >= SLICE_MS) {
      await turn();
      run.check();
      sliceStart = performance.now();
    }
  }
  for (const file of gone.values()) {
    batch.push(() => {
      writer.remove(file.id);
      counts.removed += 1;
    });
  }
  flush();
  return {
    ...counts,
    skipped,
    notes,
    ...writer.count(),
    durationMs: performance.now() - startedAt,
  };
};

/** The error of a run that its caller ended. */
export const indexingCancelled = (): PantheonError =>
  new PantheonError(
    'tick-cancelled',
    'Indexing was cancelled. What was indexed so far stays; index again for the rest.',
    { retryable: true },
  );
