/** The examples in the documents: every TypeScript block compiles where its reader would put it, and prints what is said. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readExamples } from './examples.ts';
import { placeExamples, type PlacedExample } from './placed-examples.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

let examples: readonly PlacedExample[] = [];

beforeAll(async () => {
  examples = await placeExamples(ROOT);
});

afterAll(async () => {
  const folders = new Set(examples.map(({ file }) => dirname(file)));
  for (const folder of folders) await rm(folder, { recursive: true });
});

test('the examples of all documents compile', async () => {
  expect(examples.length).toBeGreaterThan(20);
  const config = {
    extends: join(ROOT, 'tsconfig.base.json'),
    compilerOptions: {
      composite: false,
      incremental: false,
      declaration: false,
      declarationMap: false,
      isolatedDeclarations: false,
      noUnusedLocals: false,
      noEmit: true,
      rootDir: ROOT,
    },
    files: examples.map(({ file }) => file),
  };
  const project = join(dirname(examples[0]?.file ?? ''), 'tsconfig.json');
  await writeFile(project, JSON.stringify(config));
  const tsc = join(ROOT, 'node_modules/.bin/tsc');
  const output = await run(tsc, ['-p', project], { cwd: ROOT }).then(
    () => '',
    ({ stdout }: { readonly stdout: string }) => stdout,
  );
  const named = examples.reduce(
    (text, { file, from }) => text.replaceAll(file.slice(ROOT.length + 1), from),
    output,
  );
  expect(named).toBe('');
}, 60_000);

/** Without the settings of whoever runs the tests: a key would change what an example prints. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(OPENAI|PANTHEON|FORCE_COLOR|NODE_OPTIONS)/.test(name),
    ),
  );

/** What an example prints; what it complains about, too, when it fails. */
const runExample = async (file: string, folder: string): Promise<string> => {
  const node = ['--conditions=@promethean/source', '--disable-warning=ExperimentalWarning'];
  const options = { cwd: folder, env: environment(), timeout: 20_000 };
  return run(process.execPath, [...node, file], options).then(
    ({ stdout }) => stdout,
    ({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }) => stdout + stderr,
  );
};

test('an example with its output below prints just that', async () => {
  const shown = examples.filter(({ output }) => output !== undefined);
  expect(shown.length).toBeGreaterThan(5);
  const documents = new Set(shown.map(({ document }) => document));
  const results = await Promise.all(
    [...documents].map(async (document) => {
      // The steps of one guide share a folder, as they do for its reader.
      const folder = await mkdtemp(join(tmpdir(), 'pantheon-example-'));
      const printed: { from: string; output: string }[] = [];
      for (const { from, file } of shown.filter((one) => one.document === document)) {
        printed.push({ from, output: await runExample(file, folder) });
      }
      await rm(folder, { recursive: true });
      return printed;
    }),
  );
  expect(results.flat()).toEqual(shown.map(({ from, output }) => ({ from, output })));
}, 120_000);

test('the example of the root README runs and prints what the README says', async () => {
  const output = await runExample(examples[0]?.file ?? '', ROOT);
  expect(output.trim().split('\n')).toEqual([
    "ok { type: 'tool', name: 'roll_dice', args: {}, callId: '1' }",
    "ok { type: 'message', content: 'A four!', target: 'user' }",
  ]);
});

test('a block is an example with its line, and with the output that follows directly', () => {
  const document = [
    'Text',
    '```ts',
    'a();',
    '```',
    '',
    '```text',
    'A',
    '```',
    '- in a list:',
    '  ```ts',
    '  b();',
    '  ```',
    'More text',
    '```text',
    'B',
    '```',
    '```ts',
    '// src/file.ts',
    'c();',
    '```',
    '```sh',
    'npm test',
    '```',
  ];
  expect(readExamples('x.md', document.join('\n'))).toEqual([
    { from: 'x.md:2', code: 'a();\n', output: 'A\n' },
    { from: 'x.md:10', code: '  b();\n', output: undefined },
  ]);
});

test.each(['typescript', 'ts twoslash', 'tsx', 'TS'])(
  'a block that says "%s" is not overlooked',
  (info) => {
    const read = () => readExamples('x.md', `\`\`\`${info}\na();\n\`\`\`\n`);
    expect(read).toThrow(`x.md:1: \`\`\`${info} is not compiled; write \`\`\`ts`);
  },
);
