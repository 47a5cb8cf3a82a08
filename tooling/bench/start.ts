/** W6, the start: a whole process that imports the published core and runs one turn, above one that does nothing. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from './median.ts';
import type { Workload } from './result.ts';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('start-child.mjs', import.meta.url));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The published files are what is started, so they are made first. */
const build = (): Promise<unknown> =>
  run(process.execPath, [join(ROOT, 'packages/pantheon-core/bundle.ts')]);

/** Elapsed milliseconds from the start to the end of a process. */
const startOnce = async (args: readonly string[]): Promise<number> => {
  const began = performance.now();
  await run(process.execPath, [SCRIPT, ...args]);
  return performance.now() - began;
};

export const start: Workload = async ({ quick, repetitions }) => {
  await build();
  const empty: number[] = [];
  const core: number[] = [];
  const turn: number[] = [];
  // Short and therefore noisy, so three times as often as the rest.
  for (let n = 0; n < (quick ? 1 : 3 * repetitions); n += 1) {
    empty.push(await startOnce([]));
    core.push(await startOnce(['core']));
    turn.push(await startOnce(['turn']));
  }
  const manifest = JSON.parse(
    readFileSync(join(ROOT, 'packages/pantheon-core/package.json'), 'utf8'),
  ) as {
    readonly dependencies?: Readonly<Record<string, string>>;
  };
  const packages = 1 + Object.keys(manifest.dependencies ?? {}).length;
  const above = (times: readonly number[]): number => median(times) - median(empty);
  return {
    title: 'W6: start',
    tables: [
      {
        title: 'A whole process',
        columns: ['elapsed ms', 'above an empty one'],
        rows: [
          { name: 'empty', values: [median(empty), undefined] },
          { name: 'import of the core', values: [median(core), above(core)] },
          { name: 'import with ./memory, and first turn', values: [median(turn), above(turn)] },
        ],
      },
    ],
    targets: [
      { what: 'import of the core, ms', actual: above(core), limit: 20, sense: 'most' },
      {
        what: 'import with ./memory, and first turn, ms',
        actual: above(turn),
        limit: 20,
        sense: 'most',
      },
      { what: 'packages installed', actual: packages, limit: 1, sense: 'most' },
    ],
  };
};
