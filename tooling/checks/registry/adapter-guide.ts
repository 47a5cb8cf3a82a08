/**
 * docs/guide/write-an-adapter.md, followed word for word. It ends with an adapter that is published, installed elsewhere, used, and
 * proved there.
 */
import { readFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { followGuide, readJson } from './follow-guide.ts';
import { readGuide } from './guide-blocks.ts';
import type { LocalRegistry } from './local-registry.ts';

const GUIDE = join(import.meta.dirname, '../../../docs/guide/write-an-adapter.md');

interface Report {
  readonly package: { readonly name: string; readonly version: string };
  readonly failed: number;
  readonly passed: number;
}

const requireReport = async (file: string): Promise<void> => {
  const { package: adapter, failed, passed } = (await readJson(file)) as Report;
  if (adapter.name !== 'pantheon-adapter-file-bus' || failed !== 0 || passed === 0)
    throw new Error(
      `${file} is about ${adapter.name}, with ${passed} cases passed and ${failed} failed.`,
    );
};

/** A step of run.ts. */
const adapterGuide = async (registry: LocalRegistry, work: string): Promise<void> => {
  const blocks = readGuide(await readFile(GUIDE, 'utf8'));
  const env = {
    ...registry.env,
    // The Node that runs this check, whatever else is installed.
    PATH: `${dirname(process.execPath)}${delimiter}${registry.env['PATH'] ?? ''}`,
    NO_COLOR: '1',
  };
  const folder = await followGuide(blocks, work, env, (line) => console.log(`    ${line}`));
  await requireReport(join(folder, 'pantheon-report.json'));
  const installed = join(folder, 'node_modules/pantheon-adapter-file-bus');
  await requireReport(join(installed, 'pantheon-report.json'));
};

export default adapterGuide;
