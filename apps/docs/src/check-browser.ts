import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { CUT_OFF, EXCESS_WIDTH, IS_ALIVE, UNSEEN_FOCUS } from './in-page.ts';

const SIZES = [
  { name: 'phone', width: 390, height: 844 },
  { name: 'desktop', width: 1440, height: 900 },
] as const;
const SCHEMES = ['light', 'dark'] as const;
const PAGES = ['/', '/guide/tutorial', '/adapters/redis-bus', '/api/pantheon-core'];
/** More than a busy machine needs. */
const TIMEOUT_MS = 20_000;

/** Where a browser is installed; undefined where there is none. */
export const findBrowser = async (): Promise<string | undefined> => {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin'];
  for (const folder of folders) {
    for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
      const file = join(folder, name);
      const isThere = await access(file).then(
        () => true,
        () => false,
      );
      if (isThere) return file;
    }
  }
  return undefined;
};

type Say = (problem: string) => void;

/** A page that reports errors on its console, and requests to other hosts. */
const openPage = async (context: BrowserContext, url: string, say: Say): Promise<Page> => {
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  page.on('console', (message) => {
    if (message.type() === 'error') say(`${page.url()}: console: ${message.text()}`);
  });
  page.on('pageerror', (error) => say(`${page.url()}: ${error.message}`));
  page.on('request', (request) => {
    const address = request.url();
    if (!address.startsWith(url) && !address.startsWith('data:'))
      say(`${page.url()} asks ${address}`);
  });
  return page;
};

const visit = async (page: Page, address: string): Promise<void> => {
  await page.goto(address);
  await page.waitForFunction(IS_ALIVE);
  await page.waitForLoadState('networkidle');
};

/** Everything that the keyboard reaches first can be seen to have the focus. */
const checkFocus = async (page: Page, say: Say): Promise<void> => {
  for (let step = 1; step <= 6; step += 1) {
    await page.keyboard.press('Tab');
    const unseen = await page.evaluate<string | null>(UNSEEN_FOCUS);
    if (unseen !== null) say(`the focus cannot be seen after ${step} tabs, on ${unseen}`);
  }
};

const checkMenus = async (page: Page, url: string): Promise<void> => {
  await visit(page, url);
  await page.click('.VPNavBarHamburger');
  await page.locator('.VPNavScreen a[href="/adapters/"]').click();
  await page.waitForURL(`${url}/adapters/`);
  await page.click('.VPLocalNav .menu');
  await page.locator('.VPSidebar.open a[href="/adapters/redis-bus"]').click();
  await page.waitForURL(`${url}/adapters/redis-bus`);
};

const checkSearchDialog = async (page: Page, url: string): Promise<void> => {
  await visit(page, url);
  await page.click('.VPNavBarSearch button');
  await page.fill('.VPLocalSearchBox input', 'lease-lost');
  // A code of an error is explained by the first result.
  await page.locator('.VPLocalSearchBox .result.selected[href^="/reference/errors"]').waitFor();
  await page.fill('.VPLocalSearchBox input', 'mailbox');
  await page
    .locator('.VPLocalSearchBox .result.selected:not([href^="/reference/errors"])')
    .waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL((address) => address.pathname !== '/');
  await page.locator('h1').waitFor();
};

const checkWindows = async (
  browser: Browser,
  url: string,
  say: Say,
  pictures: string,
): Promise<void> => {
  for (const { name, width, height } of SIZES) {
    for (const colorScheme of SCHEMES) {
      const context = await browser.newContext({ viewport: { width, height }, colorScheme });
      const about: Say = (problem) => say(`${name}, ${colorScheme}: ${problem}`);
      const page = await openPage(context, url, about);
      for (const path of PAGES) {
        await visit(page, url + path);
        const excess = await page.evaluate<number>(EXCESS_WIDTH);
        if (excess > 0) about(`${path} is ${excess} pixels wider than the window`);
        for (const element of await page.evaluate<string[]>(CUT_OFF)) {
          about(`${path} cuts off ${element}`);
        }
        const picture = `${name}-${colorScheme}-${path.slice(1).replaceAll('/', '-') || 'home'}.png`;
        await page.screenshot({ path: join(pictures, picture) });
      }
      await visit(page, url);
      await checkFocus(page, about);
      if (name === 'phone') await checkMenus(page, url);
      await checkSearchDialog(page, url);
      await context.close();
    }
  }
};

/**
 * Reads the served site as people do: on a phone and on a desk, by day and by night.
 * @param pictures The folder for what was seen.
 * @returns One sentence for each thing that is wrong.
 */
export const checkInBrowser = async (
  executablePath: string,
  url: string,
  pictures: string,
): Promise<readonly string[]> => {
  const problems = new Set<string>();
  // Containers run as root, where Chromium's own sandbox does not start; it sees only our pages.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const browser = await chromium.launch({ executablePath, args, timeout: TIMEOUT_MS });
  try {
    await checkWindows(browser, url, (problem) => problems.add(problem), pictures);
  } finally {
    await browser.close();
  }
  return [...problems];
};
