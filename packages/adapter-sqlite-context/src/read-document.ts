/** Reads one file as text, or says why not. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { errorMessage } from '@promethean/pantheon-core';

/** What the file system says of a file. */
export interface FileStamp {
  readonly modified: number;
  readonly size: number;
}

/** A file's text, or the reason why there is none. */
export type ReadResult =
  | { readonly kind: 'same'; readonly stamp: FileStamp }
  | {
      readonly kind: 'text';
      readonly stamp: FileStamp;
      readonly text: string;
      readonly hash: string;
      /** Empty, or what is doubtful about the text. */
      readonly note: string;
    }
  | { readonly kind: 'skipped'; readonly reason: string };

const decode = (bytes: Buffer): { readonly text: string; readonly note: string } => {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) {
    return { text: new TextDecoder('utf-16le').decode(bytes), note: '' };
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), note: '' };
  } catch {
    return {
      text: new TextDecoder('utf-8').decode(bytes),
      note: 'is not valid UTF-8; the broken characters were replaced',
    };
  }
};

/** Reads a file; `isSame` decides by its stamp whether that is needed. Never rejects. */
export const readDocument = async (
  absolute: string,
  maxBytes: number,
  isSame: (stamp: FileStamp) => boolean,
): Promise<ReadResult> => {
  try {
    // A file that became a link since the walk is refused rather than followed. Windows has no such flag.
    const file = await open(absolute, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    try {
      const status = await file.stat();
      const stamp = { modified: status.mtimeMs, size: status.size };
      if (!status.isFile()) return { kind: 'skipped', reason: 'is not a regular file' };
      if (status.size > maxBytes) {
        return {
          kind: 'skipped',
          reason: `has ${status.size} bytes, more than maxFileBytes (${maxBytes})`,
        };
      }
      if (isSame(stamp)) return { kind: 'same', stamp };
      const bytes = await file.readFile();
      const { text, note } = decode(bytes);
      if (text.includes('\0')) return { kind: 'skipped', reason: 'is binary: it has NUL bytes' };
      const hash = createHash('sha256').update(bytes).digest('hex');
      return { kind: 'text', stamp, text, hash, note };
    } finally {
      await file.close();
    }
  } catch (error) {
    return { kind: 'skipped', reason: `cannot be read: ${errorMessage(error)}` };
  }
};
