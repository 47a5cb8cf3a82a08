import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The rules that our configuration reports for one file at a place in the repository, sorted. */
const reported = async (place: string, text: string): Promise<readonly string[]> => {
  const folder = await mkdtemp(join(tmpdir(), 'pantheon-lint-'));
  try {
    await copyFile(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    await mkdir(join(folder, place, '..'), { recursive: true });
    await writeFile(join(folder, place), text);
    const args = [
      join(root, 'node_modules/oxlint/bin/oxlint'),
      '--type-aware',
      '--format=json',
      place,
    ];
    const output = await new Promise<string>((resolve) => {
      execFile(process.execPath, args, { cwd: folder }, (_error, stdout) => resolve(stdout));
    });
    const { diagnostics } = JSON.parse(output) as { diagnostics: { code: string }[] };
    return diagnostics.map((diagnostic) => diagnostic.code.replace(/.*\((.+)\)/, '$1')).toSorted();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

test('the core may use no host, no randomness and nothing outside its folder', async () => {
  const text = `
    import { readFile } from 'node:fs';
    import { parse } from '../memory/parse.ts';
    import type { Schema } from 'zod';
    export const now = (): number => Date.now();
    export const chance = (): number => Math.random();
    export const later = (run: () => void): unknown => setTimeout(run, 1);
    export const rest: unknown[] = [readFile, parse, globalThis, process, fetch];
    export type Shape = Schema;
  `;
  const globals = Array<string>(5).fill('no-restricted-globals');
  const imports = Array<string>(3).fill('no-restricted-imports');
  expect(await reported('packages/pantheon-core/src/core/clock.ts', text)).toEqual([
    ...globals,
    ...imports,
    'no-restricted-properties',
  ]);
});

test('a promise that nobody waits for, an any, a console and an empty catch are errors in a package', async () => {
  const text = `
    const run = async (): Promise<void> => {};
    export const start = (value: any): void => {
      run();
      try { console.log(value); } catch {}
    };
  `;
  expect(await reported('packages/adapter-made-bus/src/made-bus.ts', text)).toEqual([
    'no-console',
    'no-empty',
    'no-explicit-any',
    'no-floating-promises',
  ]);
});

test('a focused and a skipped test are errors', async () => {
  const text = `
    import { expect, test } from 'vitest';
    test.only('a', () => { expect(1).toBe(1); });
    test.skip('b', () => { expect(1).toBe(1); });
  `;
  expect(await reported('packages/adapter-made-bus/src/made-bus.test.ts', text)).toEqual([
    'no-disabled-tests',
    'no-focused-tests',
  ]);
});
