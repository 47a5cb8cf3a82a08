import { readFileSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';

const attributes = (html: string, name: string): readonly string[] =>
  [...html.matchAll(new RegExp(`\\s${name}="([^"]*)"`, 'g'))].map(([, value = '']) =>
    value.replaceAll('&amp;', '&'),
  );

/** What a browser fetches by itself from elsewhere: scripts, styles, pictures, fonts; a link that is followed is not. */
const FETCHES = [
  /<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\ssrc="(https?:|\/\/)[^"]*"/g,
  /<link\b[^>]*\shref="(https?:|\/\/)[^"]*"/g,
  /url\(\s*["']?(https?:|\/\/)[^)]*\)/g,
  /@import\s+["'](https?:|\/\/)[^"']*/g,
];

/**
 * Looks at the built files: every page has a title and one heading of the first level, every link and every anchor leads
 * somewhere, nothing is fetched from another host.
 * @returns One sentence for each thing that is wrong.
 */
export const checkPages = (folder: string): readonly string[] => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const problems: string[] = [];
  const pages = new Map<string, { html: string; ids: ReadonlySet<string> }>();
  for (const file of files) {
    if (!['.html', '.css'].includes(extname(file))) continue;
    const text = readFileSync(join(folder, file), 'utf8');
    for (const pattern of FETCHES) {
      for (const [found] of text.matchAll(pattern))
        problems.push(`${file} fetches from another host: ${found}`);
    }
    if (!file.endsWith('.html') || file === '404.html') continue;
    const route = `/${file.replace(/(^|\/)index\.html$/, '$1').replace(/\.html$/, '')}`;
    pages.set(route, { html: text, ids: new Set(attributes(text, 'id')) });
  }

  const known = new Set(files.map((file) => `/${file}`));
  for (const [route, { html }] of pages) {
    const title = /<title>([^<]*)<\/title>/.exec(html)?.[1] ?? '';
    if (title.trim() === '') problems.push(`${route} has no title`);
    const headings = html.match(/<h1[\s>]/g)?.length ?? 0;
    if (headings !== 1) problems.push(`${route} has ${headings} headings of the first level`);

    for (const href of new Set([...attributes(html, 'href'), ...attributes(html, 'src')])) {
      if (/^[a-z][a-z\d+.-]*:/i.test(href)) {
        if (!href.startsWith('data:') && !URL.canParse(href))
          problems.push(`${route}: ${href} is no address`);
        continue;
      }
      const { pathname, hash } = new URL(href, `http://site${route}`);
      const target = pages.get(decodeURI(pathname));
      if (target === undefined) {
        if (!known.has(pathname)) problems.push(`${route}: ${href} leads nowhere`);
      } else if (hash !== '' && !target.ids.has(decodeURIComponent(hash.slice(1)))) {
        problems.push(`${route}: ${href} leads to an anchor that does not exist`);
      }
    }
  }
  return problems;
};
