/** The TypeScript blocks of a document, and what each prints. */
export interface Example {
  /** Which one it is, for the person who has to mend it: the path of its document, and its line. */
  readonly from: string;
  readonly code: string;
  /** What the document says that it prints: a block of text that follows directly. */
  readonly output: string | undefined;
}

interface Block {
  readonly info: string;
  readonly code: string;
  readonly line: number;
  readonly start: number;
  readonly end: number;
}

const readBlocks = (markdown: string): readonly Block[] =>
  // A longer fence holds a document with blocks of its own.
  [...markdown.matchAll(/^( *)(`{3,})([^\n]*)\n(.*?)^\1\2$/gms)].map((match) => ({
    info: (match[3] ?? '').trim(),
    code: match[4] ?? '',
    line: markdown.slice(0, match.index).split('\n').length,
    start: match.index,
    end: match.index + match[0].length,
  }));

/** `// src/letters.ts`: a file of the project that its guide builds. The check that follows the guide compiles it. */
const isFileOfGuide = (code: string): boolean => /^\/\/ (src|test)\/\S+\.ts\n/.test(code);

/**
 * Reads the examples of a document.
 * @throws Error for a block that would be overlooked: TypeScript by another name, or with words behind it.
 */
export const readExamples = (from: string, markdown: string): readonly Example[] => {
  const blocks = readBlocks(markdown);
  return blocks.flatMap(({ info, code, line, end }, index) => {
    const place = `${from}:${line}`;
    if (info !== 'ts' && /^(ts|typescript|tsx)\b/i.test(info)) {
      throw new Error(`${place}: \`\`\`${info} is not compiled; write \`\`\`ts`);
    }
    if (info !== 'ts' || isFileOfGuide(code)) return [];
    const next = blocks[index + 1];
    const isOutput = next?.info === 'text' && markdown.slice(end, next.start).trim() === '';
    return [{ from: place, code, output: isOutput ? next.code : undefined }];
  });
};
