/** How well a passage answers a question. Pure functions: the same input gives the same order. */
import type { Concept } from './question.ts';
import { termsOf } from './terms.ts';

/** A passage as the ranking sees it. */
export interface Candidate {
  readonly passage: number;
  readonly file: number;
  readonly path: string;
  readonly title: string;
  readonly language: string;
  readonly modified: number;
  readonly heading: string;
  readonly text: string;
  readonly line: number;
  readonly endLine: number;
}

/** A candidate and how well it fits. */
export interface Scored extends Candidate {
  readonly score: number;
  /** The share of the question's weight that the passage matches, 0 to 1. */
  readonly coverage: number;
  /** The terms of the passage's text, to compare passages with. */
  readonly terms: ReadonlySet<string>;
}

/** Saturation of repeated terms (k1) and the share of length normalisation (b), as usual for BM25. */
const K1 = 2;
/** What a match counts in each field, how much the field's length counts, and its usual length in terms. */
const FIELDS = {
  body: { weight: 1, b: 0.5, length: 150 },
  heading: { weight: 3, b: 0.3, length: 4 },
  above: { weight: 1.2, b: 0.3, length: 8 },
  path: { weight: 1.5, b: 0.3, length: 6 },
} as const;
const COVERAGE_POWER = 0.2;
const PROXIMITY_WEIGHT = 0.8;
const PROXIMITY_WINDOW = 8;

// Pages about a project's history or law rather than its use: told by the file's name, some only at the top of a project.
const SIDE_PAGE =
  /(?:^|\/)(?:changelogs?|release[-_]notes)\/|(?:^|\/)(?:changelogs?|changes|history|releases?|release[-_]notes|whats[-_]?new|licen[cs]e|copying|notice|third[-_]?party\w*|authors|contributors|code[-_]of[-_]conduct|maintainers|governance|pull_request_template|issue_template)(?:[-_.][\w.]*)?$|^(?:\.github\/)?(?:security|support|news)$/i;
const HISTORY_QUESTION =
  /\b(?:changelog|what(?:'s| is| has| was)? (?:changed|new)|changed (?:in|since)|release notes?|released?|(?:which|what) (?:version|release)|since when|introduced|history|new in|licen[cs]ed?|vulnerabilit\w+|contributors?|authors?|maintainers?|code of conduct)\b|\b\d+\.\d+\b/i;

// What a project keeps for those who have not moved on.
const OLD_PAGE =
  /(?:^|\/)(?:old|legacy|archived?|deprecated|obsolete|outdated|versioned[-_]docs)(?:[-_.][\w.]*)?(?:\/|$)/i;

interface FieldTerms {
  readonly counts: ReadonlyMap<string, number>;
  readonly length: number;
}

const count = (terms: readonly string[]): FieldTerms => {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return { counts, length: terms.length };
};

const frequency = (field: FieldTerms, concept: Concept): number => {
  let sum = 0;
  for (const [term, share] of concept.variants) sum += (field.counts.get(term) ?? 0) * share;
  return sum;
};

/** A bonus for neighbours of the question that stand near each other in the text. */
const proximity = (terms: readonly string[], concepts: readonly Concept[]): number => {
  const positions = concepts.map((concept) => {
    const found: number[] = [];
    terms.forEach((term, at) => {
      if ((concept.variants.get(term) ?? 0) >= 0.5) found.push(at);
    });
    return found;
  });
  let bonus = 0;
  for (let at = 0; at + 1 < concepts.length; at += 1) {
    let nearest = Infinity;
    const next = positions[at + 1]!;
    let from = 0;
    for (const position of positions[at]!) {
      while (from + 1 < next.length && next[from + 1]! <= position) from += 1;
      for (const other of next.slice(from, from + 2)) {
        if (other !== position) nearest = Math.min(nearest, Math.abs(other - position));
      }
    }
    if (nearest <= PROXIMITY_WINDOW) {
      bonus += Math.min(concepts[at]!.weight, concepts[at + 1]!.weight) / Math.sqrt(nearest);
    }
  }
  return bonus;
};

/** The share of a text's lines that only point elsewhere: tables of contents, indexes, navigation. */
const linkShare = (text: string): number => {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const links = lines.filter((line) =>
    /^(?:(?:[-*+]|\d+\.)\s+)?(?:\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\]|:\s*\S+)|\|?\s*<a\b.*|\[\[[^\]]*\]\])[\s.,;|]*$/.test(
      line,
    ),
  );
  return lines.length === 0 ? 0 : links.length / lines.length;
};

const SNIPPET_LENGTH = 200;

/** The line of a text that matches best, at most 200 characters. */
export const snippetOf = (text: string, concepts: readonly Concept[]): string => {
  let best = '';
  let bestScore = -1;
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const field = count(termsOf(line));
    const score = concepts.reduce(
      (sum, concept) => sum + concept.weight * Math.min(1, frequency(field, concept)),
      0,
    );
    if (score > bestScore) [best, bestScore] = [line.trim(), score];
  }
  return best.length > SNIPPET_LENGTH ? `${best.slice(0, SNIPPET_LENGTH - 1)}…` : best;
};

/** What the whole question says about the passages to prefer. */
export interface RankContext {
  readonly question: string;
  readonly concepts: readonly Concept[];
  /** The language of the question, or the empty string. */
  readonly language: string;
  /** How well each file as a whole matches, 0 to 1. */
  readonly fileScores: ReadonlyMap<number, number>;
  /** 0: age does not count; 1: the newest file counts twice as much as a very old one. */
  readonly recency: number;
}

const FILE_WEIGHT = 0.5;
const OTHER_LANGUAGE = 0.3;
const SIDE_PAGE_FACTOR = 0.6;
const OLD_PAGE_FACTOR = 0.9;
const HALF_LIFE_MS = 30 * 86_400_000;

/** Scores every candidate; best first. Equal scores keep the order of path and line. */
export const rank = (candidates: readonly Candidate[], context: RankContext): Scored[] => {
  const { concepts } = context;
  const total = concepts.reduce((sum, concept) => sum + concept.weight, 0) || 1;
  const newest = Math.max(...candidates.map((candidate) => candidate.modified));
  const asksForHistory = HISTORY_QUESTION.test(context.question);
  const ranked = candidates.map((candidate): Scored => {
    const headings = candidate.heading.split(' > ');
    const page = candidate.path.replace(/\.[a-z]+$/i, '');
    const bodyTerms = termsOf(candidate.text);
    const fields = {
      body: count(bodyTerms),
      heading: count(termsOf(headings.at(-1)!)),
      above: count(termsOf(`${headings.slice(0, -1).join(' ')} ${candidate.title}`)),
      path: count(termsOf(page)),
    };
    let score = 0;
    let covered = 0;
    for (const concept of concepts) {
      let weighted = 0;
      let best = 0;
      for (const name of ['body', 'heading', 'above', 'path'] as const) {
        const { weight, b, length } = FIELDS[name];
        const found = frequency(fields[name], concept);
        if (found === 0) continue;
        weighted += (weight * found) / (1 - b + (b * fields[name].length) / length);
        best = Math.max(best, Math.min(1, found));
      }
      score += (concept.weight * weighted * (K1 + 1)) / (K1 + weighted);
      covered += concept.weight * best;
    }
    const coverage = covered / total;
    score *= coverage ** COVERAGE_POWER;
    score += PROXIMITY_WEIGHT * proximity(bodyTerms, concepts);
    score += PROXIMITY_WEIGHT * proximity(termsOf(candidate.heading), concepts);
    score += FILE_WEIGHT * total * (context.fileScores.get(candidate.file) ?? 0);
    if (!asksForHistory && SIDE_PAGE.test(page)) score *= SIDE_PAGE_FACTOR;
    if (OLD_PAGE.test(page)) score *= OLD_PAGE_FACTOR;
    if (
      context.language !== '' &&
      candidate.language !== '' &&
      candidate.language !== context.language
    ) {
      score *= OTHER_LANGUAGE;
    }
    score *= 1 - 0.5 * linkShare(candidate.text);
    if (context.recency > 0) {
      score *= 1 + context.recency * 0.5 ** ((newest - candidate.modified) / HALF_LIFE_MS);
    }
    return { ...candidate, score, coverage, terms: new Set(bodyTerms) };
  });
  return ranked.sort(
    (a, b) => b.score - a.score || (a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line),
  );
};

/** A result holds at least this share of different files, so that one wrong file cannot fill it. */
const FILE_SHARE = 0.4;
/** Two passages with this share of terms in common say the same. */
const DUPLICATE_SHARE = 0.9;

const isDuplicate = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => {
  if (Math.min(a.size, b.size) < Math.max(a.size, b.size) * DUPLICATE_SHARE) return false;
  let common = 0;
  for (const term of a) if (b.has(term)) common += 1;
  return common / (a.size + b.size - common) >= DUPLICATE_SHARE;
};

/** Takes the best passages, best first: not the same text twice, and not one file only. */
export const pick = (ranked: readonly Scored[], limit: number): Scored[] => {
  const taken: Scored[] = [];
  const files = new Set<number>();
  const wantedFiles = Math.ceil(limit * FILE_SHARE);
  for (const one of ranked) {
    if (taken.length === limit) break;
    const room = limit - taken.length;
    if (files.has(one.file) && room <= wantedFiles - files.size) continue;
    if (taken.some((other) => isDuplicate(one.terms, other.terms))) continue;
    taken.push(one);
    files.add(one.file);
  }
  // Where there are fewer files, the places kept for others go to what was passed over.
  for (const one of ranked) {
    if (taken.length === limit) break;
    if (!taken.includes(one) && !taken.some((other) => isDuplicate(one.terms, other.terms))) {
      taken.push(one);
    }
  }
  return taken;
};
