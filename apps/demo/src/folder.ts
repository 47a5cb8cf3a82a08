/** The folder of documents, and the border around it. */
import { realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { UsageError } from './arguments.ts';

/**
 * The folder that was asked for, as a real path. Relative to where the person stood when typing the command.
 *
 * @throws UsageError when there is no such folder.
 */
export const openFolder = async (typed: string, from: string): Promise<string> => {
  const path = resolve(from, typed.replace(/^~(?=$|\/)/, homedir()));
  try {
    const real = await realpath(path);
    if ((await stat(real)).isDirectory()) return real;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') {
      throw new UsageError(`The folder ${path} cannot be opened (${code}). Check its permissions.`);
    }
    throw new UsageError(`There is no folder ${path}. Give --docs a folder that exists.`);
  }
  throw new UsageError(`${path} is a file. Give --docs the folder that it is in.`);
};

/**
 * The real path of a document. Links are followed as long as they stay inside of the folder.
 *
 * @throws Error, for the model to read, when the path leads out of the folder or to nothing.
 */
export const insideFolder = async (root: string, path: string): Promise<string> => {
  const real = await realpath(join(root, path)).catch(() => undefined);
  if (real === undefined) throw new Error(`there is no document ${path}; list_documents names all`);
  const way = relative(root, real);
  if (way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)) {
    throw new Error(`${path} is outside of the documents folder, and is not read`);
  }
  return real;
};
