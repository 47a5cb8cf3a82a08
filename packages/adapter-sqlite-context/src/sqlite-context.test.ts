import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeSqliteContext, type SqliteContext } from './index.ts';

const filler = (topic: string): string =>
  `# ${topic}\n\nThis page is about ${topic.toLowerCase()} and how to use it with the server.\n\n## Options\n\nIt has options.\n`;

const DOCUMENTS: Readonly<Record<string, string>> = {
  'docs/server.md':
    '# Server\n\nStarts the server.\n\n## keepAliveTimeout\n\nDefault: `72000` (72 seconds)\n\nHow long an idle connection stays open.\n\n## bodyLimit\n\nDefault: `1048576`\n\nThe largest request body.\n',
  'docs/logging.md':
    '# Logging\n\nLogs go to standard output.\n\n## Rotation\n\nRotate files with `--rotate-daily`.\n',
  'docs/security/tokens.md':
    '# Tokens\n\nA token expires after fifteen minutes.\n\n## Revoke\n\nRemove a token with `tokens revoke`.\n',
  'docs/fr/tokens.md':
    '# Jetons\n\nUn jeton expire après quinze minutes, et les jetons sont révoqués par la commande `tokens revoke` dans le terminal.\n',
  'docs/old/tokens.md':
    '# Tokens\n\nA token expires after fifteen minutes.\n\n## Revoke\n\nRemove a token with `tokens revoke`.\n',
  'CHANGELOG.md':
    '# Changelog\n\n## 2.0\n\n- tokens: a token expires after fifteen minutes\n- tokens revoke: remove a token\n- logging rotation\n',
  ...Object.fromEntries(
    ['Cache', 'Queue', 'Worker', 'Metrics', 'Proxy', 'Router', 'Cookies', 'Sessions'].map(
      (topic) => [`docs/${topic.toLowerCase()}.md`, filler(topic)],
    ),
  ),
};

let folder: string;
let context: SqliteContext;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sqlite-search-'));
  for (const [path, text] of Object.entries(DOCUMENTS)) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    await utimes(file, 1_700_000_000, path.startsWith('docs/old') ? 1_500_000_000 : 1_700_000_000);
  }
  context = makeSqliteContext({
    sources: {
      docs: { kind: 'documents', root: folder },
      talk: { kind: 'conversation' },
      results: { kind: 'tool-results' },
    },
  });
  await context.index();
});
afterAll(async () => {
  await context.close();
  await rm(folder, { recursive: true });
});

const first = async (question: string): Promise<string | undefined> =>
  (await context.search(question)).map(
    ({ file, heading }) => `${file} ${heading.split(' > ').at(-1)}`,
  )[0];

describe('search', () => {
  test.each([
    ['How long does an idle connection stay open?', 'docs/server.md keepAliveTimeout'],
    ['keepAliveTimeout', 'docs/server.md keepAliveTimeout'],
    ['what is the keep alive timeout', 'docs/server.md keepAliveTimeout'],
    ['body limit', 'docs/server.md bodyLimit'],
    ['rotate-daily', 'docs/logging.md Rotation'],
    ['how do I delete a token', 'docs/security/tokens.md Revoke'],
    ['What are metrics?', 'docs/metrics.md Metrics'],
    ['loging', 'docs/logging.md Logging'],
  ])('%s', async (question, expected) => {
    expect(await first(question)).toBe(expected);
  });

  test('the page comes before its translation, the changelog, and gives way to no copy', async () => {
    const files = (await context.search('When does a token expire?')).map(({ file }) => file);
    expect(files[0]).toBe('docs/security/tokens.md');
    expect(files).not.toContain('docs/old/tokens.md');
    expect(files.indexOf('CHANGELOG.md')).not.toBe(0);
  });

  test('a question in the language of a translation finds the translation first', async () => {
    expect(await first('Comment les jetons sont révoqués dans le terminal ?')).toMatch(/^docs\/fr/);
  });

  test('a hit says where it is', async () => {
    const [hit] = await context.search('idle connection');
    expect(hit).toMatchObject({
      source: 'docs',
      file: 'docs/server.md',
      line: 7,
      endLine: 9,
      heading: 'Server > keepAliveTimeout',
      snippet: 'How long an idle connection stays open.',
    });
    expect(DOCUMENTS['docs/server.md']!.split('\n').slice(6, 9).join('\n')).toBe(hit!.text);
  });

  test('filters by path, heading and time', async () => {
    const files = async (where: object): Promise<string[]> =>
      (await context.search('token expires', { where })).map(({ file }) => file);
    expect(await files({ path: 'docs/old/' })).toEqual([
      'docs/old/tokens.md',
      'docs/old/tokens.md',
    ]);
    expect(await files({ path: 'docs/%' })).toEqual([]);
    expect(new Set(await files({ heading: 'REVOKE' }))).toEqual(
      new Set(['docs/security/tokens.md']),
    );
    expect(await files({ since: 1_600_000_000_000 })).not.toContain('docs/old/tokens.md');
    expect(await files({ path: 'nothing/' })).toEqual([]);
    await expect(files({ path: 7 })).rejects.toMatchObject({ code: 'option-invalid' });
  });

  test('limit holds, and nothing is found for nothing', async () => {
    expect(await context.search('server', { limit: 3 })).toHaveLength(3);
    expect(await context.search('server', { limit: 0 })).toEqual([]);
    expect(await context.search('')).toEqual([]);
    expect(await context.search('qqqqwwww zzzzxxxx')).toEqual([]);
    await expect(context.search('server', { limit: -1 })).rejects.toMatchObject({
      code: 'option-invalid',
    });
    await expect(context.search('server', { source: 'talk' })).rejects.toMatchObject({
      code: 'option-invalid',
    });
    await expect(context.search('server', { source: 'x' })).rejects.toMatchObject({
      code: 'source-unknown',
    });
  });

  test.each([
    '"',
    "'; DROP TABLE file; --",
    'NEAR(a b)',
    'a AND OR NOT',
    'col:x* ^y -z',
    '\0',
    '\ud800',
    '🙂',
    '((',
  ])('any text is a question: %j', async (question) => {
    await expect(context.search(`${question} token`)).resolves.not.toEqual([]);
    await context.search(question);
  });

  test('a question of 100 kB is answered in about the time of a short one', async () => {
    const long = `${'lorem ipsum dolor '.repeat(6_000)} When does a token expire?`;
    const startedAt = performance.now();
    expect((await context.search(long))[0]?.file).toBe('docs/security/tokens.md');
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test('the same question gives the same hits', async () => {
    expect(await context.search('token server options')).toEqual(
      await context.search('token server options'),
    );
  });

  test('documents lists the index', async () => {
    expect(await context.documents({ source: 'docs', prefix: 'docs/s', limit: 2 })).toMatchObject([
      { file: 'docs/security/tokens.md', title: 'Tokens' },
      { file: 'docs/server.md', title: 'Server' },
    ]);
  });
});

describe('compile', () => {
  const docs = { id: 'docs', label: 'Manual' };

  test('passages come with their provenance, best first', async () => {
    const messages = await context.compile({
      texts: ['idle connection'],
      sources: [docs],
      queryLimit: 1,
    });
    expect(messages).toEqual([
      {
        role: 'user',
        content: expect.stringContaining('72 seconds') as string,
        provenance: {
          source: 'docs',
          trust: 'document',
          uri: 'docs/server.md',
          line: 7,
          endLine: 9,
          heading: 'Server > keepAliveTimeout',
          score: expect.any(Number) as number,
        },
      },
    ]);
  });

  test('without a text, documents give nothing', async () => {
    expect(await context.compile({ sources: [docs] })).toEqual([]);
  });

  test('where and metadata narrow and weigh a source', async () => {
    const of = async (source: object): Promise<(string | undefined)[]> =>
      (
        await context.compile({
          texts: ['when does a token expire'],
          sources: [{ ...docs, ...source }],
          limit: 1,
        })
      ).map(({ provenance }) => provenance?.uri);
    expect(await of({ where: { path: 'docs/old/' } })).toEqual(['docs/old/tokens.md']);
    expect(await of({ metadata: { recency: 1 } })).toEqual(['docs/security/tokens.md']);
    await expect(of({ metadata: { recency: 'much' } })).rejects.toMatchObject({
      code: 'option-invalid',
    });
  });

  test('talk is oldest first, older entries that match come along, tool results are a source of their own', async () => {
    const says = (
      content: string,
      role: 'user' | 'assistant' = 'user',
    ): { role: 'user' | 'assistant'; content: string } => ({ role, content });
    await context.record('ada', [says('The wombat is called Waldo.'), says('Noted.', 'assistant')]);
    await context.record('ada', [
      { role: 'assistant', content: 'Looking.', toolCalls: [{ id: '1', name: 'look', args: {} }] },
      { role: 'tool', toolCallId: '1', name: 'look', content: '{"weather":"fair"}' },
      says('Thanks.'),
      says('Bye.'),
    ]);
    const talk = { id: 'talk', label: 'Talk', where: { actorId: 'ada' } };
    const texts = ['What is the wombat called?'];
    const contents = async (request: object): Promise<string[]> =>
      (await context.compile({ texts, sources: [talk], ...request })).map(({ content }) => content);
    expect(await contents({ recentLimit: 2, queryLimit: 1 })).toEqual([
      'The wombat is called Waldo.',
      'Thanks.',
      'Bye.',
    ]);
    expect(await contents({ recentLimit: 2, queryLimit: 1, limit: 2 })).toEqual([
      'Thanks.',
      'Bye.',
    ]);
    const all = await context.compile({ sources: [talk] });
    expect(all.map(({ role }) => role)).toEqual(['user', 'assistant', 'assistant', 'user', 'user']);
    expect(all.every(({ toolCalls }) => toolCalls === undefined)).toBe(true);
    const results = { id: 'results', label: 'Results', where: { actorId: 'ada' } };
    expect(await context.compile({ sources: [results] })).toMatchObject([
      {
        role: 'user',
        name: 'look',
        content: '{"weather":"fair"}',
        provenance: { trust: 'tool', source: 'results' },
      },
    ]);
  });

  test('a tight budget goes to the best of every source, and by priority first', async () => {
    await context.record('bob', [{ role: 'user', content: 'hello there' }]);
    const talk = { id: 'talk', label: 'Talk', where: { actorId: 'bob' } };
    const sources = async (metadata: object): Promise<(string | undefined)[]> =>
      (
        await context.compile({
          texts: ['token'],
          sources: [docs, { ...talk, ...metadata }],
          limit: 2,
        })
      ).map(({ provenance }) => provenance?.source);
    expect(await sources({})).toEqual(['docs', 'talk']);
    expect(await sources({ metadata: { priority: -1 } })).toEqual(['docs', 'docs']);
  });

  test('explain says why each passage is taken or left', async () => {
    const explained = await context.explain({
      texts: ['when does a token expire'],
      sources: [docs],
      limit: 1,
    });
    expect(explained[0]).toMatchObject({ uri: 'docs/security/tokens.md:3', taken: true });
    expect(explained[1]).toMatchObject({
      taken: false,
      reason: expect.stringContaining('cut by limit (1)') as string,
    });
  });

  test('record refuses what is no message', async () => {
    await expect(context.record('', [])).rejects.toMatchObject({ code: 'message-invalid' });
    await expect(
      context.record('ada', [{ role: 'boss', content: 'x' } as never]),
    ).rejects.toMatchObject({
      message: expect.stringContaining('entries[0].role') as string,
    });
    await expect(context.record('ada', [{ role: 'user' } as never])).rejects.toMatchObject({
      message: expect.stringContaining('entries[0].content') as string,
    });
    const ring: Record<string, unknown> = {};
    ring['ring'] = ring;
    for (const metadata of [{ n: 1n }, ring])
      await expect(
        context.record('ada', [{ role: 'user', content: 'x', metadata } as never]),
      ).rejects.toMatchObject({ code: 'message-invalid', details: { path: 'entries[0]' } });
  });

  test("a question that is no text is the caller's mistake, not the file's", async () => {
    for (const question of [undefined, 5, ['token']])
      await expect(context.search(question as never)).rejects.toMatchObject({
        code: 'option-invalid',
        message: expect.stringContaining('query') as string,
      });
    for (const texts of ['token', [5]])
      await expect(
        context.compile({ texts: texts as never, sources: [docs] }),
      ).rejects.toMatchObject({ code: 'option-invalid' });
  });
});
