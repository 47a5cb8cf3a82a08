import { join } from 'node:path';
import { build } from 'vitepress';
import { writeApi } from './api.ts';
import { assemble } from './assemble.ts';
import { readSite } from './site.ts';
import { timed } from './timed.ts';

const HOME = join(import.meta.dirname, '..');

/**
 * Builds the whole site.
 * @param base The path under which it will be served.
 * @returns The folder with the built files.
 * @throws Error that names a page that is missing, or a link between pages that leads nowhere.
 */
export const buildSite = async (base: string): Promise<string> => {
  const pages = join(HOME, '.site/pages');
  const site = readSite();
  await timed('pages', () => assemble(site, pages));
  await timed('reference', () => writeApi(site.entries, join(pages, 'api')));
  await timed('site', () => build(HOME, { base }));
  return join(HOME, '.site/dist');
};
