/**
 * The packages as npm has them: publishes the working tree to a registry on loopback, and uses it as users do.
 *
 *     node tooling/checks/registry/run.ts [--full] [--keep] [step ...]
 *
 * Without names all steps run. `--full` tries every package manager, TypeScript and Node that we support; `--keep` leaves the
 * folders for a look.
 */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type LocalRegistry, startRegistry } from './local-registry.ts';

/** A step throws an Error with one readable sentence, and the output. `work` is an empty folder of its own. */
type Step = (registry: LocalRegistry, work: string, full: boolean) => Promise<void>;

/** The last one releases again, so that the others see what the working tree gives. */
const NAMES = ['consumers', 'create-app', 'adapter-guide', 'upgrade'];

const { values: flags, positionals } = parseArgs({
  options: { full: { type: 'boolean' }, keep: { type: 'boolean' } },
  allowPositionals: true,
});
const stepOf = async (name: string): Promise<Step> => {
  const file = join(import.meta.dirname, `${name}.ts`);
  if (!NAMES.includes(name) || !existsSync(file))
    throw new Error(`There is no step "${name}"; the steps are ${NAMES.join(', ')}.`);
  return ((await import(file)) as { readonly default: Step }).default;
};

const seconds = (since: number): string => `${((performance.now() - since) / 1_000).toFixed(1)} s`;

/** The sentence, and the end of the output, where tools say why. */
const shorten = (message: string): string => {
  const lines = message.split('\n');
  return lines.length <= 80 ? message : [...lines.slice(0, 5), '…', ...lines.slice(-70)].join('\n');
};

const main = async (work: string): Promise<void> => {
  const names = positionals.length > 0 ? positionals : NAMES;
  const steps = await Promise.all(names.map(async (name) => ({ name, step: await stepOf(name) })));
  const registry = await startRegistry({ work });
  try {
    for (const { name, step } of steps) {
      const start = performance.now();
      const folder = join(work, name);
      mkdirSync(folder);
      await step(registry, folder, flags.full === true);
      console.log(`ok  registry: ${name} (${seconds(start)})`);
    }
  } finally {
    await registry.close();
  }
};

// A space, as folders of users have.
const work = mkdtempSync(join(realpathSync(tmpdir()), 'pantheon registry-'));
const remove = (): void => {
  if (!flags.keep) rmSync(work, { recursive: true, force: true, maxRetries: 3 });
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.once('exit', remove);
try {
  await main(work);
} catch (error) {
  console.error(shorten(error instanceof Error ? error.message : String(error)));
  process.exitCode = 1;
}
if (flags.keep) console.log(`Left in ${work}`);
