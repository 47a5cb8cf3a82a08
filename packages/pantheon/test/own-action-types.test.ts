/** An application that has installed nothing but this package adds action types through it. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const PACKAGE = join(import.meta.dirname, '..');
const TSC = join(PACKAGE, '../../node_modules/.bin/tsc');

const CODE = `
import { type Action, makePantheon } from '@promethean/pantheon';

declare module '@promethean/pantheon' {
  interface ActionTypes {
    print: { readonly type: 'print'; readonly text: string };
  }
}
export const action: Action = { type: 'print', text: 'a' };
// @ts-expect-error The text is missing.
export const wrong: Action = { type: 'print' };
makePantheon({ options: { actions: { print: () => 1 } } });
`;

test(
  'declare module "@promethean/pantheon" adds to the types of the core',
  { timeout: 60_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pantheon-types-'));
    try {
      await mkdir(join(folder, 'node_modules/@promethean'), { recursive: true });
      await symlink(PACKAGE, join(folder, 'node_modules/@promethean/pantheon'));
      await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
      await writeFile(join(folder, 'app.ts'), CODE);
      const options = [
        '--strict',
        '--noEmit',
        '--skipLibCheck',
        '--module',
        'nodenext',
        '--types',
        '',
      ];
      const source = ['--customConditions', '@promethean/source', '--allowImportingTsExtensions'];
      const output = await promisify(execFile)(TSC, [...options, ...source, 'app.ts'], {
        cwd: folder,
      }).then(
        () => '',
        ({ stdout }: { readonly stdout: string }) => stdout,
      );
      expect(output.split('\n').filter((line) => line.startsWith('app.ts'))).toEqual([]);
      expect(output).not.toContain('Cannot find module');
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
