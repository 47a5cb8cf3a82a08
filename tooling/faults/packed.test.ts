/** K9: what lies in the folder of a package and is not for its users is not packed, or `npm run check` refuses the package. */
import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { noteFigures } from '@promethean/services/figures';
import { expect, test } from 'vitest';
import { tarballProblems } from '../checks/tarball.ts';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const packages = join(root, 'packages');

const PLANTED: readonly string[] = [
  '.env',
  '.env.local',
  '.npmrc',
  '.netrc',
  'id_rsa',
  'secrets.json',
  'notes.md',
  'dump.rdb',
  'coverage/index.html',
  'test/planted.test.ts',
  'test/keys/server.pem',
  'src/planted.test.ts',
  'src/planted.test-d.ts',
  'src/.env',
  'dist/.tsbuildinfo',
  'dist/planted.test.js',
  'dist/planted.test.d.ts',
];
const SHIPPED = /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|(dist|docs|src|templates)\/.+)$/;
/** What npm runs on the machine of whoever installs. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare'];

interface PackedPackage {
  readonly name: string;
  readonly files: readonly { readonly path: string }[];
}
interface Manifest {
  readonly private?: boolean;
  readonly scripts?: Readonly<Record<string, string>>;
}

test('K9 secrets, notes and tests beside the sources are not packed', async (context) => {
  const work = mkdtempSync(join(tmpdir(), 'pantheon-packed-'));
  try {
    const copies: string[] = [];
    let installScripts = 0;
    for (const name of readdirSync(packages)) {
      const manifest = join(packages, name, 'package.json');
      const { private: isPrivate, scripts = {} } = JSON.parse(
        readFileSync(manifest, 'utf8'),
      ) as Manifest;
      if (isPrivate === true) continue;
      installScripts += INSTALL_SCRIPTS.filter((script) => scripts[script] !== undefined).length;
      const copy = join(work, name);
      cpSync(join(packages, name), copy, {
        recursive: true,
        filter: (source) => !/[\\/](node_modules|\.examples)$/.test(source),
      });
      for (const file of PLANTED) {
        mkdirSync(dirname(join(copy, file)), { recursive: true });
        writeFileSync(join(copy, file), 'planted');
      }
      copies.push(`./${name}`);
    }
    const pack = ['pack', '--dry-run', '--json', '--ignore-scripts', ...copies];
    const { stdout } = await execute('npm', pack, { cwd: work, maxBuffer: 1e8 });
    const packed = JSON.parse(stdout) as readonly PackedPackage[];
    let refused = 0;
    const leaks: string[] = [];
    for (const { name, files } of packed) {
      // As it would be with these files only: the check before a release looks at each of them.
      const problems = tarballProblems(new Map(files.map(({ path }) => [path, '{}'])), root);
      for (const { path } of files) {
        const isShipped = SHIPPED.test(path);
        if (isShipped && !PLANTED.includes(path)) continue;
        // What lies among the sources is packed with them, and the package is refused for it.
        if (isShipped && problems.includes(`${path} must not be published`)) refused += 1;
        else leaks.push(`${name}/${path}`);
      }
    }
    noteFigures(context, 'K9', {
      packages: packed.length,
      planted: packed.length * PLANTED.length,
      refused,
      leaks: leaks.length,
      installScripts,
    });
    expect(leaks).toEqual([]);
    expect(installScripts).toBe(0);
    expect(packed).toHaveLength(copies.length);
    expect(packed.length).toBeGreaterThan(0);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}, 120_000);
