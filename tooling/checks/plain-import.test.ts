import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importMs, importProblems } from './plain-import.ts';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pantheon-import-'));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** The specifier of a module with this code. */
const module = (code: string): string => {
  writeFileSync(join(folder, 'module.mjs'), code);
  return './module.mjs';
};

describe('an import', { timeout: 60_000 }, () => {
  test('that does nothing but export has no problem', async () => {
    expect(await importProblems(module('export const a = 1;'), folder)).toEqual([]);
  });

  test.each<[string, string, RegExp]>([
    ['exports nothing', 'export {};', /exports nothing/],
    ['prints', 'console.log("hello"); export const a = 1;', /prints: hello/],
    ['warns', 'console.warn("careful"); export const a = 1;', /prints: careful/],
    [
      'starts a timer that keeps no process',
      'setTimeout(() => {}, 60_000).unref(); export const a = 1;',
      /starts Timeout/,
    ],
    [
      'opens a socket',
      "import net from 'node:net'; net.createServer().listen(0, '127.0.0.1').unref(); export const a = 1;",
      /starts .*TCP/,
    ],
    ['throws', 'throw new Error("no server is configured");', /fails: .*no server is configured/s],
    ['is not there', "export { a } from './missing.mjs';", /fails: .*Cannot find module/s],
  ])('that %s is told', async (_, code, problem) => {
    expect(await importProblems(module(code), folder)).toEqual([expect.stringMatching(problem)]);
  });

  test('that works long takes as long, and another does not', async () => {
    const slow = module('const end = Date.now() + 200; while (Date.now() < end); export {};');
    expect(await importMs(slow, folder, 1)).toBeGreaterThan(100);
    expect(await importMs(module('export const a = 1;'), folder, 2, 50)).toBeLessThanOrEqual(50);
  });
});
