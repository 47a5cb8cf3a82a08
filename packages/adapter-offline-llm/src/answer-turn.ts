/** Answers a turn: from a tool's result, or from passages. */
import { purposeOf, type Purpose } from './choose-tool.ts';
import { pickQuotes, type Choice } from './pick-quotes.ts';
import type { ToolResult, Turn } from './read-conversation.ts';
import type { Passage } from './read-hits.ts';
import { answerFrom, nothingFound, type Answer } from './word-answer.ts';

/** Shares of the question's telling words that the passages have: below the first they do not fit, below the second hardly. */
const LITTLE_COVERAGE = 0.25;
export const SOME_COVERAGE = 0.45;

/** The most lines of a list, and characters of a document that was asked for. */
const MAX_LIST = 30;
const MAX_DOCUMENT_LENGTH = 4_000;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const cut = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length)}…` : text;

const wordValue = (value: unknown, content: string): string => {
  if (isRecord(value)) {
    const only = value['result'] ?? value['value'] ?? value['answer'];
    if (only !== undefined && typeof only !== 'object') return String(only);
    return Object.entries(value)
      .map(
        ([key, member]) =>
          `${key}: ${typeof member === 'object' ? JSON.stringify(member) : String(member)}`,
      )
      .join('\n');
  }
  return Array.isArray(value) || value === undefined ? content : String(value);
};

const wordCalculation = ({ call, value, content }: ToolResult): Answer => {
  const expression = Object.values(call.args).find((arg) => typeof arg === 'string');
  const result = wordValue(value, content ?? '');
  return { text: expression === undefined ? result : `${expression} = ${result}`, sources: [] };
};

const wordList = ({ value, content }: ToolResult): Answer => {
  const list = Array.isArray(value)
    ? value
    : isRecord(value)
      ? Object.values(value).find((member) => Array.isArray(member))
      : undefined;
  if (!Array.isArray(list)) return { text: cut(content ?? '', MAX_DOCUMENT_LENGTH), sources: [] };
  if (list.length === 0) return { text: 'There are no documents.', sources: [] };
  const lines = list.slice(0, MAX_LIST).map((item) => {
    if (!isRecord(item)) return `- ${String(item)}`;
    const name = String(item['file'] ?? item['path'] ?? item['name'] ?? JSON.stringify(item));
    return typeof item['title'] === 'string' ? `- ${name} (${item['title']})` : `- ${name}`;
  });
  const more = list.length - lines.length;
  return { text: lines.join('\n') + (more > 0 ? `\nand ${more} more.` : ''), sources: [] };
};

const wordDocument = (
  { call, value, content }: ToolResult,
  passages: readonly Passage[],
): Answer => {
  const [passage] = passages;
  const text = passage?.text ?? wordValue(value, content ?? '');
  const path =
    passage?.file ?? Object.values(call.args).find((arg) => typeof arg === 'string') ?? call.name;
  return {
    text: cut(text, MAX_DOCUMENT_LENGTH),
    sources: [{ file: String(path), line: passage?.line ?? 1, heading: passage?.heading ?? '' }],
  };
};

/** Passages of the turn; a search that answered in plain text is a passage itself. */
const passagesOfTurn = ({ passages, results }: Turn): readonly Passage[] => {
  const plain = results.filter(
    ({ call, content, value, failed }) =>
      !failed &&
      value === undefined &&
      (content ?? '').trim() !== '' &&
      purposeOf(call) === 'search',
  );
  return [
    ...passages,
    ...plain.map(({ call, content }) => ({
      file: call.name,
      line: 1,
      heading: '',
      text: content!,
    })),
  ];
};

/** The quotes that fit the question best. */
export const chooseQuotes = (turn: Turn, maxLength: number): Choice =>
  pickQuotes(turn.question, passagesOfTurn(turn), maxLength);

/** The answer to the turn; `purposes` tells what each tool is for. */
export const answerTurn = (
  turn: Turn,
  purposes: (name: string) => Purpose,
  maxLength: number,
): Answer => {
  const last = turn.results.findLast(({ content }) => content !== undefined);
  if (last !== undefined) {
    if (last.failed && turn.passages.length === 0) {
      return { text: `The tool ${last.call.name} failed: ${cut(last.content!, 500)}`, sources: [] };
    }
    if (!last.failed) {
      const purpose = purposes(last.call.name);
      if (purpose === 'calculate') return wordCalculation(last);
      if (purpose === 'list') return wordList(last);
      if (purpose === 'read') return wordDocument(last, turn.passages);
      if (purpose === 'other' && turn.passages.length === 0) {
        return {
          text: cut(wordValue(last.value, last.content!), MAX_DOCUMENT_LENGTH),
          sources: [],
        };
      }
    }
  }
  const choice = chooseQuotes(turn, maxLength);
  if (choice.quotes.length === 0 || choice.coverage < LITTLE_COVERAGE)
    return nothingFound(turn.question);
  const answer = answerFrom(choice, passagesOfTurn(turn));
  return choice.coverage < SOME_COVERAGE
    ? {
        ...answer,
        text: `I found no direct answer in these documents. The closest is:\n\n${answer.text}`,
      }
    : answer;
};
