import { existsSync, readFileSync } from 'node:fs';
import type { ErrorCode, JsonValue, Message } from '@promethean/pantheon-core';
import { errorMessage, PantheonError } from '@promethean/pantheon-core';
import type { CassetteRequest } from './cassette-request.ts';
import { writeFileAtomically } from './write-file-atomically.ts';

/** An error as it is recorded. */
export interface RecordedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly details?: Readonly<Record<string, JsonValue>>;
  /** The message of its cause. */
  readonly cause?: string;
}

/** What a model answered once. */
export interface Recording {
  readonly request: CassetteRequest;
  /** The texts of a stream, in their order. */
  readonly texts?: readonly string[];
  /** Neither this nor `error`: the reader left the stream. */
  readonly message?: Message;
  readonly error?: RecordedError;
}

const FORMAT = 'pantheon-llm-cassette';
const VERSION = 1;

const unreadable = (path: string, problem: string, cause?: unknown): PantheonError =>
  new PantheonError('file-unreadable', `The cassette ${path} ${problem}`, { cause });

/** Reads a cassette; undefined where there is no file. Throws `file-unreadable` for a file that is no cassette of this version. */
export const readCassette = (path: string): readonly Recording[] | undefined => {
  if (!existsSync(path)) return undefined;
  let file: {
    readonly format?: unknown;
    readonly version?: unknown;
    readonly recordings?: unknown;
  };
  try {
    file = JSON.parse(readFileSync(path, 'utf8')) as typeof file;
  } catch (error) {
    throw unreadable(path, `cannot be read: ${errorMessage(error)}`, error);
  }
  if (file?.format !== FORMAT || !Array.isArray(file.recordings))
    throw unreadable(path, `is no cassette: "format" must be "${FORMAT}".`);
  if (file.version !== VERSION)
    throw unreadable(
      path,
      `has the version ${JSON.stringify(file.version)}, and this testkit reads ${VERSION}; record it again.`,
    );
  return file.recordings as readonly Recording[];
};

/** Writes a cassette as a whole. The same recordings give the same bytes. */
export const writeCassette = (path: string, recordings: readonly Recording[]): Promise<void> =>
  writeFileAtomically(
    path,
    `${JSON.stringify({ format: FORMAT, version: VERSION, recordings }, undefined, 2)}\n`,
  );
