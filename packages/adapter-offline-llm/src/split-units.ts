/** Cuts a passage into the pieces that an answer can quote: sentences, list items, table rows, blocks of code. */
import type { Passage } from './read-hits.ts';
import { termsOf } from './terms.ts';

/** A piece of a passage. */
export interface Unit {
  /** `pair` is a short `key: value` line, as in YAML. */
  readonly kind: 'sentence' | 'item' | 'pair' | 'row' | 'code';
  /** As it is quoted: readable, without the markup that only a page needs. */
  readonly text: string;
  readonly line: number;
  readonly terms: readonly string[];
  /** The unit starts a paragraph, a list or a block. */
  readonly first: boolean;
}

/** Passages beyond this length are cut: an answer never needs more, and time stays in proportion. */
const MAX_PASSAGE_LENGTH = 20_000;
/** A longer unit is cut there. */
const MAX_UNIT_LENGTH = 600;

const ROW = /^\s*\|.*\|\s*$/;
const ITEM = /^\s*(?:[-*+]|\d{1,3}[.)])\s+/;
/** `key: value`, as in YAML. */
const PAIR = /^\s*[\w.-]+:(?:\s|$)/;
const FENCE = /^\s*(`{3,}|~{3,})/;

// What a site's generator puts in: `{{< note >}}`, `{% raw %}`; of `{{name("text")}}` the text is kept.
const TEMPLATE = /\{\{[<%][^}]{0,300}[%>]\}\}|\{%[^%]{0,300}%\}/g;
const MACRO = /\{\{\s*[\w-]{1,40}\(\s*["']([^"'}]{1,200})["'][^}]{0,300}\)\s*\}\}/g;

/** Text without links, images, HTML and emphasis; code spans stay as they are. */
const readable = (markup: string): string =>
  markup
    // Links first: their text may hold code, which nothing else may touch.
    .replace(
      /!?\[([^\][]{0,300})\](?:\([^)\s]{0,1000}(?:\s+"[^"]{0,200}")?\)|\[[^\][]{0,300}\])/g,
      '$1',
    )
    .split(/(`[^`]*`)/)
    .map((part, at) =>
      at % 2 === 1
        ? part
        : part
            .replace(MACRO, '$1')
            .replace(TEMPLATE, '')
            .replace(/<\/?[a-z][^<>]{0,1000}>/gi, '')
            .replace(/\*\*|__/g, '')
            .replace(/(?<![\w*])\*(?=\S)([^*\n]+?)\*(?!\w)/g, '$1')
            .replace(/\\([\\`*_{}[\]<>()#+.!|-])/g, '$1')
            .replace(/&nbsp;/g, ' ')
            .replace(/&lt;/g, '<')
            .replace(/&gt;/g, '>')
            .replace(/&amp;/g, '&'),
    )
    .join('')
    .replace(/[ \t]+/g, ' ')
    .trim();

const SENTENCE_END = /(?<=[.!?。！？]["')\]]?)\s+(?=["'(]?[\p{Lu}\p{N}`*[])|(?<=[。！？])/u;
const ABBREVIATION = /(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|incl|resp|no|fig|ca|Mr|Mrs|Dr)\.)$/i;

const sentencesOf = (text: string): string[] => {
  const sentences: string[] = [];
  for (const piece of text.split(SENTENCE_END)) {
    const before = sentences.at(-1);
    if (before !== undefined && ABBREVIATION.test(before)) {
      sentences[sentences.length - 1] = `${before} ${piece}`;
    } else if (piece.trim() !== '') {
      sentences.push(piece);
    }
  }
  return sentences;
};

const cellsOf = (row: string): string[] =>
  row
    .trim()
    .replace(/^\||\|$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => readable(cell.replace(/\\\|/g, '|')));

const isRule = (row: string): boolean => /^\s*\|?[\s:|-]+\|?\s*$/.test(row) && row.includes('-');

/** `Option: timeout; Default: 5000` from a row and the table's head. */
const wordRow = (cells: readonly string[], head: readonly string[]): string =>
  cells
    .map((cell, at) => (cell === '' ? '' : head[at] ? `${head[at]}: ${cell}` : cell))
    .filter((cell) => cell !== '')
    .join('; ');

/** Lines that only draw a box around others: `:::tip`, `[!NOTE]`. */
const BOX = /^\s*(?::{3,}.*|\[!\w+\]\s*)$/;
const BARE_FENCE = /^\s*(?:`{3,}|~{3,})\s*$/;

/** The lines of a passage without comments and quotation marks, each in its place. */
const linesOf = (text: string): string[] => {
  const lines = text
    .replace(/<!--[\s\S]*?(?:-->|$)/g, (comment) => comment.replace(/[^\n]/g, ''))
    .split('\n')
    .map((line) => line.replace(/^\s*(?:>\s?)+/, ''));
  // A passage that begins inside a block of code has its closing fence first.
  const fences = lines.filter((line) => FENCE.test(line));
  return fences.length % 2 === 1 && BARE_FENCE.test(fences[0]!) ? ['```', ...lines] : lines;
};

/** The units of a passage, in order. */
export const splitUnits = (passage: Passage): readonly Unit[] => {
  const units: Unit[] = [];
  const push = (kind: Unit['kind'], text: string, line: number, first: boolean): void => {
    const short = text.length > MAX_UNIT_LENGTH ? `${text.slice(0, MAX_UNIT_LENGTH)}…` : text;
    if (/[\p{L}\p{N}]/u.test(short)) {
      units.push({ kind, text: short, line, first, terms: termsOf(short) });
    }
  };
  const lines = linesOf(passage.text.slice(0, MAX_PASSAGE_LENGTH));
  let paragraph: string[] = [];
  let paragraphLine = 0;
  let isItem = false;
  let isPair = false;
  let head: readonly string[] | undefined;
  const closeParagraph = (): void => {
    const text = readable(paragraph.join(' ').replace(ITEM, '').replace(/^: /, ''));
    paragraph = [];
    if (text === '') return;
    if (isPair && /:\s+\S/.test(text) && text.split(' ').length <= 5)
      push('pair', text, paragraphLine, true);
    else if (isItem && text.length <= 300) push('item', text, paragraphLine, true);
    else {
      sentencesOf(text).forEach((sentence, at) =>
        push(isItem ? 'item' : 'sentence', sentence, paragraphLine, at === 0),
      );
    }
  };

  for (let at = 0; at < lines.length; at += 1) {
    const text = lines[at]!;
    const line = passage.line + at;
    const fence = FENCE.exec(text)?.[1];
    if (fence !== undefined) {
      closeParagraph();
      head = undefined;
      const code: string[] = [];
      let next = at + 1;
      while (next < lines.length && !lines[next]!.trim().startsWith(fence)) {
        code.push(lines[next]!);
        next += 1;
      }
      const body = code.join('\n').replace(/^\s*\n|\s+$/g, '');
      if (body.length <= MAX_UNIT_LENGTH) push('code', body, line, true);
      else {
        // A long listing is quoted in parts of a few lines.
        for (let from = 0; from < code.length; from += 8) {
          push('code', code.slice(from, from + 8).join('\n'), line + 1 + from, from === 0);
        }
      }
      at = next;
      continue;
    }
    if (ROW.test(text)) {
      closeParagraph();
      if (isRule(text)) continue;
      if (head === undefined && isRule(lines[at + 1] ?? '')) head = cellsOf(text);
      else push('row', wordRow(cellsOf(text), head ?? []), line, false);
      continue;
    }
    head = undefined;
    const blank = text.trim() === '' || BOX.test(text);
    const startsPair = PAIR.test(text.replace(/^\s*-\s/, ''));
    const startsItem = ITEM.test(text) || startsPair;
    if (blank || startsItem) closeParagraph();
    if (blank) continue;
    if (paragraph.length === 0) {
      paragraphLine = line;
      isItem = startsItem;
      isPair = startsPair;
    }
    paragraph.push(text.trim().replace(/^#{1,6}\s+/, ''));
  }
  closeParagraph();
  return units;
};
