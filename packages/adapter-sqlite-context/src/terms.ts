/** How text becomes search terms. Index and question go through the same functions, so that they always agree. */
import { stemmer } from 'stemmer';

/** The longest term in characters; longer ones (hashes, base64) are not worth a place in an index. */
const MAX_TERM_LENGTH = 40;

// A word with its inner punctuation: `server.keepAliveTimeout`, `--dry-run`, `MAX_SIZE`, `don't`, `1.5.2`.
const WORD = /[\p{L}\p{N}\p{M}_]+(?:[.\-'’][\p{L}\p{N}\p{M}_]+)*/gu;
const SEPARATOR = /[^\p{L}\p{N}\p{M}]+/u;
const CAMEL = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;
// Scripts that put no space between words, and Hangul, whose particles stick to the word: indexed as pairs of characters.
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const PLAIN = /^[a-z0-9]+$/;
const LATIN_WITH_MARK = /(\p{Script=Latin})\p{M}+/gu;

const stems = new Map<string, string>();

/** The stem of a lower-case word. English words lose their endings; words of other scripts stay. */
const stem = (word: string): string => {
  if (word.length < 3 || !PLAIN.test(word)) return word;
  let found = stems.get(word);
  if (found === undefined) {
    found = stemmer(word);
    // Bounded, so that a corpus of random identifiers cannot fill the memory.
    if (stems.size > 50_000) stems.clear();
    stems.set(word, found);
  }
  return found;
};

const fold = (word: string): string => {
  const lower = word.toLowerCase();
  return PLAIN.test(lower)
    ? lower
    : lower.normalize('NFKD').replace(LATIN_WITH_MARK, '$1').normalize('NFC');
};

const pairs = (word: string, out: string[]): void => {
  const characters = [...word];
  if (characters.length === 1) out.push(word);
  for (let at = 0; at + 1 < characters.length; at += 1) {
    out.push(`${characters[at]}${characters[at + 1]}`);
  }
};

/** One word of a text: its parts as stems, and the whole as one term where it has several parts. */
export interface Word {
  readonly parts: readonly string[];
  readonly whole: string | undefined;
  /** The word as it was written. */
  readonly raw: string;
}

const analyse = (raw: string): Word => {
  const word = raw.replace(/['’](?:s|t|re|ve|ll|d|m)$/iu, (ending) =>
    ending.toLowerCase().endsWith('t') ? 't' : '',
  );
  const lower = word.toLowerCase();
  if (PLAIN.test(word) || (PLAIN.test(lower) && !CAMEL.test(word))) {
    return { parts: lower.length > MAX_TERM_LENGTH ? [] : [stem(lower)], whole: undefined, raw };
  }
  const parts: string[] = [];
  let whole = '';
  let pieces = 0;
  for (const segment of word.split(SEPARATOR)) {
    if (segment === '') continue;
    if (UNSPACED.test(segment)) {
      pairs(fold(segment), parts);
      continue;
    }
    // Versions keep their dots apart (1.15 is not 11.5), with a mark that the tokenizer takes for a letter.
    if (/\d$/.test(whole) && /^\d/.test(segment)) whole += '·';
    for (const piece of segment.split(CAMEL)) {
      const folded = fold(piece);
      whole += folded;
      pieces += 1;
      if (folded.length <= MAX_TERM_LENGTH) parts.push(stem(folded));
    }
  }
  return { parts, whole: pieces > 1 && whole.length <= MAX_TERM_LENGTH ? whole : undefined, raw };
};

const known = new Map<string, Word>();

/** The words of a text, in order. */
export const wordsOf = (text: string): Word[] => {
  const words: Word[] = [];
  for (const [raw] of text.matchAll(WORD)) {
    let word = known.get(raw);
    if (word === undefined) {
      word = analyse(raw);
      if (known.size > 50_000) known.clear();
      known.set(raw, word);
    }
    words.push(word);
  }
  return words;
};

/** The terms of a text, in order: the parts of every word, then its whole. */
export const termsOf = (text: string): string[] => {
  const terms: string[] = [];
  for (const { parts, whole } of wordsOf(text)) {
    for (const part of parts) terms.push(part);
    if (whole !== undefined) terms.push(whole);
  }
  return terms;
};
