/**
 * `npm run bench`: runs the workloads and prints their figures beside the targets.
 *
 *   --only w1,w2   these alone: w1, w2, w3, w4, w5, journal, memory, start, size
 *   --quick        a smoke run in seconds: shows that everything works, its figures mean nothing
 *   --peers        other frameworks take part in w1, as far as they are installed
 *   --json FILE    writes the figures to a file
 *   --write-docs   replaces the figures in docs/reference/performance.md
 *   --help         says what can be asked for
 *
 * A missed target does not fail the run: what a figure means on a machine is for its reader to say. Work that was not really
 * done does.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { readArguments, usage } from './arguments.ts';
import { durableBus } from './durable-bus.ts';
import { idle } from './idle.ts';
import { journal } from './journal.ts';
import { loops } from './loops.ts';
import { messages } from './messages.ts';
import { installedPeers } from './peers.ts';
import { machine, resultText, targetsText } from './report.ts';
import type { Result, Workload } from './result.ts';
import { size } from './size.ts';
import { start } from './start.ts';
import { state } from './state.ts';
import { turn } from './turn.ts';

const WORKLOADS: Readonly<Record<string, Workload>> = {
  w1: turn,
  w2: messages,
  w3: loops,
  w4: durableBus,
  w5: state,
  journal,
  memory: idle,
  start,
  size,
};
const DOCS = new URL('../../docs/reference/performance.md', import.meta.url);
const CORE_MANIFEST = new URL('../../packages/pantheon-core/package.json', import.meta.url);
const MARKS = ['<!-- figures: begin -->', '<!-- figures: end -->'] as const;
const INSTALL_PEERS = 'npm install --prefix tooling/bench/peers';

const fail: (sentence: string) => never = (sentence) => {
  console.error(`bench: ${sentence}`);
  process.exit(2);
};

const known = Object.keys(WORKLOADS);
const options = readArguments(process.argv.slice(2), known);
if (options === 'help') {
  console.log(usage(known));
  process.exit(0);
}
if ('problem' in options) fail(`${options.problem}\n${usage(known)}`);
const wanted = options.only ?? known;

const peers = options.peers ? installedPeers() : {};
if (options.peers && Object.keys(peers).length === 0)
  fail(`no peers are installed; run ${INSTALL_PEERS} first.`);

const effort = {
  quick: options.quick,
  repetitions: options.quick ? 1 : 5,
  peers: Object.keys(peers),
};
const results: Result[] = [];
for (const id of wanted) {
  console.error(`bench: ${id} ...`);
  results.push(await (WORKLOADS[id] as Workload)(effort));
}

const { version } = JSON.parse(readFileSync(CORE_MANIFEST, 'utf8')) as { readonly version: string };
const versions = Object.entries({ 'pantheon-core': version, ...peers }).map((pair) =>
  pair.join(' '),
);
const figures = [
  `Machine: ${machine()}.`,
  `Versions: ${versions.join(', ')}. Repetitions: ${effort.repetitions} (loops: at most 3); medians.`,
  ...(effort.quick ? [] : ['### Targets', targetsText(results)]),
  ...results.map(resultText),
].join('\n\n');
console.log(figures);
if (effort.quick) console.log('\nThis was a smoke run: the figures mean nothing.');
if (!options.peers)
  console.log(`\nOther frameworks take part with --peers, after ${INSTALL_PEERS}.`);

if (options.json !== undefined) {
  const file = resolve(process.env['INIT_CWD'] ?? process.cwd(), options.json);
  writeFileSync(
    file,
    `${JSON.stringify({ machine: machine(), effort, peers, results }, null, 2)}\n`,
  );
}
if (options.writeDocs) {
  const text = readFileSync(DOCS, 'utf8');
  const [begin, end] = MARKS;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 || to === -1)
    fail(`docs/reference/performance.md has lost its marks ${begin} and ${end}.`);
  writeFileSync(DOCS, `${text.slice(0, from + begin.length)}\n\n${figures}\n\n${text.slice(to)}`);
}
