import { expect, test } from 'vitest';
import { questionsIn } from './actors.ts';
import { readArguments } from './arguments.ts';

test('the command line is read', () => {
  expect(
    readArguments(['--docs', 'notes', '--ask', 'a?', '--ask=b?', '--json', '--watch', '--quiet']),
  ).toEqual({
    docs: 'notes',
    asks: ['a?', 'b?'],
    watch: true,
    quiet: true,
    json: true,
    redis: undefined,
    state: undefined,
    model: undefined,
    mcp: [],
    help: false,
  });
  expect(
    readArguments([
      '--redis=redis://127.0.0.1',
      '--state=redis',
      '--model=gpt-5',
      '--mcp',
      `node "a server.mjs" --name='x y'`,
    ]),
  ).toMatchObject({
    redis: 'redis://127.0.0.1',
    state: 'redis',
    model: 'gpt-5',
    mcp: [['node', 'a server.mjs', '--name=x y']],
  });
  expect(readArguments([])).toMatchObject({ docs: undefined, asks: [], json: false });
});

test.each([
  [['--aks', 'x'], "Unknown option '--aks'. --help shows what there is."],
  [['--docs'], "Option '--docs <value>' argument missing. --help shows what there is."],
  [['--docs', '--ask', 'x'], "Option '--docs' argument is ambiguous. --help shows what there is."],
  [['where is it?'], 'I do not understand "where is it?". Put a question behind --ask'],
  [['--ask', ' '], '--ask needs a question'],
  [['--json'], '--json needs a question'],
  [['--state', 'mysql'], '--state must be sqlite, postgres, redis, not "mysql".'],
  [['--state', 'redis'], '--state redis needs --redis URL as well.'],
  [['--model', ' '], '--model needs a name, or "offline".'],
  [['--mcp', `node it's`], `--mcp node it's: a quote is not closed.`],
  [['--mcp', ''], '--mcp needs the command that starts a server'],
])('%j: %s', (argv, message) => {
  expect(() => readArguments(argv)).toThrow(message);
});

test('several questions in one text are told apart, and one is left whole', () => {
  expect(questionsIn('What is a tick? And how does an actor wait?')).toEqual([
    'What is a tick?',
    'And how does an actor wait?',
  ]);
  expect(questionsIn('Hi? What is a tick?')).toEqual(['Hi? What is a tick?']);
  expect(questionsIn('What is a tick? '.repeat(10))).toHaveLength(5);
  expect(questionsIn('x'.repeat(100_000))).toHaveLength(1);
});
