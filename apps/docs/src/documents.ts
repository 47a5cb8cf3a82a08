import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Section } from './navigation.ts';
import { titleOf, type Page } from './page.ts';
import { ROOT } from './repository.ts';

/** The paths of all documents in docs/, in alphabetical order. */
export const listDocuments = (): readonly string[] =>
  readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file.replaceAll('\\', '/')}`)
    .toSorted();

/** docs/guide/tutorial.md is /guide/tutorial; SECURITY.md is /project/security. */
const routeOf = (path: string): string =>
  path.startsWith('docs/')
    ? path.slice('docs/'.length, -'.md'.length)
    : `project/${path.slice(0, -'.md'.length).toLowerCase()}`;

const readDocument = (path: string): Page => {
  if (!existsSync(join(ROOT, path))) {
    throw new Error(`${path} is in the sidebar (apps/docs/src/navigation.ts), but does not exist`);
  }
  const markdown = readFileSync(join(ROOT, path), 'utf8');
  const title = titleOf(markdown);
  if (title === undefined) throw new Error(`${path} has no title and no heading`);
  return { route: routeOf(path), title, source: path, markdown };
};

/** The pages of a section. @throws Error for a document that does not exist or has no title. */
export const readSection = ({ documents }: Section): readonly Page[] => {
  const all = listDocuments();
  return documents
    .flatMap((path) =>
      path.endsWith('.md') ? [path] : all.filter((file) => file.startsWith(`${path}/`)),
    )
    .map(readDocument);
};
