const encoder = new TextEncoder();

/** The longest beginning of a text that has at most `maxBytes` bytes of UTF-8, never half a character. */
const beginning = (text: string, maxBytes: number): string => {
  const { read } = encoder.encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read);
};

/**
 * A text within `maxBytes` bytes of UTF-8. A longer one is cut, and its last line says so; that line is within the limit as well.
 * Reads no more than the limit, however long the text is.
 */
export const truncateText = (text: string, maxBytes: number): string => {
  if (text.length * 3 <= maxBytes) return text;
  if (text.length <= maxBytes && Buffer.byteLength(text) <= maxBytes) return text;
  const marker = (kept: number): string =>
    `\n[truncated: the first ${kept} of ${text.length} characters]`;
  const kept = beginning(text, maxBytes - Buffer.byteLength(marker(text.length)));
  return kept + marker(kept.length);
};
