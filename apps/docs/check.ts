/** The documentation is whole: it builds, its links lead somewhere, it can be searched, and a browser shows it well. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSite } from './src/build-site.ts';
import { checkInBrowser, findBrowser } from './src/check-browser.ts';
import { checkPages } from './src/check-pages.ts';
import { checkSearch } from './src/check-search.ts';
import { checkSources } from './src/check-sources.ts';
import { serveFolder } from './src/static-server.ts';
import { timed } from './src/timed.ts';

const problems: string[] = [];
const check = (
  step: string,
  run: () => Promise<readonly string[]> | readonly string[],
): Promise<void> =>
  timed(step, async () => {
    problems.push(...(await run()));
  });

const lookInBrowser = async (folder: string): Promise<void> => {
  const browser = await findBrowser();
  if (browser === undefined) {
    if (process.env['CI'] !== undefined)
      problems.push('no browser is installed; CI needs chromium');
    else console.log('Not looked at in a browser: install chromium');
    return;
  }
  const server = await serveFolder(folder);
  const pictures = await mkdtemp(join(tmpdir(), 'pantheon-docs-'));
  try {
    await check('browser', () => checkInBrowser(browser, server.url, pictures));
  } finally {
    await server.close();
  }
  console.log(`What the browser showed is in ${pictures}`);
};

await check('links in the documents', checkSources);
try {
  const folder = await buildSite('/');
  await check('built pages', () => checkPages(folder));
  await check('search', () => checkSearch(folder, ['mailbox', 'makeredisbus']));
  await lookInBrowser(folder);
} catch (error) {
  problems.push(error instanceof Error ? error.message : String(error));
}

for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? 'The documentation is whole.' : `${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
