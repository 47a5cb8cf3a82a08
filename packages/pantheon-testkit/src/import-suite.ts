import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Case, Harness, Suite } from './suite.ts';

/** What the import suite needs. */
export interface ImportHarness extends Harness {
  /** The `file:` URL of a package's entry. */
  readonly module: string;
  /** Options for the Node process that imports it, for instance `--conditions=...`. */
  readonly nodeOptions?: readonly string[];
}

// A process opens its own output streams when they are first named, which a library may do.
const PROBE = `
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const before = process.getActiveResourcesInfo();
  await import(process.argv[1]);
  const held = process.getActiveResourcesInfo();
  for (const one of before) {
    const index = held.indexOf(one);
    if (index !== -1) held.splice(index, 1);
  }
  console.log(JSON.stringify(held));
`;

const cases: readonly Case<ImportHarness>[] = [
  {
    id: 'port:4',
    title: 'an import opens nothing and starts nothing: the process that imports ends by itself',
    run: async ({ module, nodeOptions = [] }) => {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [...nodeOptions, '--input-type=module', '--eval', PROBE, module],
        { timeout: 25_000 },
      );
      assert.deepEqual(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''), [], 'nothing is held');
    },
  },
];

/** The rule of all ports about imports. */
export const importSuite: Suite<ImportHarness> = { cases };
