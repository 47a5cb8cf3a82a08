import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiReport, changedLines, exportedNames } from './api-report.ts';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pantheon-api-test-'));
  writeFileSync(join(folder, 'package.json'), '{ "name": "example", "type": "module" }');
});

afterAll(() => rmSync(folder, { recursive: true }));

/** The report of an entry with these declarations. */
const report = (declarations: string, known?: ReadonlySet<string>): string => {
  writeFileSync(join(folder, 'index.d.ts'), declarations);
  return apiReport(folder, 'example', 'index.d.ts', known);
};

const SEND = `interface Options {
  readonly to: string;
}
/** Sends. */
export declare const send: (text: string, options?: Options) => Promise<void>;
export {};
`;

describe('a report', { timeout: 60_000 }, () => {
  test('has the signatures and no remarks', () => {
    expect(report(SEND)).toMatch(
      /```ts\ninterface Options \{\n[^/]*\nexport const send: [^/]*```\n$/,
    );
  });

  test('does not change with a docstring', () => {
    expect(report(SEND.replace('Sends.', 'Hands it over.'))).toBe(report(SEND));
  });

  test.each([
    ['a parameter', SEND.replace('options?', 'options')],
    ['a result', SEND.replace('Promise<void>', 'Promise<string>')],
    ['a type that is named and not exported', SEND.replace('readonly to', 'readonly to?')],
    ['an export', `${SEND}export declare const close: () => void;`],
  ])('changes with %s', (_, changed) => {
    const before = report(SEND);
    expect(report(changed)).not.toBe(before);
  });

  test('leaves out what another report has', () => {
    const known = exportedNames(report(SEND.replace('interface', 'export interface')));
    expect([...known].toSorted()).toEqual(['Options', 'send']);
    expect(report(SEND, known)).not.toContain('interface Options');
    expect(report(SEND, known)).toContain('export const send');
  });

  test('of declarations that do not compile is refused', () => {
    expect(() => report('export declare const a: Missing;')).toThrow(
      /^The declarations of example cannot be read: .*Missing/,
    );
  });
});

test('a difference is shown with the lines beside it', () => {
  const lines = ['a', 'b', 'c', 'd', 'e'];
  const changed = ['a', 'b', 'x', 'd', 'e'];
  expect(changedLines(lines.join('\n'), lines.join('\n'))).toEqual([]);
  expect(changedLines(lines.join('\n'), changed.join('\n')).toSorted()).toEqual(
    ['  b', '- c', '+ x', '  d'].toSorted(),
  );
  const many = Array.from({ length: 100 }, (_, index) => String(index)).join('\n');
  expect(changedLines('', many).at(-1)).toMatch(/^\.\.\. and \d+ more lines$/);
});
