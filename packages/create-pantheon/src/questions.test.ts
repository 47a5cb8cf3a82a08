import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { readArguments } from './arguments.ts';
import { Cancelled, wantedOf } from './questions.ts';
import type { Wanted } from './questions.ts';

const ENTER = '\r';
const DOWN = '\u001b[B';
const CTRL_C = '\u0003';

/** A person at a terminal: the keys of each answer are pressed when its question is there. */
const ask = async (
  argv: readonly string[],
  answers: Readonly<Record<string, readonly string[]>>,
): Promise<Wanted> => {
  const input = new PassThrough();
  const output = new PassThrough();
  const open = new Map(Object.entries(answers));
  output.on('data', (chunk: Buffer) => {
    for (const [question, keys] of open) {
      if (!chunk.toString().includes(question)) continue;
      open.delete(question);
      // Each key by itself, as a terminal sends them; a question listens once it has been shown.
      setImmediate(() => keys.forEach((key) => input.write(key)));
    }
  });
  const wanted = await wantedOf(readArguments(argv), { input, output });
  expect([...open.keys()]).toEqual([]);
  return wanted;
};

test('everything that is missing is asked for', async () => {
  const wanted = await ask([], {
    'What shall it be?': [ENTER],
    'In which folder?': [...'desk', ENTER],
    'Which adapters': [DOWN, ' ', ENTER],
  });
  expect(wanted).toEqual({ kind: 'app', folder: 'desk', adapters: ['bullmq-scheduler'] });
});

test('enter takes what is suggested', async () => {
  const wanted = await ask([], {
    'What shall it be?': [ENTER],
    'In which folder?': [ENTER],
    'Which adapters': [ENTER],
  });
  expect(wanted).toEqual({ kind: 'app', folder: 'my-app', adapters: [] });
});

test('an adapter is asked for its port, and nothing that was given', async () => {
  const wanted = await ask(['file-context'], {
    'What shall it be?': [DOWN, ENTER],
    'For which port?': [DOWN, ENTER],
  });
  expect(wanted).toEqual({ kind: 'adapter', folder: 'file-context', port: 'context' });
});

test('a name that will not do is said at once, and can be mended', async () => {
  const wanted = await ask(['--kind', 'app', '--adapter', 'redis-bus'], {
    'In which folder?': [...'My', ENTER],
    'has capital letters': ['\u007f', '\u007f', ...'my', ENTER],
  });
  expect(wanted).toEqual({ kind: 'app', folder: 'my', adapters: ['redis-bus'] });
});

test.each([
  ['What shall it be?', {}],
  ['In which folder?', { 'What shall it be?': [ENTER] }],
])('Ctrl-C at "%s" ends everything', async (question, before) => {
  await expect(ask([], { ...before, [question]: [CTRL_C] })).rejects.toThrow(Cancelled);
});

test('with --yes nobody is asked', async () => {
  const wanted = await ask(['--yes'], {});
  expect(wanted).toEqual({ kind: 'app', folder: 'my-app', adapters: [] });
});

test('where nobody can be asked, a folder is enough', async () => {
  const wanted = await wantedOf(readArguments(['desk']), undefined);
  expect(wanted).toEqual({ kind: 'app', folder: 'desk', adapters: [] });
});
