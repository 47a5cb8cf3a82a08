/**
 * Checks the packages as a user gets them: builds, packs, and looks at each tarball with publint, attw and eyes of its own;
 * imports every entry under plain Node in a clean folder; and holds the core to its size in a browser.
 */
import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { packageNames, root, textFiles } from './package-folder.ts';
import { tarballProblems } from './tarball.ts';

const CORE_LIMIT_KIB = 20;
/** This entry needs the test runner around it. */
const NOT_PLAIN_NODE = '@promethean/pantheon-testkit/vitest';

const execute = promisify(execFile);
const failed = (error: unknown): string => {
  const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
  return `${stdout}${stderr}`.trim() || String(error);
};

interface Packed {
  readonly name: string;
  readonly tarball: string;
  /** Where it lies unpacked, inside a `node_modules` in which nothing is but what users have. */
  readonly folder: string;
}

const packAll = async (work: string): Promise<readonly Packed[]> => {
  const pack = ['--recursive', '--filter', './packages/*', 'pack', '--pack-destination', work];
  await execute('pnpm', pack, { cwd: root, maxBuffer: 1e8 });
  const tarballs = readdirSync(work).filter((file) => file.endsWith('.tgz'));
  return Promise.all(
    packageNames().map(async (name) => {
      const file = tarballs.find(
        (tarball) => tarball.replace(/-\d.*$/, '') === `promethean-${name}`,
      );
      if (file === undefined) throw new Error(`pnpm packed no tarball for packages/${name}`);
      const folder = join(work, 'node_modules/@promethean', name);
      mkdirSync(folder, { recursive: true });
      await execute('tar', ['xzf', join(work, file), '-C', folder, '--strip-components=1']);
      return { name, tarball: join(work, file), folder };
    }),
  );
};

const toolProblems = async ({ tarball, folder }: Packed): Promise<readonly string[]> => {
  const { messages, pkg } = await publint({
    pkgDir: folder,
    pack: false,
    strict: true,
    level: 'error',
  });
  const problems = messages.map(
    (message) => `publint: ${formatMessage(message, pkg, { color: false })}`,
  );
  const attw = [tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-emoji', '--no-color'];
  await execute(join(root, 'tooling/checks/node_modules/.bin/attw'), attw).catch((error: unknown) =>
    problems.push(`attw: ${failed(error)}`),
  );
  return problems;
};

/** Puts what a package depends on beside it, then imports each entry: it must say nothing and let the process end. */
const importProblems = async (packed: Packed, work: string): Promise<readonly string[]> => {
  const manifest = JSON.parse(readFileSync(join(packed.folder, 'package.json'), 'utf8')) as {
    readonly name: string;
    readonly exports: Readonly<Record<string, unknown>>;
    readonly dependencies?: Readonly<Record<string, string>>;
    readonly peerDependencies?: Readonly<Record<string, string>>;
    readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  };
  const needed = { ...manifest.dependencies, ...manifest.peerDependencies };
  for (const name of Object.keys(needed)) {
    const isOptional = manifest.peerDependenciesMeta?.[name]?.optional === true;
    if (isOptional || name.startsWith('@promethean/')) continue;
    const place = join(work, 'node_modules', name);
    mkdirSync(join(place, '..'), { recursive: true });
    rmSync(place, { force: true });
    symlinkSync(realpathSync(join(root, 'packages', packed.name, 'node_modules', name)), place);
  }
  const entries = Object.keys(manifest.exports)
    .filter((entry) => entry !== './package.json')
    .map((entry) => manifest.name + entry.slice(1))
    .filter((entry) => entry !== NOT_PLAIN_NODE);
  const problems: string[] = [];
  for (const entry of entries) {
    const code = `if (Object.keys(await import('${entry}')).length === 0) throw new Error('exports nothing')`;
    const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', code];
    await execute(process.execPath, args, { cwd: work, timeout: 20_000 }).then(
      ({ stdout, stderr }) => {
        if (stdout + stderr !== '') problems.push(`import '${entry}' prints: ${stdout}${stderr}`);
      },
      (error: unknown) => problems.push(`import '${entry}' fails: ${failed(error)}`),
    );
  }
  return problems;
};

/** The size of an entry of the core, bundled for a browser: anything of Node in it does not bundle. */
const coreSize = async (
  entry: string,
): Promise<{ readonly minified: number; readonly gzip: number }> => {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    logLevel: 'silent',
  });
  const code = result.outputFiles[0]!.contents;
  return { minified: code.length, gzip: gzipSync(code, { level: 9 }).length };
};

const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;

const main = async (work: string): Promise<readonly string[]> => {
  await execute(join(root, 'node_modules/.bin/tsc'), ['-b'], { cwd: root });
  const all = await packAll(work);
  const problems: string[] = [];
  for (const packed of all) {
    const files = textFiles(packed.folder);
    const found = [
      ...tarballProblems(files, root),
      ...(await toolProblems(packed)),
      ...(await importProblems(packed, work)),
    ];
    problems.push(...found.map((problem) => `${packed.name}: ${problem}`));
    const size = kib(readFileSync(packed.tarball).length).padStart(10);
    console.log(
      `${found.length === 0 ? 'ok ' : 'bad'} ${packed.name.padEnd(26)} ${size} packed, ${files.size} files`,
    );
  }
  for (const entry of ['index.js', 'memory/index.js']) {
    const { minified, gzip } = await coreSize(
      join(work, 'node_modules/@promethean/pantheon-core/dist', entry),
    );
    console.log(
      `core dist/${entry}: ${kib(minified)} minified, ${kib(gzip)} gzip, limit ${CORE_LIMIT_KIB} KiB`,
    );
    if (gzip > CORE_LIMIT_KIB * 1024)
      problems.push(`pantheon-core: dist/${entry} is ${kib(gzip)} gzip`);
  }
  return problems;
};

const work = mkdtempSync(join(realpathSync(tmpdir()), 'pantheon-packages-'));
try {
  const problems = await main(work);
  for (const problem of problems) console.error(`\n${problem}`);
  if (problems.length > 0) process.exitCode = 1;
} catch (error) {
  console.error(failed(error));
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
