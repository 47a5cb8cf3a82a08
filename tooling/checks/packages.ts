/**
 * Checks the packages as a user gets them: builds, packs, and looks at each tarball with publint, attw and eyes of its own; imports
 * every entry under plain Node in a clean folder; holds the core to its limits; and compares the sizes with those of the last release,
 * in sizes.json, which `--update` writes.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { browserSize, ownSize } from './bundled-size.ts';
import { packageNames, root, textFiles } from './package-folder.ts';
import { packAll, type Packed } from './packed.ts';
import { importMs, importProblems } from './plain-import.ts';
import { growthProblems, kib, type Size, sizeLine, type Sizes, updated } from './sizes.ts';
import { tarballProblems } from './tarball.ts';

const CORE = 'pantheon-core';
const CORE_LIMIT_KIB = 25;
const CORE_LIMIT_MS = 20;
const IMPORT_ROUNDS = 3;
/** This entry needs the test runner around it. */
const NOT_PLAIN_NODE = '@promethean/pantheon-testkit/vitest';
const SIZES = join(import.meta.dirname, 'sizes.json');

const execute = promisify(execFile);
const failed = (error: unknown): string => {
  const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
  return `${stdout}${stderr}`.trim() || String(error);
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

const sizeOf = async (packed: Packed, files: number, work: string): Promise<Size> => {
  const { packedBytes, entries, commands, name } = packed;
  const enough = name === CORE ? CORE_LIMIT_MS : undefined;
  const [first = ''] = entries.keys();
  return {
    packedBytes,
    files,
    bundledBytes: (await ownSize([...entries.values(), ...commands])).gzip,
    importMs: Math.round(await importMs(first, work, IMPORT_ROUNDS, enough)),
  };
};

/** What the core promises beyond other packages. */
const coreProblems = async (packed: Packed, size: Size): Promise<readonly string[]> => {
  const problems: string[] = [];
  for (const [entry, file] of packed.entries) {
    const { minified, gzip } = await browserSize(file);
    console.log(
      `    ${entry}: ${kib(minified)} minified, ${kib(gzip)} gzip in a browser, limit ${CORE_LIMIT_KIB} KiB`,
    );
    if (gzip > CORE_LIMIT_KIB * 1024)
      problems.push(`${entry} is ${kib(gzip)} gzip, and the limit is ${CORE_LIMIT_KIB} KiB`);
  }
  if (size.importMs > CORE_LIMIT_MS)
    problems.push(
      `its import takes ${size.importMs} ms more than an empty module, and the limit is ${CORE_LIMIT_MS} ms`,
    );
  return problems;
};

const main = async (work: string): Promise<readonly string[]> => {
  const folders = packageNames().map((name) => join(root, 'packages', name));
  await execute(join(root, 'node_modules/.bin/tsc'), ['-b', ...folders]);
  const before = JSON.parse(readFileSync(SIZES, 'utf8')) as Sizes;
  const now: Record<string, Size> = {};
  const problems: string[] = [];
  for (const packed of await packAll(work)) {
    const { name, folder, entries } = packed;
    const files = textFiles(folder);
    const found = [...tarballProblems(files, root), ...(await toolProblems(packed))];
    for (const entry of entries.keys())
      if (entry !== NOT_PLAIN_NODE) found.push(...(await importProblems(entry, work)));
    const size = await sizeOf(packed, files.size, work);
    now[name] = size;
    console.log(
      `${found.length === 0 ? 'ok ' : 'bad'} ${name.padEnd(26)} ${sizeLine(before[name], size)}`,
    );
    if (name === CORE) found.push(...(await coreProblems(packed, size)));
    problems.push(...found.map((problem) => `${name}: ${problem}`));
  }
  if (process.argv.includes('--update'))
    writeFileSync(SIZES, `${JSON.stringify(updated(before, now), undefined, 2)}\n`);
  else problems.push(...growthProblems(before, now));
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
