/** Cuts a document into passages: one per section, long sections at the bounds of paragraphs. */

/** A piece of a document that can be found and quoted. */
interface Passage {
  /** The headings above it, joined by ` > `; the document's title where there is none. */
  readonly heading: string;
  /** The lines as they are in the file. */
  readonly text: string;
  /** First and last line, counted from 1. */
  readonly line: number;
  readonly endLine: number;
}

/** A document as the index keeps it. */
export interface SplitDocument {
  readonly title: string;
  readonly passages: readonly Passage[];
}

/** A passage is closed at the next block once it has this many characters. */
const GOOD_LENGTH = 1_200;
/** A block is cut between its lines rather than making a passage longer than this. */
const MAX_LENGTH = 1_800;
/** The last passage of a section joins the one before it when it is no longer than this. */
const SMALL_LENGTH = 250;

/** A longer line is text, whatever it looks like. */
const MAX_HEADING_LENGTH = 500;

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const ATX = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$/;
const HTML_HEADING = /^\s*<h([1-6])\b[^>]*>(.*?)<\/h\1>\s*$/i;
const SETEXT = /^ {0,3}(=+|-+)[ \t]*$/;
const RST_RULE = /^([=\-~^"'*+#`:.])\1{2,}\s*$/;
const ADOC = /^(={1,6})\s+(\S.*)$/;
const BLOCK_START = /^\s*(?:[-*+>|]|\d+[.)]\s|#|```|~~~|<)/;
const LIST_ITEM = /^\s*(?:[-*+]|\d+[.)])\s/;

interface Line {
  readonly text: string;
  /** 0 for text, otherwise the level of the heading that this line is. */
  readonly level: number;
  readonly heading: string;
  /** The line belongs to a code block. */
  readonly code: boolean;
  /** The line only draws a heading (its underline) and is no text. */
  readonly drawing: boolean;
}

/** A heading or a title without its markup. */
const plain = (markup: string): string =>
  markup
    .replace(/\s*\{[#:][^}]*\}\s*$/, '')
    .replace(/!\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])/g, '$1')
    .replace(/<\/?[a-z][^>]*>/gi, '')
    .replace(/(\*\*|__|`)(.*?)\1/g, '$2')
    .replace(/\\([<>`*_[\]{}#])/g, '$1')
    .replace(/\s+/g, ' ')
    .trim();

const extensionOf = (path: string): string => /\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase() ?? '';

/** `guide/01-getting_started.md` becomes `getting started`; an index file takes the name of its folder. */
const titleFromPath = (path: string): string => {
  const names = path.replace(/\.[a-z]+$/i, '').split('/');
  const last = names.at(-1) ?? '';
  const name = /^(?:index|readme|_index)$/i.test(last) ? (names.at(-2) ?? last) : last;
  return name.replace(/^\d+[-_.]/, '').replace(/[-_]+/g, ' ');
};

interface FrontMatter {
  readonly title: string | undefined;
  readonly description: string | undefined;
  /** The number of lines that it takes. */
  readonly lines: number;
}

const NO_FRONT_MATTER: FrontMatter = { title: undefined, description: undefined, lines: 0 };

const readFrontMatter = (lines: readonly string[]): FrontMatter => {
  const fence = lines[0]?.trim();
  if (fence !== '---' && fence !== '+++') return NO_FRONT_MATTER;
  const end = lines.findIndex((line, at) => at > 0 && line.trim() === fence);
  if (end < 0) return NO_FRONT_MATTER;
  const value = (name: string): string | undefined => {
    const at = lines.findIndex(
      (line, index) => index > 0 && index < end && new RegExp(`^${name}\\s*[:=]`, 'i').test(line),
    );
    if (at < 0) return undefined;
    let text = lines[at]!.replace(/^\w+\s*[:=]\s*/, '').trim();
    if (text === '' || /^[|>][+-]?$/.test(text)) {
      const more: string[] = [];
      for (let next = at + 1; next < end && /^\s+\S/.test(lines[next]!); next += 1) {
        more.push(lines[next]!.trim());
      }
      text = more.join(' ');
    }
    text = text.replace(/^(["'])(.*)\1$/, '$2');
    return text === '' ? undefined : plain(text);
  };
  return { title: value('title'), description: value('description'), lines: end + 1 };
};

/** Tells headings and code apart from text, line by line. */
const classify = (texts: readonly string[], from: number, kind: string): Line[] => {
  const lines: Line[] = [];
  const ranks: string[] = [];
  let fence: string | undefined;
  let comment = false;
  for (let at = from; at < texts.length; at += 1) {
    const text = texts[at]!;
    const push = (level: number, heading = '', code = false, drawing = false): void => {
      lines.push({ text, level, heading, code, drawing });
    };
    const mark = FENCE.exec(text)?.[1];
    if (fence !== undefined) {
      push(0, '', true);
      if (mark?.startsWith(fence) && text.trim() === mark) fence = undefined;
      continue;
    }
    if (comment || /^\s*<!--(?!.*-->)/.test(text)) {
      comment = !text.includes('-->');
      push(0);
      continue;
    }
    if (mark !== undefined && kind !== 'rst') {
      fence = mark;
      push(0, '', true);
      continue;
    }
    if (text.length > MAX_HEADING_LENGTH) {
      push(0);
      continue;
    }
    const atx = kind === 'rst' ? null : ATX.exec(text);
    if (atx) {
      push(atx[1]!.length, plain(atx[2] ?? ''));
      continue;
    }
    const html = HTML_HEADING.exec(text);
    if (html) {
      push(Number(html[1]), plain(html[2]!));
      continue;
    }
    const adoc = kind === 'adoc' ? ADOC.exec(text) : null;
    if (adoc) {
      push(adoc[1]!.length, plain(adoc[2]!));
      continue;
    }
    const before = lines.at(-1);
    const isText =
      before !== undefined &&
      before.level === 0 &&
      !before.code &&
      !before.drawing &&
      before.text.trim() !== '';
    const paragraphStart = (lines.at(-2)?.text.trim() ?? '') === '' || lines.at(-2)?.drawing;
    if (kind === 'rst' && RST_RULE.test(text)) {
      const title = before?.text.trim() ?? '';
      if (isText && paragraphStart && text.trim().length >= title.length) {
        // The characters rank in the order of their first use in the file.
        const rule = text[0]!;
        if (!ranks.includes(rule)) ranks.push(rule);
        lines[lines.length - 1] = {
          ...before,
          level: Math.min(6, ranks.indexOf(rule) + 1),
          heading: plain(title),
        };
      }
      push(0, '', false, true);
      continue;
    }
    const setext = SETEXT.exec(text);
    if (setext && isText && paragraphStart && !BLOCK_START.test(before.text)) {
      lines[lines.length - 1] = {
        ...before,
        level: setext[1]!.startsWith('=') ? 1 : 2,
        heading: plain(before.text),
      };
      push(0, '', false, true);
      continue;
    }
    push(0);
  }
  return lines;
};

/** Collects lines into passages under one heading. */
const makeCollector = (
  passages: Passage[],
): {
  readonly add: (texts: readonly string[], line: number, heading: string) => void;
  readonly flush: () => void;
} => {
  let held: string[] = [];
  let heldLength = 0;
  let heldLine = 0;
  let heldHeading = '';
  const flush = (): void => {
    while (held.length > 0 && held.at(-1)!.trim() === '') held.pop();
    let skip = 0;
    while (skip < held.length && held[skip]!.trim() === '') skip += 1;
    const texts = held.slice(skip);
    const line = heldLine + skip;
    const endLine = line + texts.length - 1;
    const text = texts.join('\n');
    const last = passages.at(-1);
    if (
      last !== undefined &&
      text.length > 0 &&
      text.length <= SMALL_LENGTH &&
      last.heading === heldHeading &&
      line - last.endLine <= 3 &&
      last.text.length + text.length < MAX_LENGTH
    ) {
      // A short rest reads better with what comes before it. As many line breaks as in the file keep the lines countable.
      const gap = '\n'.repeat(Math.max(1, line - last.endLine));
      passages[passages.length - 1] = { ...last, text: `${last.text}${gap}${text}`, endLine };
    } else if (text.length > 0) {
      passages.push({ heading: heldHeading, text, line, endLine });
    }
    held = [];
    heldLength = 0;
  };
  const add = (texts: readonly string[], line: number, heading: string): void => {
    const length = texts.reduce((sum, text) => sum + text.length + 1, 0);
    if (
      heldLength > 0 &&
      (heldHeading !== heading || heldLength >= GOOD_LENGTH || heldLength + length > MAX_LENGTH)
    ) {
      flush();
    }
    if (length > MAX_LENGTH) {
      // A block too long for one passage is cut between its lines, an endless line between its characters.
      let at = line;
      for (const text of texts) {
        for (let from = 0; from === 0 || from < text.length; from += MAX_LENGTH) {
          const part = text.slice(from, from + MAX_LENGTH);
          if (heldLength > 0 && heldLength + part.length > MAX_LENGTH) flush();
          if (held.length === 0) {
            heldLine = at;
            heldHeading = heading;
          } else if (from > 0) {
            flush();
            heldLine = at;
            heldHeading = heading;
          }
          held.push(part);
          heldLength += part.length + 1;
        }
        at += 1;
      }
      return;
    }
    if (held.length === 0) {
      heldLine = line;
      heldHeading = heading;
    }
    held.push(...texts);
    heldLength += length;
  };
  return { add, flush };
};

/** Splits Markdown, MDX, plain text, reStructuredText or AsciiDoc; `path` decides which. */
export const splitDocument = (content: string, path: string): SplitDocument => {
  const texts = content.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  const front = readFrontMatter(texts);
  const extension = extensionOf(path);
  const kind = extension === 'adoc' || extension === 'rst' ? extension : 'markdown';
  const lines = classify(texts, front.lines, kind);
  const firstHeading =
    lines.find((line) => line.level === 1 && line.heading !== '') ??
    lines.find((line) => line.level > 0 && line.heading !== '');
  const title = front.title ?? firstHeading?.heading ?? titleFromPath(path);

  const passages: Passage[] = [];
  const collector = makeCollector(passages);
  if (front.lines > 0) {
    const body = texts.slice(1, front.lines - 1);
    // Some projects keep whole reference pages in the front matter; then it is text like any other.
    if (body.join('\n').length > 600) {
      body.forEach((text, at) => collector.add([text], at + 2, title));
    } else if (front.description !== undefined) {
      collector.add([front.description], 2, title);
    }
    collector.flush();
  }

  const above: { level: number; heading: string }[] = [];
  let heading = title;
  let block: string[] = [];
  let blockLine = 0;
  let blockIsCode = false;
  const closeBlock = (): void => {
    if (block.length > 0) collector.add(block, blockLine, heading);
    block = [];
  };
  lines.forEach((line, index) => {
    const number = front.lines + index + 1;
    if (line.level > 0) {
      closeBlock();
      collector.flush();
      while (above.length > 0 && above.at(-1)!.level >= line.level) above.pop();
      if (line.heading !== '') above.push({ level: line.level, heading: line.heading });
      const names = above.map((one) => one.heading);
      heading = (names[0] === title ? names : [title, ...names]).join(' > ');
      return;
    }
    if (line.drawing) return;
    const blank = line.text.trim() === '' && !line.code;
    const newItem = LIST_ITEM.test(line.text) && !line.code && block.join('\n').length > 300;
    if (line.code !== blockIsCode || newItem) closeBlock();
    if (block.length === 0) {
      blockLine = number;
      blockIsCode = line.code;
    }
    block.push(line.text);
    if (blank) closeBlock();
  });
  closeBlock();
  collector.flush();
  return { title, passages };
};
