/** The examples in the READMEs: every TypeScript block compiles where its reader would put it, and the first one runs. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
/** In a package of its own, so that its dependencies resolve as they do for its users; git ignores it. */
const FOLDER = '.examples';

interface Example {
  /** Where it stands, for the person who has to mend it. */
  readonly from: string;
  readonly file: string;
  readonly code: string;
}

/** The root README has no package; its example uses what the demo uses. */
const homeOf = (readme: string): string =>
  readme === 'README.md' ? 'apps/demo' : join(readme, '..');

const readExamples = async (): Promise<readonly Example[]> => {
  const packages = await readdir(join(ROOT, 'packages'));
  const readmes = ['README.md', ...packages.map((name) => join('packages', name, 'README.md'))];
  const examples = readmes.map(async (readme) => {
    const text = await readFile(join(ROOT, readme), 'utf8');
    return [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = ''], index) => ({
      from: `${readme}, example ${index + 1}`,
      file: join(ROOT, homeOf(readme), FOLDER, `example-${index + 1}.ts`),
      code,
    }));
  });
  return (await Promise.all(examples)).flat();
};

let examples: readonly Example[] = [];

beforeAll(async () => {
  examples = await readExamples();
  for (const { file, code } of examples) {
    await mkdir(join(file, '..'), { recursive: true });
    // A module, even where a short example imports nothing.
    await writeFile(file, `${code}\nexport {};\n`);
  }
});

afterAll(async () => {
  const folders = new Set(examples.map(({ file }) => join(file, '..')));
  for (const folder of folders) await rm(folder, { recursive: true });
});

test('every package has an example, and all of them compile', async () => {
  expect(examples.length).toBeGreaterThan(6);
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
  const project = join(examples[0]?.file ?? '', '..', 'tsconfig.json');
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
});

test('the example of the root README runs and prints what the README says', async () => {
  const [first] = examples;
  const node = ['--conditions=@promethean/source', '--disable-warning=ExperimentalWarning'];
  const { stdout } = await run(process.execPath, [...node, first?.file ?? ''], { cwd: ROOT });
  expect(stdout.trim().split('\n')).toEqual([
    "ok { type: 'tool', name: 'roll_dice', args: {}, callId: '1' }",
    "ok { type: 'message', content: 'A four!', target: 'user' }",
  ]);
});
