import { describe, expect, test } from 'vitest';
import { splitDocument } from './split-document.ts';

const headings = (text: string, path = 'a.md'): string[] =>
  splitDocument(text, path).passages.map(({ heading }) => heading);

describe('splitDocument', () => {
  test('cuts at headings and keeps the headings above', () => {
    const { title, passages } = splitDocument(
      '# Guide\nHello.\n\n## Install\nRun it.\n\n### Linux\nUse apt.\n\n## Use\nGo.\n',
      'guide.md',
    );
    expect(title).toBe('Guide');
    expect(passages).toEqual([
      { heading: 'Guide', text: 'Hello.', line: 2, endLine: 2 },
      { heading: 'Guide > Install', text: 'Run it.', line: 5, endLine: 5 },
      { heading: 'Guide > Install > Linux', text: 'Use apt.', line: 8, endLine: 8 },
      { heading: 'Guide > Use', text: 'Go.', line: 11, endLine: 11 },
    ]);
  });

  test('takes no heading from code, comments and thematic breaks', () => {
    const text = [
      '# One',
      '```sh',
      '# not a heading',
      '~~~',
      '```',
      '~~~~',
      '## nor this',
      '~~~',
      '~~~~',
      '<!--',
      '## nor that',
      '-->',
      '',
      '---',
      'after',
    ].join('\n');
    expect(new Set(headings(text))).toEqual(new Set(['One']));
  });

  test('an unclosed fence reaches to the end of the file', () => {
    expect(headings('# One\n```\n## two\n')).toEqual(['One']);
  });

  test('knows headings that are underlined, in HTML and in AsciiDoc', () => {
    expect(headings('Title\n=====\ntext\n\nPart\n----\ntext\n')).toEqual(['Title', 'Title > Part']);
    expect(headings('<h1 align="center">Name</h1>\n\ntext\n')).toEqual(['Name']);
    expect(headings('= Top\n\ntext\n\n== Part\n\ntext\n', 'a.adoc')).toEqual(['Top', 'Top > Part']);
    expect(headings('Top\n***\n\ntext\n\nPart\n^^^^\n\ntext\n', 'a.rst')).toEqual([
      'Top',
      'Top > Part',
    ]);
  });

  test('takes title and description from the front matter', () => {
    const { title, passages } = splitDocument(
      '---\ntitle: "The title"\ndescription: >-\n  What it\n  is about.\n---\n\nText.\n',
      'a.md',
    );
    expect(title).toBe('The title');
    expect(passages.map(({ text, line }) => [text, line])).toEqual([
      ['What it is about.', 2],
      ['Text.', 8],
    ]);
  });

  test('a document without any heading is named after its path', () => {
    expect(splitDocument('Text.', 'guide/02-first_steps.md').title).toBe('first steps');
    expect(splitDocument('Text.', 'guide/setup/README.md').title).toBe('setup');
  });

  test('headings lose their markup', () => {
    expect(headings('## [`run()`](./run.md) **now** {#run}\ntext')).toEqual(['run() now']);
  });

  test('cuts long sections between paragraphs, long blocks between lines, long lines anywhere', () => {
    const paragraphs = Array.from(
      { length: 12 },
      (_, at) => `Paragraph ${at} ${'word '.repeat(60)}`,
    );
    const { passages } = splitDocument(`# T\n\n${paragraphs.join('\n\n')}`, 'a.md');
    expect(passages.length).toBeGreaterThan(2);
    for (const { text } of passages) {
      expect(text.length).toBeLessThanOrEqual(1_800);
      expect(text.startsWith('Paragraph')).toBe(true);
    }
    const table = splitDocument(`# T\n${'| a | b |\n'.repeat(1_000)}`, 'a.md').passages;
    expect(table.every(({ text }) => text.length <= 1_800 && text.endsWith('|'))).toBe(true);
    const endless = splitDocument('x'.repeat(10_000), 'a.txt').passages;
    expect(endless.map(({ text }) => text.length)).toEqual([
      1_800, 1_800, 1_800, 1_800, 1_800, 1_000,
    ]);
    expect(endless.every(({ line, endLine }) => line === 1 && endLine === 1)).toBe(true);
  });

  test('the lines of a passage are the lines of the file', () => {
    const lines = [
      '# T',
      '',
      ...Array.from({ length: 400 }, (_, at) => (at % 7 === 6 ? '' : `line ${at + 3} of it`)),
    ];
    for (const { text, line, endLine } of splitDocument(lines.join('\r\n'), 'a.md').passages) {
      expect(text.split('\n').filter(Boolean)).toEqual(
        lines.slice(line - 1, endLine).filter(Boolean),
      );
    }
  });

  test('an empty file has no passages', () => {
    expect(splitDocument('', 'a.md').passages).toEqual([]);
    expect(splitDocument('\uFEFF\n\n', 'a.md').passages).toEqual([]);
    expect(splitDocument('# Only a heading', 'a.md').passages).toEqual([]);
  });
});
