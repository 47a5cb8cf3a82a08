import type { MarkdownRenderer } from 'vitepress';
import { makeLinkRewriter, targetOf } from './links.ts';
import type { Page } from './page.ts';

/** Teaches the renderer what the links of a document mean on the site. */
export const addLinkRule = (md: MarkdownRenderer, pages: readonly Page[]): void => {
  const sources = new Map(pages.map(({ route, source }) => [`${route}.md`, source]));
  const rewrite = makeLinkRewriter(pages);
  /** Pictures are copied with their folders. */
  const rewritePicture = (src: string, source: string): string => {
    const target = targetOf(src, source);
    return target === undefined ? src : `/${target.path}`;
  };

  md.core.ruler.push('repository-links', ({ tokens, env }) => {
    const source = sources.get((env as { readonly relativePath: string }).relativePath);
    if (source === undefined) return;
    for (const token of tokens.flatMap((block) => [block, ...(block.children ?? [])])) {
      const href = token.attrGet('href');
      const src = token.attrGet('src');
      if (href !== null) token.attrSet('href', rewrite(href, source));
      if (src !== null) token.attrSet('src', rewritePicture(src, source));
      if (!token.type.startsWith('html_')) continue;
      token.content = token.content.replaceAll(
        /\b(href|src)="([^"]+)"/g,
        (_, name: string, value: string) =>
          `${name}="${(name === 'href' ? rewrite : rewritePicture)(value, source)}"`,
      );
    }
  });
};
