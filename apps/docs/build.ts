/**
 * Builds the documentation into apps/docs/.site/dist: `node build.ts [--base /path/] [--serve]`.
 *
 * The pages are assembled from docs/, the READMEs and the comments of the sources; nothing is written twice.
 */
import { parseArgs } from 'node:util';
import { buildSite } from './src/build-site.ts';
import { serveFolder } from './src/static-server.ts';

const { values } = parseArgs({
  options: { base: { type: 'string', default: '/' }, serve: { type: 'boolean', default: false } },
});

const folder = await buildSite(values.base);
console.log(`The site is in ${folder}`);
if (values.serve) {
  const server = await serveFolder(folder);
  console.log(`Serving it on ${server.url}; end with Ctrl+C`);
}
