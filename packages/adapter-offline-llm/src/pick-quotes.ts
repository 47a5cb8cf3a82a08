/** Chooses what to quote: the stretches of the passages that most likely hold the answer. */
import { shapeOf } from './question-shape.ts';
import type { Passage } from './read-hits.ts';
import { splitUnits, type Unit } from './split-units.ts';
import { termsOf, topicOf } from './terms.ts';

/** A stretch of one passage. */
export interface Quote {
  readonly passage: Passage;
  readonly units: readonly Unit[];
  /** The line of the unit that fits best. */
  readonly line: number;
}

/** What was chosen. */
export interface Choice {
  /** Best first. */
  readonly quotes: readonly Quote[];
  /** The share of the question's telling words that the best passage has, 0 to 1. */
  readonly coverage: number;
}

/** Only so many passages are read, however many there are. */
const MAX_PASSAGES = 40;
/** How much the shape of a unit counts beside its words. */
const SHAPE_WEIGHT = 0.4;
/** The share that a unit gets of the words of its headings, and of the units beside it. */
const HEADING_SHARE = 0.7;
const NEIGHBOUR_SHARE = 0.4;
/** Code names many things without saying anything about them; a bare `key: value` even more so. */
const CODE_FACTOR = 0.8;
const PAIR_FACTOR = 0.6;
/** A unit with more terms than this matches more by chance, and counts less. */
const USUAL_TERMS = 25;
const LENGTH_SHARE = 0.25;
/** How much less each following passage counts: the search has ordered them. */
const RANK_DECAY = 0.95;
/** How much less each further quote of the same passage counts. */
const REPEAT_DECAY = 0.7;
/** The first quote grows around its best unit up to this length, each further one up to the second. */
const FIRST_LENGTH = 400;
const STRETCH_LENGTH = 260;
/** What a colon announces may exceed that by this much. */
const ANNOUNCED_LENGTH = 300;
/** Nothing is quoted that fits less than this share of the best. */
const MIN_SHARE = 0.45;
/** What every telling word counts for the coverage, beside its rarity. */
const BASE_WEIGHT = 2;
/** Two quotes with this share of terms in common say the same. */
const SAME_SHARE = 0.85;

interface Scored {
  readonly passage: Passage;
  readonly units: readonly Unit[];
  readonly at: number;
  readonly score: number;
}

const sumOf = (values: Iterable<number>): number => {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
};

const near = (a: string, b: string): boolean =>
  a.length >= 5 && b.length >= 5 && (a.startsWith(b) || b.startsWith(a));

/** Quotes of at most `maxLength` characters in all. */
export const pickQuotes = (
  question: string,
  passages: readonly Passage[],
  maxLength: number,
): Choice => {
  const topic = [...topicOf(question.slice(0, 4_000))].slice(0, 40);
  const fits = shapeOf(question);
  const read = passages.slice(0, MAX_PASSAGES).map((passage) => ({
    passage,
    units: splitUnits(passage),
    heading: termsOf(`${passage.heading} ${passage.file.replace(/\.[a-z]+$/i, '')}`),
  }));

  const all = read.flatMap(({ units }) => units);
  const frequency = new Map<string, number>();
  for (const unit of all) {
    for (const term of new Set(unit.terms)) frequency.set(term, (frequency.get(term) ?? 0) + 1);
  }
  const weightOf = new Map(
    topic.map(([term, share]) => {
      const count = frequency.get(term) ?? 0;
      return [term, share * Math.log(1 + (all.length + 1) / (count + 1))] as const;
    }),
  );
  const total = sumOf(weightOf.values()) || 1;
  // Found passages are full of the question's words, so by rarity alone one stray word that they lack would outweigh all others.
  const shareOf = new Map(
    topic.map(([term, share]) => [term, share * BASE_WEIGHT + weightOf.get(term)!] as const),
  );
  const totalShare = sumOf(shareOf.values()) || 1;
  const matchesOf = (terms: readonly string[]): ReadonlyMap<string, number> => {
    const matched = new Map<string, number>();
    for (const term of terms) {
      if (weightOf.has(term)) matched.set(term, 1);
      else {
        for (const [wanted] of topic) {
          if (!matched.has(wanted) && near(term, wanted)) matched.set(wanted, 0.6);
        }
      }
    }
    return matched;
  };
  /** The share of the topic in these, each with the share that it lends. */
  const matchOf = (
    parts: readonly (readonly [ReadonlyMap<string, number> | undefined, number])[],
  ): number => {
    const best = new Map<string, number>();
    for (const [matched, share] of parts) {
      for (const [term, own] of matched ?? []) {
        best.set(term, Math.max(best.get(term) ?? 0, own * share));
      }
    }
    let sum = 0;
    for (const [term, share] of best) sum += share * weightOf.get(term)!;
    return sum / total;
  };

  let coverage = 0;
  const scored: Scored[] = [];
  read.forEach(({ passage, units, heading }, order) => {
    const ofHeading = matchesOf(heading);
    const matches = units.map((unit) => matchesOf(unit.terms));
    const everywhere = new Map<string, number>();
    for (const matched of [ofHeading, ...matches]) {
      for (const [term, own] of matched) {
        everywhere.set(term, Math.max(own, everywhere.get(term) ?? 0));
      }
    }
    const covered = sumOf([...everywhere].map(([term, own]) => own * shareOf.get(term)!));
    coverage = Math.max(coverage, covered / totalShare);
    units.forEach((unit, at) => {
      const match = matchOf([
        [matches[at], 1],
        [ofHeading, HEADING_SHARE],
        [matches[at - 1], NEIGHBOUR_SHARE],
        [matches[at + 1], NEIGHBOUR_SHARE],
      ]);
      const shape = fits(unit);
      const bare =
        unit.kind === 'code' ? CODE_FACTOR : unit.kind === 'pair' && shape < 1 ? PAIR_FACTOR : 1;
      const length = 1 - LENGTH_SHARE + (LENGTH_SHARE * unit.terms.length) / USUAL_TERMS;
      const score = (match * bare * (1 + SHAPE_WEIGHT * shape)) / Math.max(1, length);
      if (score > 0) scored.push({ passage, units, at, score: score * RANK_DECAY ** order });
    });
  });
  return { quotes: take(scored, maxLength), coverage };
};

const lengthOf = (units: readonly Unit[]): number =>
  units.reduce((length, unit) => length + unit.text.length + 1, 0);

const REFERS_BACK = /^(?:this|that|these|those|it|they|such|then|otherwise|however|for example)\b/i;

/**
 * The stretch around a unit. What follows a good sentence often holds the fact, and what comes before explains its "this": both come
 * along while there is room.
 */
const widen = (
  { units, at }: Scored,
  used: ReadonlySet<Unit>,
  stretchLength: number,
  maxLength: number,
): readonly Unit[] => {
  let from = at;
  let to = at;
  let room = Math.min(stretchLength, maxLength) - lengthOf([units[at]!]);
  const fits = (index: number): boolean => {
    const unit = units[index];
    return unit !== undefined && !used.has(unit) && unit.text.length + 1 <= room;
  };
  const lead = (): void => {
    from -= 1;
    room -= units[from]!.text.length + 1;
  };
  if (REFERS_BACK.test(units[at]!.text) && fits(from - 1)) lead();
  while (fits(to + 1)) {
    to += 1;
    room -= units[to]!.text.length + 1;
  }
  if (units[to]!.text.endsWith(':')) {
    room = Math.min(ANNOUNCED_LENGTH, maxLength - lengthOf(units.slice(from, to + 1)));
    if (fits(to + 1)) to += 1;
    return units.slice(from, to + 1);
  }
  while (fits(from - 1)) lead();
  return units.slice(from, to + 1);
};

const saysTheSame = (a: readonly Unit[], b: readonly Unit[]): boolean => {
  const [first, second] = [a, b].map((units) => new Set(units.flatMap(({ terms }) => terms)));
  let common = 0;
  for (const term of first!) if (second!.has(term)) common += 1;
  return common >= SAME_SHARE * Math.max(1, Math.min(first!.size, second!.size));
};

/** Quotes around the best units, as long as there is room. */
const take = (scored: readonly Scored[], maxLength: number): readonly Quote[] => {
  const quotes: Quote[] = [];
  const used = new Set<Unit>();
  const repeats = new Map<Passage, number>();
  const worth = ({ passage, score }: Scored): number =>
    score * REPEAT_DECAY ** (repeats.get(passage) ?? 0);
  let room = maxLength;
  let rest = scored.toSorted((a, b) => b.score - a.score).slice(0, 100);
  const least = (rest[0]?.score ?? 0) * MIN_SHARE;
  while (rest.length > 0) {
    const next = rest.reduce((best, one) => (worth(one) > worth(best) ? one : best));
    rest = rest.filter((one) => one !== next);
    if (worth(next) < least) break;
    const unit = next.units[next.at]!;
    if (used.has(unit) || unit.text.length + 1 > room) continue;
    const units = widen(next, used, quotes.length === 0 ? FIRST_LENGTH : STRETCH_LENGTH, room);
    if (quotes.some((quote) => saysTheSame(units, quote.units))) continue;
    quotes.push({ passage: next.passage, units, line: unit.line });
    for (const one of units) used.add(one);
    repeats.set(next.passage, (repeats.get(next.passage) ?? 0) + 1);
    room -= lengthOf(units);
  }
  return quotes;
};
