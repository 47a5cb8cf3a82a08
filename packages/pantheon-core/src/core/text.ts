/**
 * What an id or a content may look like. Most are short and plain ASCII, so that case is decided by one pass over the
 * characters and nothing else.
 */

const encodedLength = (text: string): number => {
  let bytes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x80) bytes += 1;
    else if (code < 0x800) bytes += 2;
    // A surrogate is half of a character of four bytes.
    else if (code >= 0xd800 && code <= 0xdfff) bytes += 2;
    else bytes += 3;
  }
  return bytes;
};

/** Whether the text has more than `limit` bytes in UTF-8. Counts only where the length leaves it open. */
export const isLongerThan = (text: string, limit: number): boolean =>
  text.length > limit || (text.length * 3 > limit && encodedLength(text) > limit);

const FORBIDDEN_IN_NAMES = /[\p{Cc}\p{Cs}]/u;

/** Whether a text is ASCII without control characters, and short enough to look at every character. */
const isPlain = (text: string): boolean => {
  if (text.length > 256) return false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
};

/** What is wrong with an id or a name, in words that end a sentence; undefined when nothing is. */
export const nameProblem = (name: unknown): string | undefined => {
  if (typeof name !== 'string')
    return `must be a string, not ${name === null ? 'null' : typeof name}`;
  if (name.length === 0) return 'must not be empty';
  if (isPlain(name)) return undefined;
  if (isLongerThan(name, 256)) return 'must not be longer than 256 bytes';
  if (FORBIDDEN_IN_NAMES.test(name))
    return 'must not contain control characters or lone surrogates';
  return undefined;
};

/** What is wrong with a text that a store or a wire shall carry unchanged, in words that end a sentence. */
export const textProblem = (text: string): string | undefined => {
  if (isPlain(text)) return undefined;
  if (text.includes('\0')) return 'must not contain U+0000';
  if (!text.isWellFormed()) return 'must not contain lone surrogates';
  return undefined;
};

/** What is wrong with a content, in words that end a sentence; undefined when nothing is. */
export const contentProblem = (content: unknown): string | undefined =>
  typeof content === 'string'
    ? textProblem(content)
    : `must be a string, not ${content === null ? 'null' : typeof content}`;
