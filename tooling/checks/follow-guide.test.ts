import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { followGuide } from './registry/follow-guide.ts';
import { readGuide } from './registry/guide-blocks.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "follow guide's-"));
});

afterEach(() => rm(folder, { recursive: true }));

const block = (language: string, ...lines: readonly string[]): string =>
  `\`\`\`${[language, ...lines, '```'].join('\n')}\n`;

const follow = (...blocks: readonly string[]): Promise<string> =>
  followGuide(readGuide(blocks.join('\n')), folder, process.env, () => undefined);

test('commands run in the folder that those before them went to, and files are written there', async () => {
  const end = await follow(
    block('sh', 'mkdir app', 'cd app'),
    block('ts', '// src/a.ts', 'one', 'two'),
    block('diff', '--- src/a.ts', ' one', '-two', '+three'),
    block('sh', 'cat src/a.ts'),
    block('text', 'one', 'three'),
  );
  expect(end.endsWith('app')).toBe(true);
  expect(await readFile(join(folder, 'app/src/a.ts'), 'utf8')).toBe('// src/a.ts\none\nthree\n');
});

test('a command may fail where the guide says so, and what it prints to either stream counts', async () => {
  await follow(
    block('sh fails', 'echo out', 'echo err >&2', 'false', 'echo never'),
    block('text', 'out', 'err'),
  );
});

test('a part of package.json has to be in it', async () => {
  const write = block(
    'sh',
    `echo '{ "name": "x", "pantheon": { "port": "bus", "contract": 1 } }' > package.json`,
  );
  await follow(write, block('json', '"pantheon": { "port": "bus" }'));
  await expect(follow(write, block('json', '"pantheon": { "port": "llm" }'))).rejects.toThrow(
    'this is not in package.json',
  );
});

test.each([
  [['sh', 'exit 3'], 'Line 1 of the guide: "exit 3" ended with 3.'],
  [['sh fails', 'true'], 'Line 1 of the guide: "true" ended with 0; the guide says that it fails'],
  [['sh fails', 'exit 2'], 'ended with 2; the guide says that it fails'],
  [['diff', '--- a.ts', '+new'], 'a.ts cannot be changed'],
])(
  'a guide that lies is told from one that does not: %j',
  async ([language = '', ...lines], problem) => {
    await expect(follow(block(language, ...lines))).rejects.toThrow(problem);
  },
);

test('what is not printed is named, with what is', async () => {
  const guide = follow(block('sh', 'echo "3 passed"'), block('text', '4 passed'));
  await expect(guide).rejects.toThrow(
    'Line 5 of the guide: this is not printed: 4 passed\n3 passed',
  );
});
