/** What the actors can do beside talking. A tool's arguments are checked against `input` before it runs. */
import { appendFile, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { defineTool } from '@promethean/pantheon';
import type { FunctionTool } from '@promethean/pantheon';
import { z } from 'zod';

/** Where the tools read and write. */
export interface Places {
  /** A folder of Markdown files. */
  readonly notes: string;
  /** A file that grows by a line for each question and each answer. */
  readonly minutes: string;
}

interface Passage {
  readonly file: string;
  readonly line: number;
  readonly heading: string;
  readonly text: string;
}

/** The paragraphs of a Markdown file, each with its line and the heading above it. */
const passagesOf = (file: string, markdown: string): readonly Passage[] => {
  const passages: Passage[] = [];
  let heading = '';
  let line = 1;
  for (const part of markdown.split(/(\n\s*\n)/)) {
    const text = part.trim();
    if (text.startsWith('#')) heading = text.replace(/^#+\s*/, '');
    else if (text !== '') passages.push({ file, line, heading, text });
    line += part.split('\n').length - 1;
  }
  return passages;
};

const wordsOf = (text: string): Set<string> =>
  new Set(text.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu));

const search = async (folder: string, query: string): Promise<readonly Passage[]> => {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.md')).sort();
  const read = async (file: string) => passagesOf(file, await readFile(join(folder, file), 'utf8'));
  const passages = (await Promise.all(files.map(read))).flat();
  const asked = [...wordsOf(query)];
  const found = passages.map((passage) => {
    const words = wordsOf(`${passage.heading} ${passage.text}`);
    return { passage, score: asked.filter((word) => words.has(word)).length };
  });
  return found
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .slice(0, 5)
    .map(({ passage }) => passage);
};

/** The tools of this app. */
export const makeTools = ({ notes, minutes }: Places): readonly FunctionTool[] => [
  defineTool({
    name: 'search_notes',
    description: 'Searches the notes for passages. Returns each with its file, line and heading.',
    input: z.object({ query: z.string().min(1) }),
    sideEffect: 'none',
    idempotent: true,
    run: ({ query }) => search(notes, query),
  }),
  defineTool({
    name: 'write_minutes',
    description: 'Adds a line to the minutes.',
    input: z.object({ speaker: z.string(), text: z.string() }),
    run: ({ speaker, text }) =>
      appendFile(minutes, `- **${speaker}**: ${text.replace(/\s+/g, ' ')}\n`),
  }),
];
