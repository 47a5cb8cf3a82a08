/** A project of a user, in a folder with a space in its name. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runCommand } from './command.ts';
import type { LocalRegistry } from './local-registry.ts';

export interface Consumer {
  readonly folder: string;
  /** Runs a command in the folder and returns what it printed. */
  readonly run: (command: string, ...args: readonly string[]) => Promise<string>;
  readonly write: (file: string, text: string) => void;
  readonly read: (file: string) => string;
}

/** An empty project: what `npm init` leaves, and modules. */
export const makeConsumer = (
  { env }: LocalRegistry,
  work: string,
  name: string,
  manifest: Readonly<Record<string, unknown>> = {},
): Consumer => {
  const folder = join(work, name);
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  };
  const project = { name: 'my-app', version: '1.0.0', private: true, type: 'module' };
  write('package.json', JSON.stringify({ ...project, ...manifest }, null, 2));
  return {
    folder,
    write,
    read: (file) => readFileSync(join(folder, file), 'utf8'),
    run: (command, ...args) => runCommand(command, args, { cwd: folder, env, timeoutMs: 240_000 }),
  };
};

const CORE = '@promethean/pantheon-core';

/** Throws unless npm has put one core there, of this version where one is given, and finds nothing wrong with the tree. */
export const requireOneCore = async ({ run }: Consumer, version?: string): Promise<void> => {
  // Ends with a failure where a peer is missing or of the wrong version.
  const tree = await run('npm', 'ls', '--all', '--parseable', '--long', CORE);
  const copies = tree
    .split('\n')
    .filter((line) => line.includes(`:${CORE}@`))
    .map((line) => line.split(`:${CORE}@`)[1]?.split(':')[0]);
  if (new Set(copies).size !== 1 || (version !== undefined && copies[0] !== version))
    throw new Error(
      `There must be one ${CORE}${version === undefined ? '' : ` ${version}`}; npm has installed ${copies.join(' and ') || 'none'}.\n${tree}`,
    );
};
