import { posix } from 'node:path';
import type { Page } from './page.ts';
import { addressOf } from './repository.ts';

/** Where a link of a document leads: a path of the repository, and an anchor with its #, or ''. */
export interface Target {
  readonly path: string;
  readonly anchor: string;
}

/** The target of a relative link; undefined for addresses, anchors on the page itself, and routes of the site. */
export const targetOf = (href: string, source: string): Target | undefined => {
  if (/^([a-z][a-z\d+.-]*:|#|\/)/i.test(href)) return undefined;
  const [path = '', anchor] = href.split('#', 2);
  const resolved = posix.join(posix.dirname(source), decodeURI(path)).replace(/\/$/, '');
  return { path: resolved, anchor: anchor === undefined ? '' : `#${anchor}` };
};

/**
 * What a link means on the site: the page that shows the document, or the first of a folder's documents; the repository's address
 * for anything else that exists. A link that leads nowhere stays as it is, for the check that names it.
 */
export const makeLinkRewriter = (
  pages: readonly Page[],
): ((href: string, source: string) => string) => {
  const shown = pages.filter(({ source }) => source !== undefined);
  return (href, source) => {
    const target = targetOf(href, source);
    if (target === undefined) return href;
    const { path, anchor } = target;
    if (path === '.') return `/${anchor}`;
    const page =
      shown.find((one) => one.source === path) ??
      shown.find((one) => one.source?.startsWith(`${path}/`));
    if (page !== undefined) return `/${page.route === 'index' ? '' : page.route}${anchor}`;
    const address = addressOf(path);
    return address === undefined ? href : address + anchor;
  };
};
