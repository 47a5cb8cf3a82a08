import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkPages } from '../src/check-pages.ts';
import { makeHome } from '../src/home.ts';
import { titleOf } from '../src/page.ts';
import { serveFolder } from '../src/static-server.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pantheon-pages-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const html = (body: string, title = 'Title'): string =>
  `<html><head><title>${title}</title></head><body>${body}</body></html>`;

test('built pages that are whole pass', () => {
  mkdirSync(join(folder, 'guide'));
  writeFileSync(join(folder, 'style.css'), 'a { background: url(data:image/png;base64,) }');
  writeFileSync(join(folder, 'index.html'), html('<h1 id="top">A</h1><a href="/guide/b#b">b</a>'));
  writeFileSync(
    join(folder, 'guide/b.html'),
    html(
      '<h1 id="b">B</h1><a href="../#top">a</a><link href="/style.css"><a href="https://x.org">x</a>',
    ),
  );
  expect(checkPages(folder)).toEqual([]);
});

test('everything that is wrong with built pages is named', () => {
  writeFileSync(
    join(folder, 'index.html'),
    html('<h1>A</h1><h1>B</h1><a href="/gone">1</a><a href="#gone">2</a><img src="/gone.png">', ''),
  );
  writeFileSync(
    join(folder, 'fetch.html'),
    html('<h1>C</h1><script src="https://cdn.x.org/a.js">'),
  );
  writeFileSync(join(folder, 'a.css'), '@font-face { src: url("//fonts.x.org/f.woff2") }');
  const problems = checkPages(folder);
  expect(problems.toSorted()).toEqual([
    '/ has 2 headings of the first level',
    '/ has no title',
    '/: #gone leads to an anchor that does not exist',
    '/: /gone leads nowhere',
    '/: /gone.png leads nowhere',
    'a.css fetches from another host: url("//fonts.x.org/f.woff2")',
    'fetch.html fetches from another host: <script src="https://cdn.x.org/a.js"',
  ]);
});

test('the server finds pages without their ending, and nothing outside of its folder', async () => {
  mkdirSync(join(folder, 'site/guide'), { recursive: true });
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  writeFileSync(join(folder, 'site/index.html'), 'home');
  writeFileSync(join(folder, 'site/404.html'), 'lost');
  writeFileSync(join(folder, 'site/guide/b.html'), 'b');
  const server = await serveFolder(join(folder, 'site'));
  const get = async (path: string): Promise<readonly [number, string | null, string]> => {
    const response = await fetch(server.url + path);
    return [response.status, response.headers.get('content-type'), await response.text()];
  };
  const type = 'text/html; charset=utf-8';
  try {
    expect(await get('/')).toEqual([200, type, 'home']);
    expect(await get('/guide/b?x=1')).toEqual([200, type, 'b']);
    expect(await get('/%2e%2e/secret.txt')).toEqual([404, type, 'lost']);
    expect(await get('/..%2fsecret.txt')).toEqual([404, type, 'lost']);
    expect(await get('/%ff')).toEqual([404, type, 'lost']);
  } finally {
    await server.close();
  }
});

test('the title of a document is that of its front matter, or its first heading', () => {
  expect(titleOf('---\ntitle: Tutorial\n---\n\n# Other\n')).toBe('Tutorial');
  expect(titleOf('# 2. `running` is seen\n\ntitle: no\n')).toBe('2. running is seen');
  expect(titleOf('Text\n')).toBeUndefined();
});

test('the home page has what the README opens with', () => {
  const clone = '## Other\n\n```sh\nnpm run demo\n```\n';
  const commands = '## Make\n\n```sh\nnpm create pantheon@latest\n```\n';
  const example = '## Code\n\n```ts\nexport {};\n```\n';
  const readme = `# P\n\n![Picture](p.svg)\n\nOne **two**\n[three](x.md).\n\n${clone}\n${commands}\n${example}`;
  const home = makeHome(readme);
  expect(home).toContain('"tagline":"One two three."');
  expect(home).toContain(commands);
  expect(home).toContain(example);
  expect(home).not.toContain('## Other');
  expect(() => makeHome('# P\n\nText.\n')).toThrow('no section has a ```sh block');
});
