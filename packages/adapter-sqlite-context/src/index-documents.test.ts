import { mkdir, mkdtemp, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeSqliteContext, type SourceSpec, type SqliteContext } from './index.ts';

let folder: string;
let root: string;
const opened: SqliteContext[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sqlite-index-'));
  root = join(folder, 'docs');
  await mkdir(root);
});
afterEach(async () => {
  for (const context of opened.splice(0)) await context.close();
  await rm(folder, { recursive: true });
});

const write = async (path: string, content: string | Uint8Array): Promise<void> => {
  const file = join(root, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
};

const open = (
  docs: Partial<Extract<SourceSpec, { kind: 'documents' }>> = {},
  path = ':memory:',
): SqliteContext => {
  const context = makeSqliteContext({
    path,
    sources: { docs: { kind: 'documents', root, ...docs } },
  });
  opened.push(context);
  return context;
};

const filesOf = async (context: SqliteContext): Promise<string[]> =>
  (await context.documents({ source: 'docs' })).map(({ file }) => file);

describe('index', () => {
  test('follows new, changed and deleted files, and leaves the rest alone', async () => {
    await write('a.md', '# A\nalpha');
    await write('b/c.md', '# C\ngamma');
    const context = open();
    expect(await context.index()).toMatchObject({
      added: 2,
      changed: 0,
      removed: 0,
      files: 2,
      chunks: 2,
    });
    expect(await context.index()).toMatchObject({ added: 0, changed: 0, removed: 0, unchanged: 2 });
    await write('a.md', '# A\nomega');
    await unlink(join(root, 'b/c.md'));
    await write('d.txt', 'delta');
    expect(await context.index()).toMatchObject({
      added: 1,
      changed: 1,
      removed: 1,
      unchanged: 0,
      files: 2,
    });
    expect((await context.search('omega')).map(({ file }) => file)).toEqual(['a.md']);
    expect(await context.search('alpha')).toEqual([]);
    expect(await context.search('gamma')).toEqual([]);
  });

  test('a changed text is seen although time and size stay the same', async () => {
    await write('a.md', 'first');
    const at = new Date();
    await utimes(join(root, 'a.md'), at, at);
    const context = open();
    await context.index();
    await write('a.md', 'other');
    await utimes(join(root, 'a.md'), at, at);
    expect(await context.index()).toMatchObject({ changed: 1 });
  });

  test('a touched file is unchanged', async () => {
    await write('a.md', 'text');
    const context = open();
    await context.index();
    await utimes(join(root, 'a.md'), new Date(), new Date(Date.now() - 60_000));
    expect(await context.index()).toMatchObject({ unchanged: 1, changed: 0 });
  });

  test('reads what is text, below ignore rules of every folder', async () => {
    for (const file of [
      'a.md',
      'b.mdx',
      'c.txt',
      'd.rst',
      'e.adoc',
      'f.markdown',
      'g.ts',
      'h.png',
      'i',
    ]) {
      await write(file, 'text');
    }
    await write('node_modules/x/readme.md', 'text');
    await write('.git/info.md', 'text');
    await write('.github/guide.md', 'text');
    await write('dist/api.md', 'text');
    await write('.gitignore', 'secret.md\nlogs/\n');
    await write('secret.md', 'text');
    await write('logs/today.md', 'text');
    await write('sub/.ignore', '*.txt\n!keep.txt\n!secret.md\n');
    await write('sub/drop.txt', 'text');
    await write('sub/keep.txt', 'text');
    await write('sub/secret.md', 'text');
    await write('drafts/new.md', 'text');
    const context = open({ ignore: ['drafts/', '!dist/'] });
    await context.index();
    expect(await filesOf(context)).toEqual([
      '.github/guide.md',
      'a.md',
      'b.mdx',
      'c.txt',
      'd.rst',
      'dist/api.md',
      'e.adoc',
      'f.markdown',
      'sub/keep.txt',
      'sub/secret.md',
    ]);
    const only = open({ include: ['/*.md', '.github/'] });
    await only.index();
    expect(await filesOf(only)).toEqual(['.github/guide.md', 'a.md']);
  });

  test('one bad file never stops the rest', async () => {
    await write('good.md', 'good text');
    await write('binary.md', Uint8Array.from([0x23, 0x20, 0, 1, 2]));
    await write(
      'broken.md',
      Uint8Array.from([...Buffer.from('caf'), 0xe9, ...Buffer.from(' broken words')]),
    );
    await write('wide.md', Buffer.from('\uFEFFsixteen bits', 'utf16le'));
    await write('huge.md', 'x'.repeat(5_000));
    await symlink('/nowhere', join(root, 'dangling.md'));
    const context = open({ maxFileBytes: 4_000 });
    const report = await context.index();
    expect(report.skipped).toEqual([
      { file: 'dangling.md', reason: 'is a link or a special file' },
      { file: 'binary.md', reason: 'is binary: it has NUL bytes' },
      { file: 'huge.md', reason: 'has 5000 bytes, more than maxFileBytes (4000)' },
    ]);
    expect(report.notes).toEqual([
      { file: 'broken.md', reason: 'is not valid UTF-8; the broken characters were replaced' },
    ]);
    expect(await filesOf(context)).toEqual(['broken.md', 'good.md', 'wide.md']);
    expect((await context.search('broken words'))[0]?.text).toBe('caf\uFFFD broken words');
    expect((await context.search('sixteen bits'))[0]?.file).toBe('wide.md');
    expect((await context.index()).notes).toHaveLength(1);
  });

  test('links lead nowhere: neither a file nor a folder outside of the root is read', async () => {
    await writeFile(join(folder, 'outside.md'), 'outside');
    await symlink(join(folder, 'outside.md'), join(root, 'link.md'));
    await symlink(folder, join(root, 'up'));
    await write('inside.md', 'inside');
    const context = open();
    await context.index();
    expect(await filesOf(context)).toEqual(['inside.md']);
  });

  test('a root that is not there rejects, and the index stays', async () => {
    await write('a.md', 'text');
    const context = open();
    await context.index();
    await rm(root, { recursive: true });
    await expect(context.index()).rejects.toMatchObject({ code: 'file-unreadable' });
    expect(await filesOf(context)).toEqual(['a.md']);
  });

  test('tells its progress, leaves the event loop its turns, and ends when it is told to', async () => {
    for (let at = 0; at < 400; at += 1)
      await write(`${at}.md`, `# T${at}\n${'some words here '.repeat(300)}`);
    const context = open();
    const abort = new AbortController();
    const seen: number[] = [];
    let turns = 0;
    let running = true;
    const count = (): void => {
      turns += 1;
      if (running) setImmediate(count);
    };
    count();
    const cut = context.index({
      signal: abort.signal,
      onProgress: ({ done, total }) => {
        seen.push(done);
        expect(total).toBe(400);
        if (done === 200) abort.abort();
      },
    });
    await expect(cut).rejects.toMatchObject({ code: 'tick-cancelled' });
    expect(seen.length).toBeLessThan(400);
    const report = await context.index();
    running = false;
    expect(turns).toBeGreaterThan(5);
    expect(report.files).toBe(400);
  });

  test('close ends a run, and the file can be opened again', async () => {
    for (let at = 0; at < 300; at += 1) await write(`${at}.md`, 'some words here '.repeat(500));
    const path = join(folder, 'context.db');
    const context = open({}, path);
    const [run] = await Promise.allSettled([context.index(), context.close()]);
    expect(run).toMatchObject({ status: 'rejected', reason: { code: 'closed' } });
    await expect(context.search('words')).rejects.toMatchObject({ code: 'closed' });
    const again = open({}, path);
    expect(await again.index()).toMatchObject({ files: 300 });
  });

  test('two ports on one file index at the same time, and each file is there once', async () => {
    for (let at = 0; at < 150; at += 1) await write(`${at}.md`, `# Title ${at}\nword${at} text`);
    const path = join(folder, 'context.db');
    const [a, b] = [open({}, path), open({}, path)];
    const reports = await Promise.all([a.index(), b.index()]);
    expect(reports.reduce((sum, { added }) => sum + added, 0)).toBe(150);
    expect(await filesOf(b)).toHaveLength(150);
    expect(await a.search('word77')).toHaveLength(1);
  });

  test('sources do not see each other', async () => {
    await write('one/a.md', 'zebra one');
    await write('two/a.md', 'zebra two');
    const context = makeSqliteContext({
      sources: {
        one: { kind: 'documents', root: join(root, 'one') },
        two: { kind: 'documents', root: join(root, 'two') },
      },
    });
    opened.push(context);
    await context.index();
    expect((await context.search('zebra', { source: 'one' })).map(({ text }) => text)).toEqual([
      'zebra one',
    ]);
    expect((await context.search('zebra')).map(({ source }) => source).sort()).toEqual([
      'one',
      'two',
    ]);
  });
});

describe('the database file', () => {
  test('an index outlives its process', async () => {
    await write('a.md', 'lasting words');
    const path = join(folder, 'context.db');
    const first = open({}, path);
    await first.index();
    await first.close();
    const second = open({}, path);
    expect(await second.search('lasting')).toHaveLength(1);
  });

  test('a database of another program is left alone', () => {
    const path = join(folder, 'other.db');
    const other = new DatabaseSync(path);
    other.exec('CREATE TABLE theirs (id)');
    other.close();
    expect(() => open({}, path)).toThrow(/another program/);
    const check = new DatabaseSync(path);
    expect(check.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n']).toBe(1);
    check.close();
  });

  test('a file of a newer version is refused', () => {
    const path = join(folder, 'newer.db');
    const newer = new DatabaseSync(path);
    newer.exec('PRAGMA application_id = 1348695160; PRAGMA user_version = 99');
    newer.close();
    expect(() => open({}, path)).toThrow(/newer release/);
  });

  test('a transaction that SQLite itself ended, as on a full disk, is reported by its cause', async () => {
    const path = join(folder, 'full.db');
    const context = makeSqliteContext({ path, sources: { talk: { kind: 'conversation' } } });
    opened.push(context);
    await context.record('ada', [{ role: 'user', content: 'kept' }]);
    const other = new DatabaseSync(path);
    other.exec(
      `CREATE TRIGGER full BEFORE INSERT ON entry WHEN new.message LIKE '%lost%'
       BEGIN SELECT RAISE(ROLLBACK, 'the disk is full'); END`,
    );
    await expect(context.record('ada', [{ role: 'user', content: 'lost' }])).rejects.toMatchObject({
      message: expect.stringContaining('the disk is full') as string,
    });
    other.exec('DROP TRIGGER full');
    other.close();
    await context.record('ada', [{ role: 'user', content: 'after' }]);
    const sources = [{ id: 'talk', label: 'Talk' }];
    expect((await context.compile({ sources })).map(({ content }) => content)).toEqual([
      'kept',
      'after',
    ]);
  });

  test('a damaged file and a folder without access give one clear error', async () => {
    const path = join(folder, 'damaged.db');
    await writeFile(path, 'this is no database, and long enough to be read as one. '.repeat(50));
    expect(() => open({}, path)).toThrow(expect.objectContaining({ code: 'file-unreadable' }));
    expect(() => open({}, join(folder, 'no', 'such', 'folder.db'))).toThrow(
      expect.objectContaining({ code: 'file-unreadable' }),
    );
  });

  test.each([
    [{ sources: { a: { kind: 'web' } } }, 'sources.a.kind'],
    [{ sources: { a: null } }, 'sources.a.kind'],
    [{ sources: { a: { kind: 'documents' } } }, 'sources.a.root'],
    [
      { sources: { a: { kind: 'documents', root: '.', maxFileBytes: -1 } } },
      'sources.a.maxFileBytes',
    ],
    [{ sources: { a: { kind: 'documents', root: '.', ignore: 'x' } } }, 'sources.a.ignore'],
    [{ sources: {}, path: '' }, 'path'],
    [{ sources: {}, queryLimit: 1.5 }, 'queryLimit'],
    [{}, 'sources'],
  ])('wrong options are refused: %j', (options, path) => {
    expect(() => makeSqliteContext(options as never)).toThrow(
      expect.objectContaining({ code: 'option-invalid', message: expect.stringContaining(path) }),
    );
  });
});
