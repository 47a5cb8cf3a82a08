import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { copyTemplate } from './copy-template.ts';
import { Problem } from './problem.ts';

let work = '';
let template = '';
const put = async (file: string, text: string): Promise<void> => {
  await mkdir(join(work, file, '..'), { recursive: true });
  await writeFile(join(work, file), text);
};

beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'copy template '));
  template = join(work, 'the template');
  await put('the template/_gitignore', 'dist/\n');
  await put('the template/src/{{file}}.ts', 'export const {{variable}} = 1;\n');
  await put('the template/.github/release.yml', '${{ github.ref }} of {{file}}\n');
});
afterEach(() => rm(work, { recursive: true }));

const values = { file: 'a-bus', variable: 'bus' };
const made = ['.github/release.yml', '.gitignore', 'src/a-bus.ts'];

test('files, hidden ones too, are copied with their values, in their contents and in their names', async () => {
  const target = join(work, 'new/one');
  expect(await copyTemplate(template, target, values)).toEqual(made);
  expect(await readFile(join(target, 'src/a-bus.ts'), 'utf8')).toBe('export const bus = 1;\n');
  expect(await readFile(join(target, '.gitignore'), 'utf8')).toBe('dist/\n');
  const workflow = await readFile(join(target, '.github/release.yml'), 'utf8');
  expect(workflow).toBe('${{ github.ref }} of a-bus\n');
  expect(await readdir(join(work, 'new'))).toEqual(['one']);
});

test('the folder and its files have the rights that any new ones have', async () => {
  const target = join(work, 'one');
  await copyTemplate(template, target, values);
  await mkdir(join(work, 'other'));
  expect((await stat(target)).mode).toBe((await stat(join(work, 'other'))).mode);
});

test('further files are written beside the ones of the template, and win over them', async () => {
  const target = join(work, 'one');
  const files = { 'package.json': '{}', '.gitignore': 'all' };
  await copyTemplate(template, target, values, { files });
  expect(await readFile(join(target, 'package.json'), 'utf8')).toBe('{}');
  expect(await readFile(join(target, '.gitignore'), 'utf8')).toBe('all');
});

test('an empty folder is filled, and stays the folder that it is', async () => {
  const target = join(work, 'empty');
  await mkdir(target);
  const before = await stat(target);
  await copyTemplate(template, target, values);
  expect((await stat(target)).ino).toBe(before.ino);
  expect(await readdir(join(target, 'src'))).toEqual(['a-bus.ts']);
});

test.each([
  ['a folder with something in it', 'taken/file.txt', 'taken'],
  ['a folder with something hidden in it', 'taken/.git', 'taken'],
  ['a file', 'taken', 'taken'],
  ['a file where a folder should be', 'taken', 'taken/deep/er'],
])('%s is refused, and nothing is written', async (_, file, target) => {
  await put(file, 'mine');
  const refused = copyTemplate(template, join(work, target), values);
  await expect(refused).rejects.toThrow(Problem);
  await expect(refused).rejects.toThrow('exists and is not an empty folder; nothing was written.');
  expect(await readFile(join(work, file), 'utf8')).toBe('mine');
  expect((await readdir(work)).toSorted()).toEqual(['taken', 'the template']);
});

test('of two copies to one place at the same time one is refused, and the other is whole', async () => {
  const target = join(work, 'one');
  const copies = await Promise.allSettled([
    copyTemplate(template, target, values),
    copyTemplate(template, target, values),
  ]);
  expect(copies.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(copies.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: expect.any(Problem) as Problem,
  });
  expect((await readdir(target)).toSorted()).toEqual(['.github', '.gitignore', 'src']);
  expect((await readdir(work)).toSorted()).toEqual(['one', 'the template']);
});

test('a copy that is interrupted leaves nothing', async () => {
  const interruption = new AbortController();
  const { signal } = interruption;
  const copy = copyTemplate(template, join(work, 'one'), values, { signal });
  interruption.abort(new Error('enough'));
  await expect(copy).rejects.toThrow('enough');
  expect(await readdir(work)).toEqual(['the template']);
});

test('a placeholder without a value is an error that names the file, and leaves nothing', async () => {
  const copy = copyTemplate(template, join(work, 'one'), { file: 'a-bus' });
  await expect(copy).rejects.toThrow(
    /\{\{file\}\}\.ts has \{\{variable\}\}, and no value is given/,
  );
  expect(await readdir(work)).toEqual(['the template']);
});
