/** What an import does to a process of plain Node: it may say nothing, start nothing and hold nothing, and it takes time. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const LIMIT_MS = 20_000;
const EMPTY = './empty.mjs';
const MARK = '\u0000probe:';

/**
 * Also what is let go (`unref`) counts: async hooks see every timer, socket, watcher, thread and child as it is made. The output
 * streams are opened before, which a library may do; and what an import begins with the host's next turns is seen as well.
 */
const PROBE = `
  import { createHook } from 'node:async_hooks';
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const started = [];
  const init = (_, type) => {
    if (/^(Timeout|TCP|UDP|TLS|PIPE|HTTP|GETADDRINFO|QUERY|FSEVENT|WORKER|PROCESS)/.test(type)) started.push(type);
  };
  const hook = createHook({ init }).enable();
  const module = await import(process.argv[1]);
  for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
  hook.disable();
  process.stdout.write(${JSON.stringify(MARK)} + JSON.stringify({ exported: Object.keys(module).length, started }));
`;
const CLOCK = `
  const begin = performance.now();
  await import(process.argv[1]);
  process.stdout.write(${JSON.stringify(MARK)} + (performance.now() - begin));
`;

const probe = async (
  code: string,
  specifier: string,
  cwd: string,
): Promise<{ readonly said: string; readonly result: string }> => {
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', code];
  const { stdout, stderr } = await execute(process.execPath, [...args, specifier], {
    cwd,
    timeout: LIMIT_MS,
  });
  const [said = '', result = ''] = stdout.split(MARK);
  return { said: said + stderr, result };
};

/** What is wrong with the import of a module in a process whose folder is `cwd`, one sentence each. */
export const importProblems = async (
  specifier: string,
  cwd: string,
): Promise<readonly string[]> => {
  try {
    const { said, result } = await probe(PROBE, specifier, cwd);
    const { exported, started } = JSON.parse(result) as {
      readonly exported: number;
      readonly started: readonly string[];
    };
    return [
      ...(exported === 0 ? [`import '${specifier}' exports nothing`] : []),
      ...(said === '' ? [] : [`import '${specifier}' prints: ${said}`]),
      ...(started.length === 0 ? [] : [`import '${specifier}' starts ${started.join(', ')}`]),
    ];
  } catch (error) {
    const { stderr = '', killed = false } = error as { stderr?: string; killed?: boolean };
    const why = killed ? `keeps its process alive ${LIMIT_MS} ms` : stderr.trim() || String(error);
    return [`import '${specifier}' fails: ${why}`];
  }
};

/**
 * How many milliseconds longer than an empty module a module takes to import. Processes that import the one and the other take
 * turns, and the quickest of each counts: what else the machine does can make an import slow, and none quick. There are at least
 * `rounds` rounds, and up to eight times as many while the answer is above `enough`.
 */
export const importMs = async (
  specifier: string,
  cwd: string,
  rounds: number,
  enough: number = Number.POSITIVE_INFINITY,
): Promise<number> => {
  writeFileSync(join(cwd, EMPTY), 'export {};\n');
  const time = async (module: string): Promise<number> =>
    Number((await probe(CLOCK, module, cwd)).result);
  let empty = Number.POSITIVE_INFINITY;
  let full = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds * 8; round += 1) {
    if (round >= rounds && full - empty <= enough) break;
    empty = Math.min(empty, await time(EMPTY));
    full = Math.min(full, await time(specifier));
  }
  return Math.max(0, full - empty);
};
