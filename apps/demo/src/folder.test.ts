import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { insideFolder, openFolder } from './folder.ts';

let base = '';
beforeAll(async () => {
  base = await openFolder(await mkdtemp(join(tmpdir(), 'pantheon-')), '/');
  await mkdir(join(base, 'docs/guide'), { recursive: true });
  await mkdir(join(base, 'docs-secret'));
  await writeFile(join(base, 'docs/guide/a.md'), '# A');
  await writeFile(join(base, 'docs/..odd.md'), '# odd');
  await writeFile(join(base, 'docs-secret/key.md'), 'secret');
  await symlink(join(base, 'docs/guide/a.md'), join(base, 'docs/inside.md'));
  await symlink(join(base, 'docs-secret'), join(base, 'docs/out'));
});
afterAll(() => rm(base, { recursive: true }));

test('documents inside are found, also by links and odd names', async () => {
  const root = join(base, 'docs');
  expect(await insideFolder(root, 'guide/a.md')).toBe(join(root, 'guide/a.md'));
  expect(await insideFolder(root, 'inside.md')).toBe(join(root, 'guide/a.md'));
  expect(await insideFolder(root, '..odd.md')).toBe(join(root, '..odd.md'));
});

test.each(['../docs-secret/key.md', 'out/key.md', '../../../../../../etc/passwd', '..'])(
  '%s is outside',
  async (path) => {
    await expect(insideFolder(join(base, 'docs'), path)).rejects.toThrow(
      'outside of the documents folder',
    );
  },
);

test('what does not exist is said', async () => {
  await expect(insideFolder(base, 'nothing.md')).rejects.toThrow('there is no document nothing.md');
  await expect(openFolder('nothing', base)).rejects.toThrow(
    `There is no folder ${join(base, 'nothing')}`,
  );
  await expect(openFolder('docs/guide/a.md', base)).rejects.toThrow(
    'is a file. Give --docs the folder',
  );
});
