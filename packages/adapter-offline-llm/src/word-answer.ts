/** Puts what was found into words. */
import type { Choice, Quote } from './pick-quotes.ts';
import type { Passage } from './read-hits.ts';
import type { Unit } from './split-units.ts';
import { topicOf } from './terms.ts';

/** Where an answer comes from. */
export interface Source {
  readonly file: string;
  readonly line: number;
  readonly heading: string;
}

/** An answer before it becomes a message. */
export interface Answer {
  readonly text: string;
  readonly sources: readonly Source[];
}

/** Files that are named whether quoted or not: the reader may want to look there first. */
const LEADING_SOURCES = 3;

const layout = (units: readonly Unit[]): string => {
  let text = '';
  let before: Unit | undefined;
  for (const unit of units) {
    const isBlock = unit.kind !== 'sentence';
    if (before !== undefined) {
      text += unit.kind === 'code' || before.kind === 'code' || isBlock || unit.first ? '\n' : ' ';
    }
    if (unit.kind === 'code') text += `\`\`\`\n${unit.text}\n\`\`\``;
    else text += isBlock ? `- ${unit.text}` : unit.text;
    before = unit;
  }
  return text;
};

/** The quote under its heading, so that "Default: 5" says of what. */
const wordQuote = ({ passage, units }: Quote): string => {
  const heading = passage.heading.split(' > ').at(-1) ?? '';
  const text = layout(units);
  return heading === '' || text.startsWith(heading) ? text : `${heading}:\n${text}`;
};

/**
 * The sources of an answer, one a file, in the order in which the search found them: the first three and every quoted one, with the
 * line of the quote.
 */
const sourcesOf = (quotes: readonly Quote[], passages: readonly Passage[]): readonly Source[] => {
  const quoted = new Map<string, Source>();
  for (const { passage, line } of quotes) {
    const { file, heading } = passage;
    if (!quoted.has(file)) quoted.set(file, { file, heading, line });
  }
  const found = new Map<string, Source>();
  for (const { file, line, heading } of passages) {
    if (!found.has(file) && (found.size < LEADING_SOURCES || quoted.has(file))) {
      found.set(file, quoted.get(file) ?? { file, line, heading });
    }
  }
  return [...found.values()];
};

/** A line break or a control character in a file's name must not forge a line of the answer. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');

/** `Sources:` and a line for each. */
export const wordSources = (sources: readonly Source[]): string =>
  sources.length === 0
    ? ''
    : `\n\nSources:\n${sources
        .map(({ file, line, heading }) =>
          oneLine(`- ${file}:${line}${heading === '' ? '' : ` (${heading})`}`),
        )
        .join('\n')}`;

/** The answer from passages. */
export const answerFrom = (choice: Choice, passages: readonly Passage[]): Answer => {
  // Quotes of one passage are read in its order.
  const groups = new Map<Passage, Quote[]>();
  for (const quote of choice.quotes) {
    groups.set(quote.passage, [...(groups.get(quote.passage) ?? []), quote]);
  }
  const parts = [...groups.values()].map((quotes) =>
    quotes
      .toSorted((a, b) => a.units[0]!.line - b.units[0]!.line)
      .map((quote, at) => (at === 0 ? wordQuote(quote) : layout(quote.units)))
      .join('\n'),
  );
  return { text: parts.join('\n\n'), sources: sourcesOf(choice.quotes, passages) };
};

/** What to say when nothing fits. */
export const nothingFound = (question: string): Answer => {
  const about = question.replace(/\s+/g, ' ').trim();
  const short = about.length > 120 ? `${about.slice(0, 120)}…` : about;
  const topic = topicOf(question).size === 0 ? 'that' : `"${short}"`;
  return { text: `I found nothing about ${topic} in these documents.`, sources: [] };
};

/** What to say to a greeting or thanks, which ask for nothing; undefined for anything else. */
export const courtesy = (question: string): Answer | undefined => {
  const said = question.trim().replace(/[!.,\s]+$/, '');
  if (/^(?:hi|hello|hey|good (?:morning|afternoon|evening|day))(?: there)?$/i.test(said)) {
    return { text: 'Hello. Ask me something about the documents.', sources: [] };
  }
  return /^(?:thanks|thank you)(?: (?:very|so) much| a lot)?$/i.test(said)
    ? { text: 'You are welcome.', sources: [] }
    : undefined;
};
