import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { targetOf } from './links.ts';
import { ROOT } from './repository.ts';
import { slugOf } from './slug.ts';

/** The text of a document, '' for another file or a folder, undefined where there is nothing. */
export type Read = (path: string) => string | undefined;

const FENCED = /^( *)(`{3,}).*?^\1\2$/gms;
const LINK = /\]\(\s*<?([^)\s>]+)>?[^)]*\)|<(?:a|img)\b[^>]*\s(?:href|src)="([^"]*)"/g;

const anchorsOf = (markdown: string): ReadonlySet<string> => {
  const anchors = new Set<string>();
  for (const [, heading = ''] of markdown.replaceAll(FENCED, '').matchAll(/^#+ +(.+?) *#*$/gm)) {
    const slug = slugOf(heading.replaceAll(/\[(.+?)\]\(.+?\)/g, '$1'));
    let anchor = slug;
    for (let copy = 1; anchors.has(anchor); copy += 1) anchor = `${slug}-${copy}`;
    anchors.add(anchor);
  }
  return anchors;
};

const problemOf = (href: string, source: string, read: Read): string | undefined => {
  if (/^[a-z][a-z\d+.-]*:/i.test(href)) {
    const protocol = URL.canParse(href) ? new URL(href).protocol : '';
    return ['https:', 'mailto:'].includes(protocol) ? undefined : 'is no https address';
  }
  if (href.startsWith('/')) return 'begins with a slash, which leads nowhere on GitHub';
  const target = targetOf(href, source) ?? { path: source, anchor: href };
  const text = read(target.path);
  if (text === undefined) return 'leads to a file that does not exist';
  const isThere =
    target.anchor === '' ||
    !target.path.endsWith('.md') ||
    anchorsOf(text).has(target.anchor.slice(1));
  return isThere ? undefined : 'leads to a heading that does not exist';
};

/**
 * Looks at every link of a document as GitHub shows it: the file exists, and the heading in it.
 * @returns One sentence for each that leads nowhere.
 */
export const checkLinks = (source: string, read: Read): readonly string[] => {
  // In code a bracket is a bracket.
  const text = (read(source) ?? '').replaceAll(FENCED, '').replaceAll(/(`+)[^`].*?\1/g, '');
  return [...text.matchAll(LINK)].flatMap(([, inMarkdown, inHtml]) => {
    const href = inMarkdown ?? inHtml ?? '';
    const problem = problemOf(href, source, read);
    return problem === undefined ? [] : [`${source}: ${href} ${problem}`];
  });
};

/** Documents that people read on GitHub, and in packages. */
const listDocuments = (): readonly string[] => {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  const packages = readdirSync(join(ROOT, 'packages'));
  return [
    ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
    ...docs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`),
    ...packages.map((name) => `packages/${name}/README.md`),
  ].filter((path) => existsSync(join(ROOT, path)));
};

const readFromRepository: Read = (path) => {
  const file = join(ROOT, path);
  if (!existsSync(file)) return undefined;
  return path.endsWith('.md') && statSync(file).isFile() ? readFileSync(file, 'utf8') : '';
};

/** Looks at the links of all documents of the repository. */
export const checkSources = (): readonly string[] =>
  listDocuments().flatMap((path) => checkLinks(path, readFromRepository));
