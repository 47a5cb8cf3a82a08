import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

let written = 0;

/** Writes a whole file or nothing, with its folder: a reader sees the old text or the new one. */
export const writeFileAtomically = async (path: string, text: string): Promise<void> => {
  written += 1;
  const draft = `${path}.${process.pid}-${written}.tmp`;
  await mkdir(dirname(path), { recursive: true });
  try {
    await writeFile(draft, text);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
};
