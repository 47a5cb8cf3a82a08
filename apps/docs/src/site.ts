import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DefaultTheme } from 'vitepress';
import { groupByPort, makeAdapterList, routeOf, shortNameOf } from './adapters.ts';
import { makeChangelog } from './changelog.ts';
import { listDocuments, readSection } from './documents.ts';
import { makeHome } from './home.ts';
import { after, before, project, type Section } from './navigation.ts';
import { readPackages, type Package } from './packages.ts';
import type { Page } from './page.ts';
import { entryNameOf, makeReferenceList, referenceOf } from './reference.ts';
import { ROOT } from './repository.ts';

type Item = DefaultTheme.SidebarItem;

export interface Site {
  readonly pages: readonly Page[];
  readonly sidebar: Item[];
  /** What the reference tells of, and its source. */
  readonly entries: ReadonlyMap<string, string>;
}

const itemOf = ({ title, route }: Page): Item => ({
  text: title,
  link: `/${route.replace(/(^|\/)index$/, '$1')}`,
});

const readPackagePage = (one: Package): Page => {
  const source = `packages/${one.folder}/README.md`;
  const file = join(ROOT, source);
  if (!existsSync(file)) throw new Error(`${source} does not exist`);
  const links = [...one.entries.keys()].map((entry) => `[\`${entry}\`](${referenceOf(entry)})`);
  const reference = `\n## Reference\n\nAll exports: ${links.join(', ')}.\n`;
  return {
    route: routeOf(one),
    title: shortNameOf(one.folder),
    source,
    markdown: readFileSync(file, 'utf8') + (links.length === 0 ? '' : reference),
  };
};

/**
 * Everything that the site shows.
 * @throws Error when a document is listed and missing, or there and not listed.
 */
export const readSite = (): Site => {
  // The core first: it owns what the others export again.
  const packages = readPackages().toSorted(
    (a, b) => Number(b.folder === 'pantheon-core') - Number(a.folder === 'pantheon-core'),
  );
  const entries = new Map(packages.flatMap((one) => [...one.entries]));

  const pages: Page[] = [];
  const show = (page: Page): Item => {
    pages.push(page);
    return itemOf(page);
  };
  const make = (route: string, title: string, markdown: string, source?: string): Item =>
    show({ route, title, source, markdown });
  const showSection = (section: Section): Item => ({
    text: section.title,
    items: readSection(section).map(show),
    ...(section.folded === true ? { collapsed: true } : {}),
  });
  const showPackage = (one: Package): Item => show(readPackagePage(one));

  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  make('index', 'Pantheon', makeHome(readme), 'README.md');
  const sidebar: Item[] = [
    ...before.map(showSection),
    {
      text: 'Packages',
      items: packages.filter(({ port }) => port === undefined).map(showPackage),
    },
    {
      text: 'Adapters',
      items: [
        make('adapters/index', 'All adapters', makeAdapterList(packages)),
        ...[...groupByPort(packages)].map(([port, adapters]) => ({
          text: port,
          items: adapters.map(showPackage),
        })),
      ],
    },
    ...after.map(showSection),
    {
      text: project.title,
      items: [
        make('project/changelog', 'Changelog', makeChangelog(packages)),
        ...readSection(project).map(show),
      ],
    },
    {
      text: 'API',
      collapsed: true,
      items: [
        make('api/index', 'All packages', makeReferenceList(packages)),
        ...[...entries.keys()].map((entry) => ({
          text: entryNameOf(entry),
          link: referenceOf(entry),
        })),
      ],
    },
  ];

  const shown = new Set(pages.map(({ source }) => source));
  const forgotten = listDocuments().filter((path) => !shown.has(path));
  if (forgotten.length > 0) {
    const place = 'apps/docs/src/navigation.ts';
    throw new Error(`Not in the sidebar: ${forgotten.join(', ')}. Add them to ${place}`);
  }
  return { pages, sidebar, entries };
};
