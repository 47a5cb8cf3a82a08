import { defineConfig } from 'vitepress';
import { addLinkRule } from '../src/link-rule.ts';
import { REPOSITORY } from '../src/repository.ts';
import { readSite } from '../src/site.ts';
import { slugOf } from '../src/slug.ts';

const { pages, sidebar } = readSite();
const sources = new Map(pages.map(({ route, source }) => [`${route}.md`, source]));

/** Three columns and a roof. */
const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#3a5ccc" d="M8 1 1 5v1h14V5zM2 7h2v6H2zm5 0h2v6H7zm5 0h2v6h-2zM1 14h14v1H1z"/></svg>',
)}`;

export default defineConfig({
  lang: 'en',
  title: 'Pantheon',
  description:
    'LLM actors for TypeScript: a small core that knows only ports, and packages that each implement one.',
  srcDir: '.site/pages',
  outDir: '.site/dist',
  cacheDir: '.site/cache',
  cleanUrls: true,
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: ICON }]],
  markdown: {
    anchor: { slugify: slugOf },
    config: (md) => addLinkRule(md, pages),
  },
  transformPageData: ({ relativePath, frontmatter }) => {
    const source = sources.get(relativePath);
    // The home page and the reference are made from other texts.
    const editLink = source !== undefined && relativePath !== 'index.md';
    const pageClass = relativePath.startsWith('api/') ? 'api' : '';
    return { frontmatter: { ...frontmatter, source, editLink, pageClass } };
  },
  // The index of the search is one file.
  vite: { build: { chunkSizeWarningLimit: 4000 } },
  themeConfig: {
    nav: [
      { text: 'Tutorial', link: '/guide/tutorial' },
      { text: 'Concepts', link: '/guide/concepts' },
      { text: 'Adapters', link: '/adapters/', activeMatch: '^/adapters/' },
      { text: 'API', link: '/api/', activeMatch: '^/api/' },
    ],
    sidebar,
    outline: [2, 3],
    notFound: {
      quote: 'Nothing is at this address. The search finds a page by any of its words.',
      linkText: 'Home',
      linkLabel: 'To the home page',
    },
    socialLinks: [{ icon: 'github', link: REPOSITORY }],
    editLink: {
      text: 'Edit this page',
      // It runs in the browser, where nothing of this file is known.
      pattern: ({ frontmatter }) =>
        `https://github.com/promethean/pantheon/edit/main/${String(frontmatter['source'])}`,
    },
    search: {
      provider: 'local',
      options: {
        // Both functions run in the browser as well, where nothing of this file is known.
        miniSearch: {
          options: {
            // Beside the words of `lease-lost` the whole of it: a code is searched for as it stands in a log.
            tokenize: (text: string) => [
              ...text.split(/[\n\r\p{Z}\p{P}]+/u),
              ...(text.match(/[a-z]+(?:-[a-z]+)+/g) ?? []),
            ],
          },
          searchOptions: {
            // Who searches for a word wants to be told about it first, and then to see every place that has it.
            boostDocument: (id: string, term: string) => {
              if (id.includes('/api/')) return 0.3;
              return id.includes('/reference/errors') && term.includes('-') ? 10 : 1;
            },
          },
        },
      },
    },
  },
});
