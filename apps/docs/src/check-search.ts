import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Index {
  readonly index: readonly (readonly [term: string, ...unknown[]])[];
  readonly documentCount: number;
}

/** Looks into the index that the search dialog loads. @returns One sentence for each word that it does not find. */
export const checkSearch = async (
  folder: string,
  words: readonly string[],
): Promise<readonly string[]> => {
  const chunks = join(folder, 'assets/chunks');
  const name = readdirSync(chunks).find((file) => file.startsWith('@localSearchIndexroot'));
  if (name === undefined) return ['the search has no index'];
  const chunk = (await import(pathToFileURL(join(chunks, name)).href)) as {
    readonly default: string;
  };
  const { index, documentCount } = JSON.parse(chunk.default) as Index;
  if (documentCount === 0) return ['the index of the search is empty'];
  const terms = new Set(index.map(([term]) => term));
  return words
    .filter((word) => !terms.has(word))
    .map((word) => `the search does not find '${word}'`);
};
