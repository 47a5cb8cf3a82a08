import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { RETRIES } from './fetch-tools.mjs';

/** Installs exactly what the lockfile says. A terminal sees the progress; elsewhere only a failure is told. */
export const install = (root, node, pnpm) => {
  console.error('pantheon: installing the dependencies');
  const options = ['--frozen-lockfile', '--prefer-offline', '--config.confirmModulesPurge=false'];
  const terminal = process.stderr.isTTY;
  const quiet = terminal ? [] : ['--loglevel=error'];
  const line = [pnpm, 'install', ...options, ...RETRIES, ...quiet];
  const { status, signal, output } = spawnSync(node, line, {
    cwd: root,
    encoding: 'utf8',
    stdio: terminal ? ['ignore', 2, 2] : ['ignore', 'pipe', 'pipe'],
    // pnpm waits for ever for some answers that it cannot use, such as those of a proxy that it does not trust.
    timeout: 900_000,
  });
  if (status === 0) return;
  if (!terminal) console.error(output.join('').replace(/^ +at .*\n/gm, ''));
  throw new Error(`the dependencies could not be installed (pnpm ended with ${status ?? signal}).`);
};

/** A digest of all that an install reads, and of what it leaves: pnpm keeps a copy of the lockfile that it used. */
export const fingerprint = (root) => {
  const read = (file) =>
    existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : '';
  const workspace = read('pnpm-workspace.yaml');
  const folders = [...workspace.matchAll(/^ {2}- ([\w-]+)\/\*$/gm)].flatMap(([, group]) =>
    readdirSync(join(root, group)).map((name) => `${group}/${name}`),
  );
  const files = ['package.json', 'pnpm-lock.yaml', 'node_modules/.pnpm/lock.yaml'].map(read);
  const members = folders.map((folder) => [
    folder,
    read(`${folder}/package.json`),
    existsSync(join(root, folder, 'node_modules')),
  ]);
  const state = [process.platform, process.arch, workspace, files, members];
  return createHash('sha256').update(JSON.stringify(state)).digest('hex');
};
