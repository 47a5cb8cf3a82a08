import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { ROOT } from './repository.ts';
import type { Site } from './site.ts';

const PICTURES = new Set(['.gif', '.jpg', '.png', '.svg', '.webp']);

/** Writes the pages, and the pictures of docs/, into an emptied folder. */
export const assemble = ({ pages }: Site, folder: string): void => {
  rmSync(folder, { recursive: true, force: true });
  for (const { route, markdown } of pages) {
    const file = join(folder, `${route}.md`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, markdown);
  }
  const docs = join(ROOT, 'docs');
  for (const picture of readdirSync(docs, { recursive: true, encoding: 'utf8' })) {
    if (!PICTURES.has(extname(picture))) continue;
    cpSync(join(docs, picture), join(folder, 'public/docs', picture));
  }
};
