/**
 * Compares what the core and the testkit export with the reports in their folders `api/`, so that a change of an interface shows in
 * review. `--update` writes the reports.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { apiReport, changedLines, exportedNames } from './api-report.ts';
import { root } from './package-folder.ts';

const PACKAGES = ['pantheon-core', 'pantheon-testkit'];
const UPDATE = 'pnpm check:api --update';

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
}

const isUpdate = process.argv.includes('--update');
const folders = PACKAGES.map((name) => join(root, 'packages', name));
execFileSync(join(root, 'node_modules/.bin/tsc'), ['-b', ...folders], { stdio: 'inherit' });

for (const folder of folders) {
  const reports = join(folder, 'api');
  mkdirSync(reports, { recursive: true });
  const gone = new Set(readdirSync(reports));
  const { name, exports } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  ) as Manifest;
  // `exports` begins with "."; what that exports need not be told again for the others.
  let known: ReadonlySet<string> | undefined;
  for (const [entry, target] of Object.entries(exports)) {
    if (typeof target === 'string') continue;
    const file = `${entry === '.' ? 'index' : entry.slice(2)}.api.md`;
    const tracked = gone.delete(file) ? readFileSync(join(reports, file), 'utf8') : '';
    const built = apiReport(folder, name + entry.slice(1), target.types, known);
    known ??= exportedNames(built);
    const changes = changedLines(tracked, built);
    const title = `packages/${basename(folder)}/api/${file}`;
    if (isUpdate) writeFileSync(join(reports, file), built);
    if (changes.length === 0) console.log(`ok  ${title}`);
    else if (isUpdate) console.log(`new ${title}`);
    else {
      console.error(`bad ${title}: ${name + entry.slice(1)} exports something else\n`);
      console.error(`${changes.join('\n')}\n\nWhere this is meant: ${UPDATE}\n`);
      process.exitCode = 1;
    }
  }
  for (const file of gone) {
    if (isUpdate) rmSync(join(reports, file));
    else {
      console.error(`bad packages/${basename(folder)}/api/${file}: no such entry; ${UPDATE}`);
      process.exitCode = 1;
    }
  }
}
