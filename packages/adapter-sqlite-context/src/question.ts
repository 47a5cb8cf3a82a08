/** Takes a question apart into what it asks for. */
import { EVERYDAY_WORDS, STOP_WORDS } from './stop-words.ts';
import { phraseSynonymsOf, synonymsOf } from './synonyms.ts';
import { wordsOf, type Word } from './terms.ts';

/** The longest part of a question that is read; of a longer one, its beginning and its end. */
const MAX_QUESTION_LENGTH = 2_000;
/** The most concepts of a question; the rarest are kept. */
const MAX_CONCEPTS = 32;
const SYNONYM_WEIGHT = 0.2;
const COMPLETION_WEIGHT = 0.5;
const PART_WEIGHT = 0.4;
const EVERYDAY_WEIGHT = 0.4;

/** Words that ask for an amount do not name it. */
const HOW_MUCH = /\bhow\s+(?:many|much|often|big|large|small|fast|far|old)\b/gi;

/** One thing that a question is about, and the terms that stand for it. */
export interface Concept {
  /** How telling it is: rare terms are, frequent ones are not. */
  readonly weight: number;
  /** Terms with the share that a match of theirs counts. The first is the question's own. */
  readonly variants: ReadonlyMap<string, number>;
}

/** What the index knows about terms. */
export interface Vocabulary {
  /** The number of files in the index. */
  readonly files: number;
  /** In how many files a term is. */
  readonly filesWith: (term: string) => number;
  /** Terms that begin so, the most frequent first. */
  readonly completions: (prefix: string, limit: number) => readonly string[];
}

const idf = (files: number, withTerm: number): number =>
  Math.log(1 + (files - withTerm + 0.5) / (withTerm + 0.5));

const distanceIsOne = (a: string, b: string): boolean => {
  if (Math.abs(a.length - b.length) > 1 || a === b) return false;
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  const rest = (word: string, from: number): string => word.slice(from);
  return (
    rest(a, at + 1) === rest(b, at + 1) ||
    rest(a, at) === rest(b, at + 1) ||
    rest(a, at + 1) === rest(b, at) ||
    (a[at] === b[at + 1] && a[at + 1] === b[at] && rest(a, at + 2) === rest(b, at + 2))
  );
};

const looksLikeCode = (raw: string): boolean => /[_\d]|[a-z][A-Z]|^[A-Z]{2,}$|\w[.-]\w/.test(raw);

/** The terms that stand in for one that no file has: longer words, a slip of the keyboard, two words written as one, a shorter word. */
const replacements = (term: string, vocabulary: Vocabulary): readonly string[] => {
  if (term.length < 4) return [];
  const longer = vocabulary.completions(term, 6);
  if (longer.length > 0) return longer;
  const near = vocabulary
    .completions(term.slice(0, 2), 3_000)
    .filter((known) => distanceIsOne(term, known))
    .slice(0, 3);
  if (near.length > 0) return near;
  for (let at = 3; at <= term.length - 3; at += 1) {
    const left = term.slice(0, at);
    // The stem of "timezone" has lost the "e" of "zone".
    const right = [term.slice(at), `${term.slice(at)}e`].find(
      (end) => vocabulary.filesWith(end) > 0,
    );
    if (right !== undefined && vocabulary.filesWith(left) > 0) return [left, right];
  }
  for (let length = term.length - 1; length >= Math.max(4, term.length / 2); length -= 1) {
    const shorter = term.slice(0, length);
    if (vocabulary.filesWith(shorter) > 0) return [shorter];
  }
  return [];
};

/** The concepts of a question, in its order; none for a question without words. */
export const conceptsOf = (question: string, vocabulary: Vocabulary): readonly Concept[] => {
  const half = MAX_QUESTION_LENGTH / 2;
  const text =
    question.length > MAX_QUESTION_LENGTH
      ? `${question.slice(0, half)} ${question.slice(-half)}`
      : question;
  const words = wordsOf(text.replace(HOW_MUCH, 'how'));
  const isStop = (word: Word): boolean =>
    STOP_WORDS.has(word.raw.toLowerCase().replace(/['’]/g, '')) && !/^[A-Z]{2,}$/.test(word.raw);
  let telling = words.filter((word) => !isStop(word) || looksLikeCode(word.raw));
  if (telling.length === 0) telling = words;

  interface Draft {
    readonly variants: Map<string, number>;
    readonly share: number;
  }
  const drafts = new Map<string, Draft>();
  const draft = (term: string, share: number): void => {
    const before = drafts.get(term);
    if (before === undefined || before.share < share) {
      drafts.set(term, { variants: before?.variants ?? new Map([[term, 1]]), share });
    }
  };
  const vary = (term: string, variants: readonly string[], weight: number): void => {
    const known = drafts.get(term)?.variants;
    for (const variant of variants) {
      if (known && !known.has(variant)) known.set(variant, weight);
    }
  };

  for (const word of telling) {
    if (word.whole === undefined) {
      const share = EVERYDAY_WORDS.has(word.raw.toLowerCase()) ? EVERYDAY_WEIGHT : 1;
      for (const part of word.parts) draft(part, share);
    } else {
      const isKnown = vocabulary.filesWith(word.whole) > 0;
      if (isKnown) draft(word.whole, 1);
      for (const part of word.parts) {
        if (part.length > 1 && !STOP_WORDS.has(part)) draft(part, isKnown ? PART_WEIGHT : 1);
      }
    }
  }
  telling.forEach((word, at) => {
    const own = word.parts[0];
    const next = telling[at + 1]?.parts[0];
    if (word.whole !== undefined || own === undefined || next === undefined) return;
    // "time out" also asks for "timeout".
    const joined = `${word.raw}${telling[at + 1]!.raw}`.toLowerCase();
    const whole = wordsOf(joined)[0]?.parts[0] ?? joined;
    if (vocabulary.filesWith(whole) > 0) {
      vary(own, [whole], 0.8);
      vary(next, [whole], 0.8);
    }
  });
  // Phrases are looked up among all words, since "off" and "up" tell something only in company.
  const flat = words.map((word) => word.parts[0] ?? '');
  flat.forEach((first, at) => {
    for (const length of [2, 3]) {
      const synonyms = phraseSynonymsOf(flat.slice(at, at + length));
      const carrier = flat.slice(at, at + length).find((term) => drafts.has(term));
      if (synonyms.length === 0) continue;
      if (carrier !== undefined) {
        vary(carrier, synonyms, 0.6);
      } else {
        const head = synonyms.find((term) => vocabulary.filesWith(term) > 0);
        if (head === undefined) continue;
        draft(head, 0.4);
        vary(head, synonyms, SYNONYM_WEIGHT);
      }
    }
    if (drafts.has(first)) vary(first, synonymsOf(first), SYNONYM_WEIGHT);
  });

  const concepts: Concept[] = [];
  for (const [term, { variants, share }] of drafts) {
    const withTerm = vocabulary.filesWith(term);
    if (withTerm === 0) vary(term, replacements(term, vocabulary), COMPLETION_WEIGHT);
    const best =
      withTerm > 0 ? withTerm : Math.max(0, ...[...variants.keys()].map(vocabulary.filesWith));
    // What no file has cannot be found; it only keeps an answer from looking complete.
    const weight = best === 0 ? 1 : idf(vocabulary.files, best);
    concepts.push({ weight: weight * share, variants });
  }
  if (concepts.length <= MAX_CONCEPTS) return concepts;
  const kept = new Set([...concepts].sort((a, b) => b.weight - a.weight).slice(0, MAX_CONCEPTS));
  return concepts.filter((concept) => kept.has(concept));
};

/**
 * A full-text query for passages with any of the concepts. Every term is quoted, so nothing in a question is an operator; quotes
 * cannot occur in a term.
 */
export const matchExpression = (concepts: readonly Concept[]): string => {
  const terms = new Set<string>();
  for (const concept of concepts) {
    for (const term of concept.variants.keys()) terms.add(term);
  }
  return [...terms].map((term) => `"${term}"`).join(' OR ');
};
