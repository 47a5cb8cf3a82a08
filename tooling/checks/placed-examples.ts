import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readExamples, type Example } from './examples.ts';

/** An example in a file of its own, in a package whose dependencies it may use. */
export interface PlacedExample extends Example {
  readonly document: string;
  readonly file: string;
}

/** In a package of its own, so that its dependencies resolve as they do for its users; git ignores it. */
const FOLDER = '.examples';

/** Documents outside of a package may use what the documentation depends on. */
const homeOf = (document: string): string =>
  document.startsWith('packages/') ? document.split('/').slice(0, 2).join('/') : 'apps/docs';

const listDocuments = async (root: string): Promise<readonly string[]> => {
  const docs = await readdir(join(root, 'docs'), { recursive: true });
  const packages = await readdir(join(root, 'packages'));
  const shipped = packages.flatMap((name) => [
    `packages/${name}/README.md`,
    `packages/${name}/docs/coding-agents.md`,
  ]);
  return [
    'README.md',
    ...docs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`),
    ...shipped.filter((path) => existsSync(join(root, path))),
  ];
};

/** Writes every example of every document of the repository into its file. */
export const placeExamples = async (root: string): Promise<readonly PlacedExample[]> => {
  const placed: PlacedExample[] = [];
  for (const document of await listDocuments(root)) {
    const found = readExamples(document, await readFile(join(root, document), 'utf8'));
    const name = document.replaceAll('/', '-').replace(/\.md$/, '');
    for (const [index, example] of found.entries()) {
      const file = join(root, homeOf(document), FOLDER, `${name}-${index + 1}.ts`);
      await mkdir(dirname(file), { recursive: true });
      // A module, even where a short example imports nothing.
      await writeFile(file, `${example.code}\nexport {};\n`);
      placed.push({ ...example, document, file });
    }
  }
  return placed;
};
