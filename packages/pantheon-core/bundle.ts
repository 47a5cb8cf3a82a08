/**
 * Puts the core's seventy modules into one file for each entry and a few that they share: an import is paid by the file, and users pay
 * it at every start. Runs before the package is packed; types stay one file for each module. See docs/decisions/0013.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const source = join(import.meta.dirname, 'src');
const outdir = join(import.meta.dirname, 'dist/bundle');
rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: {
    index: join(source, 'index.ts'),
    adapter: join(source, 'adapter/index.ts'),
    memory: join(source, 'memory/index.ts'),
  },
  outdir,
  bundle: true,
  // What two entries use must be there once: there is one PantheonError.
  splitting: true,
  chunkNames: 'shared-[hash]',
  format: 'esm',
  platform: 'neutral',
  target: 'es2023',
  // The sources are published beside it.
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
});
