import { expect, test } from 'vitest';
import { checkLinks } from '../src/check-sources.ts';
import { makeLinkRewriter } from '../src/links.ts';
import { slugOf } from '../src/slug.ts';

const page = (route: string, source?: string) => ({ route, title: route, source, markdown: '' });
const rewrite = makeLinkRewriter([
  page('index', 'README.md'),
  page('guide/tutorial', 'docs/guide/tutorial.md'),
  page('adapters/redis-bus', 'packages/adapter-redis-bus/README.md'),
  page('decisions/0001-first', 'docs/decisions/0001-first.md'),
  page('adapters/index'),
]);

test.each([
  ['a document', 'tutorial.md', '/guide/tutorial'],
  ['a heading of a document', 'tutorial.md#a-loop', '/guide/tutorial#a-loop'],
  ['the folder of a package', '../../packages/adapter-redis-bus', '/adapters/redis-bus'],
  ['the README of a package', '../../packages/adapter-redis-bus/README.md', '/adapters/redis-bus'],
  ['a folder of documents', '../decisions/', '/decisions/0001-first'],
  ['the root README', '../../README.md', '/'],
  ['the repository', '../..', '/'],
  ['a heading of the page itself', '#here', '#here'],
  ['an address', 'https://nodejs.org/', 'https://nodejs.org/'],
  ['what does not exist', 'nowhere.md', 'nowhere.md'],
])('a link to %s leads there on the site', (_, href, expected) => {
  expect(rewrite(href, 'docs/guide/concepts.md')).toBe(expected);
});

test('a link to a source leads to the repository', () => {
  const file = rewrite('../src/page.ts#L3', 'apps/docs/test/README.md');
  const folder = rewrite('../src/', 'apps/docs/test/README.md');
  expect(file).toMatch(/^https:.*\/blob\/main\/apps\/docs\/src\/page\.ts#L3$/);
  expect(folder).toMatch(/^https:.*\/tree\/main\/apps\/docs\/src$/);
});

test.each([
  ['What it keeps', 'what-it-keeps'],
  ['7. A test', '7-a-test'],
  ['`bus:3` and `tick_all()`', 'bus3-and-tick_all'],
  ['Größe – über alles', 'größe--über-alles'],
])('the anchor of "%s" is the one that GitHub makes', (heading, anchor) => {
  expect(slugOf(heading)).toBe(anchor);
});

test('a link that leads nowhere on GitHub is named', () => {
  const documents: Readonly<Record<string, string>> = {
    'docs/a.md': [
      '# A',
      '[b](b.md) [twice](b.md#same-1) [itself](#a) [file](../src/x.ts) [web](https://nodejs.org)',
      '`[code](gone.md)`',
      '```md',
      '[code](gone.md)',
      '```',
      '[1](gone.md) [2](b.md#gone) [3](/guide/b) [4](http://nodejs.org) <img src="gone.png">',
    ].join('\n'),
    'docs/b.md': '# B\n\n## Same\n\n## Same\n',
    'src/x.ts': '',
  };
  expect(checkLinks('docs/a.md', (path) => documents[path])).toEqual([
    'docs/a.md: gone.md leads to a file that does not exist',
    'docs/a.md: b.md#gone leads to a heading that does not exist',
    'docs/a.md: /guide/b begins with a slash, which leads nowhere on GitHub',
    'docs/a.md: http://nodejs.org is no https address',
    'docs/a.md: gone.png leads to a file that does not exist',
  ]);
});
