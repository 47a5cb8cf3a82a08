// Control characters, line and paragraph separators, and what changes the direction of writing: each can make a terminal or a
// viewer show something else than was written. Line feed and tab are left to the writer of the record.
const UNSAFE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A character as six plain ones, as JSON and JavaScript write it. */
const escaped = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A text that shows what would otherwise act; line feeds and tabs stay. */
export const withoutControls = (text: string): string => text.replaceAll(UNSAFE, escaped);

/** A text on one line: line breaks with the white space around them become one visible character. */
export const onOneLine = (text: string): string =>
  withoutControls(
    text
      .split(/\r?\n/)
      .map((line) => line.trim())
      .join(' ⏎ ')
      .replaceAll('\t', ' '),
  );

const encoder = new TextEncoder();

/**
 * At most `maxBytes` bytes of UTF-8, never half a character. What was cut says so, within the limit where that leaves room, and tells
 * how many characters there were before this and earlier cuts.
 */
export const cutText = (
  text: string,
  maxBytes: number,
  originalLength: number = text.length,
): string => {
  const isWhole = originalLength === text.length;
  if (isWhole && (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes)) return text;
  const note = `… [cut, ${originalLength} characters]`;
  const room = Math.max(0, maxBytes - Buffer.byteLength(note));
  const { read } = encoder.encodeInto(text, new Uint8Array(room));
  return text.slice(0, read) + note;
};
