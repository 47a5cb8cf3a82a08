import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Bytes of a bundle. */
export interface BundledSize {
  readonly minified: number;
  readonly gzip: number;
}

const sizeOf = (code: Uint8Array): BundledSize => ({
  minified: code.length,
  gzip: gzipSync(code, { level: 9 }).length,
});

/** The size of a module, bundled for a browser: anything of Node in it does not bundle, and rejects. */
export const browserSize = async (file: string): Promise<BundledSize> => {
  const result = await build({
    entryPoints: [file],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    logLevel: 'silent',
  });
  return sizeOf(result.outputFiles[0]!.contents);
};

/** The size of all that a package can give, of its own code: what it depends on is not in it. */
export const ownSize = async (files: readonly string[]): Promise<BundledSize> => {
  const result = await build({
    stdin: {
      contents: files
        .map((file, index) => `export * as entry${index} from ${JSON.stringify(file)};`)
        .join('\n'),
      resolveDir: '/',
    },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    plugins: [
      {
        name: 'own-code-only',
        setup: (bundler) => {
          bundler.onResolve({ filter: /^[^./]/ }, ({ path }) => ({ path, external: true }));
        },
      },
    ],
    write: false,
    logLevel: 'silent',
  });
  return sizeOf(result.outputFiles[0]!.contents);
};
