// Runs a script of the root package.json where nothing is given but some Node (18 or newer) and its npm:
//
//   node tooling/bootstrap/run.mjs <script> [arguments]
//
// It fetches the pinned pnpm, and a Node 24 where the host's Node does not run TypeScript; installs with the frozen
// lockfile where something changed since the last install; then starts the script in one process, which has the
// terminal, the arguments and INIT_CWD (where the user stood) as they came. Only the script writes to standard output.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchTools, nodeIn, nodePackage, pnpmIn } from './fetch-tools.mjs';
import { fingerprint, install } from './install.mjs';
import { start } from './start.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** What the last install was: the packages that npm fetched, the folder of their commands, and the fingerprint. */
const stampFile = join(root, 'node_modules/.pantheon-bootstrap');

const main = ([script, ...args]) => {
  const { packageManager, scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  if (!scripts[script]) throw new Error(`package.json has no script "${script}".`);
  if (args[0] === '--') args.shift();

  const ownNode = nodePackage();
  const packages = [packageManager.split('+')[0], ownNode].filter(Boolean);
  const stamp = existsSync(stampFile) ? readFileSync(stampFile, 'utf8').split('\n') : ['', '', ''];
  const has = (name) => stamp[0].split(' ').includes(name);
  const fetched = packages.every(has) && existsSync(pnpmIn(stamp[1]));
  const bin = fetched ? stamp[1] : fetchTools(root, packages);
  const node = ownNode ? nodeIn(bin, ownNode) : process.execPath;
  // For what the script itself starts by name.
  process.env.PATH = [dirname(node), bin, process.env.PATH].join(delimiter);
  process.env.INIT_CWD = process.env.INIT_CWD || process.cwd();

  if (!fetched || stamp[2] !== fingerprint(root)) {
    install(root, node, pnpmIn(bin));
    const held = fetched ? stamp[0] : packages.join(' ');
    writeFileSync(stampFile, [held, bin, fingerprint(root)].join('\n'));
  }
  // A script that is plain words for `node` needs no shell, and so no quoting of the arguments.
  const plain = /^node( [\w@=:./-]+)+$/.test(scripts[script]);
  const words = plain ? scripts[script].split(' ').slice(1) : ['--run', script, '--'];
  start(root, node, [...words, ...args]);
};

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(`pantheon: ${error.message}`);
  process.exitCode = 1;
}
