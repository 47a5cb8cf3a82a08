/**
 * A release that does not leave this machine: what the collected changesets do to each package, and what a minor of the core
 * would do after them. Nothing is built or published.
 *
 *     node tooling/checks/registry/release-check.ts
 */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanEnvironment } from './command.ts';
import { makeReleaseClone } from './release-clone.ts';
import { type PlannedPackage, releaseProblems, releaseTable } from './release-plan.ts';

const problems: string[] = [];
const show = (title: string, plan: readonly PlannedPackage[]): void => {
  console.log(`${title}:\n\n${releaseTable(plan).join('\n')}\n`);
  problems.push(...releaseProblems(plan));
};

const work = mkdtempSync(join(realpathSync(tmpdir()), 'pantheon release-'));
process.once('exit', () => rmSync(work, { recursive: true, force: true }));
try {
  const clone = await makeReleaseClone(join(work, 'clone'), cleanEnvironment());
  show('The next release', await clone.version());
  for (const { name, version } of clone.manifests().values()) {
    if (version === '0.0.0') problems.push(`No changeset names ${name}, which was never released.`);
  }
  clone.addChangeset('a-minor', {
    '@promethean/pantheon-core': 'minor',
    '@promethean/pantheon': 'minor',
  });
  show('A minor of the core after it', await clone.version());
} catch (error) {
  problems.push(error instanceof Error ? error.message : String(error));
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
