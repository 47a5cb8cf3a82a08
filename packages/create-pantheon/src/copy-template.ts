import { randomUUID } from 'node:crypto';
import { cp, lstat, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Problem } from './problem.ts';

/** What a copy can have beside the template's files. */
export interface CopyOptions {
  /** Further files by their path in the target; they win over files of the template. */
  readonly files?: Readonly<Record<string, string>>;
  /** Its abort ends the copy with its reason, before the target exists. */
  readonly signal?: AbortSignal;
}

/** npm leaves `.gitignore` out of a tarball. */
const RENAMED: Readonly<Record<string, string>> = { _gitignore: '.gitignore' };
/** `{{name}}`, but not the `${{ … }}` of a workflow. */
const PLACEHOLDER = /(?<!\$)\{\{(\w+)\}\}/g;

const occupied = (target: string, cause?: unknown): Problem =>
  new Problem(
    `${target} exists and is not an empty folder; nothing was written.`,
    'Choose another name, or remove it first.',
    { cause },
  );

/** Whether there is an empty folder at the target already; anything else there is refused. */
const isEmptyFolder = async (target: string): Promise<boolean> => {
  const found = await lstat(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    if (error.code === 'ENOTDIR') throw occupied(dirname(target), error);
    throw error;
  });
  if (found === undefined) return false;
  if (!found.isDirectory() || (await readdir(target)).length > 0) throw occupied(target);
  return true;
};

const readTemplate = async (
  template: string,
  values: Readonly<Record<string, string>>,
): Promise<Map<string, string>> => {
  const filled = (text: string, file: string): string =>
    text.replace(PLACEHOLDER, (placeholder, key: string) => {
      const value = Object.hasOwn(values, key) ? values[key] : undefined;
      if (value === undefined) throw new Error(`${file} has ${placeholder}, and no value is given`);
      return value;
    });
  const files = new Map<string, string>();
  // Not `recursive`: Yarn runs this from an archive, where it does not say in which folder an entry is.
  const read = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(template, folder), { withFileTypes: true })) {
      const source = join(template, folder, entry.name);
      const place = join(folder, RENAMED[entry.name] ?? entry.name);
      if (entry.isDirectory()) await read(join(folder, entry.name));
      else files.set(filled(place, source), filled(await readFile(source, 'utf8'), source));
    }
  };
  await read('');
  return files;
};

/** Into a folder that is empty, and may be somebody's working directory. What another has put there meanwhile stays. */
const fill = async (temporary: string, target: string): Promise<void> => {
  const done: string[] = [];
  try {
    for (const entry of await readdir(temporary)) {
      const place = join(target, entry);
      await cp(join(temporary, entry), place, {
        recursive: true,
        force: false,
        errorOnExist: true,
      });
      done.push(place);
    }
  } catch (error) {
    for (const place of done) await rm(place, { recursive: true });
    throw error;
  }
};

/** Into place in one step, so that no reader sees, and no interruption leaves, half a folder. */
const moveInto = async (temporary: string, target: string, exists: boolean): Promise<void> => {
  try {
    await (exists ? fill(temporary, target) : rename(temporary, target));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (['EEXIST', 'ENOTEMPTY', 'ENOTDIR', 'EPERM', 'ERR_FS_CP_EEXIST'].includes(code ?? ''))
      throw occupied(target, error);
    throw error;
  }
};

/** Not `recursive`: with that, Node tries for ever where a folder is there but takes no other, as below /proc. */
const makeFolder = async (folder: string): Promise<void> => {
  const isFolder = (): Promise<boolean> =>
    stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    );
  if (await isFolder()) return;
  const above = dirname(folder);
  if (above !== folder) await makeFolder(above);
  await mkdir(folder).catch(async (error: unknown) => {
    if (!(await isFolder())) throw error; // Otherwise another process was faster.
  });
};

/**
 * Copies a template to `target`, which must not exist or be an empty folder, and resolves to the paths of the files in it, sorted.
 *
 * Every `{{key}}` in a file or in its path becomes `values[key]`; a key without a value is an error. `_gitignore` becomes
 * `.gitignore`. Everything is written to a temporary folder beside the target, which then gets the target's name: a copy that fails,
 * or is interrupted, leaves nothing.
 *
 * Rejects with a `Problem` when something is at the target or the folder above cannot be written.
 */
export const copyTemplate = async (
  template: string,
  target: string,
  values: Readonly<Record<string, string>>,
  options: CopyOptions = {},
): Promise<readonly string[]> => {
  const place = resolve(target);
  const exists = await isEmptyFolder(place);
  const files = await readTemplate(resolve(template), values);
  for (const [file, text] of Object.entries(options.files ?? {})) files.set(join(file), text);
  const temporary = join(dirname(place), `.${basename(place)}-${randomUUID()}`);
  try {
    await makeFolder(temporary);
    for (const [file, text] of files) {
      options.signal?.throwIfAborted();
      await mkdir(join(temporary, dirname(file)), { recursive: true });
      await writeFile(join(temporary, file), text);
    }
    options.signal?.throwIfAborted();
    await moveInto(temporary, place, exists);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR' || code === 'EEXIST') throw occupied(dirname(place), error);
    if (['EACCES', 'EPERM', 'EROFS', 'ENOENT'].includes(code ?? ''))
      throw new Problem(
        `${dirname(place)} cannot be written to (${code}); nothing was made.`,
        'Choose a folder that you may write to.',
        { cause: error },
      );
    throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return [...files.keys()].sort();
};
