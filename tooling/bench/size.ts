/** W6, the size: each entry of the core bundled, minified and compressed. */
import { gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Workload } from './result.ts';

const CORE = '@promethean/pantheon-core';
const MEMORY = '@promethean/pantheon-core/memory';

const sizesOf = async (...entries: readonly string[]): Promise<readonly [number, number]> => {
  const { outputFiles } = await build({
    stdin: {
      contents: entries.map((entry) => `export * from '${entry}';`).join('\n'),
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2023',
    conditions: ['@promethean/source'],
    write: false,
  });
  const bytes = outputFiles[0]?.contents ?? new Uint8Array();
  return [bytes.length / 1_024, gzipSync(bytes, { level: 9 }).length / 1_024];
};

export const size: Workload = async () => {
  const core = await sizesOf(CORE);
  return {
    title: 'W6: size',
    tables: [
      {
        title: 'KiB, bundled and minified',
        columns: ['as it is', 'gzip'],
        rows: [
          { name: CORE, values: core },
          { name: MEMORY, values: await sizesOf(MEMORY) },
          { name: 'both', values: await sizesOf(CORE, MEMORY) },
        ],
      },
    ],
    targets: [{ what: `${CORE}, KiB gzip`, actual: core[1], limit: 20, sense: 'most' }],
  };
};
