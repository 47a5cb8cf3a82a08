/** What `npm run bench` is asked for. */
import { parseArgs } from 'node:util';

/** The command line, read. */
export interface BenchArguments {
  readonly only: readonly string[] | undefined;
  readonly quick: boolean;
  readonly peers: boolean;
  readonly json: string | undefined;
  readonly writeDocs: boolean;
}

/** What can be asked for, in one line. */
export const usage = (workloads: readonly string[]): string =>
  `npm run bench [-- --only ${workloads.join(',')}] [--quick] [--peers] [--json FILE] [--write-docs]`;

/** Reads the words of a command line: what is asked for, `help`, or in `problem` what is wrong with it, as a sentence. */
export const readArguments = (
  words: readonly string[],
  workloads: readonly string[],
): BenchArguments | 'help' | { readonly problem: string } => {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...words],
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        only: { type: 'string' },
        quick: { type: 'boolean', default: false },
        peers: { type: 'boolean', default: false },
        json: { type: 'string' },
        'write-docs': { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    return { problem: (error as Error).message };
  }
  if (values.help) return 'help';
  const { quick, peers, json, 'write-docs': writeDocs } = values;
  const only = values.only?.split(',');
  const unknown = only?.find((id) => !workloads.includes(id));
  if (unknown !== undefined)
    return { problem: `--only takes ${workloads.join(', ')}, not "${unknown}".` };
  if (writeDocs && (quick || only !== undefined))
    return { problem: '--write-docs takes a whole run: leave out --quick and --only.' };
  return { only, quick, peers, json, writeDocs };
};
