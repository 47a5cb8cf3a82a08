/** Arguments, exit codes and errors of the command `pantheon`. */
import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { PantheonError, errorMessage } from '@promethean/pantheon-core';
import type { ErrorCode } from '@promethean/pantheon-core';
import { isPort } from './config-schema.ts';
import type { PantheonConfig } from './config.ts';
import { describeConfig } from './describe-config.ts';
import { unknownVariables } from './environment.ts';
import { findConfig, loadConfig } from './load-config.ts';
import { makePantheon } from './make-pantheon.ts';
import { runUntilSignal } from './run-until-signal.ts';

const HELP = `Runs the actors of a pantheon.config.ts.

  pantheon start   runs them until Ctrl-C or SIGTERM; lines that you type are messages to the first actor
  pantheon check   says what the config would use, or what is wrong with it; runs nothing

  --config FILE    the config (default: pantheon.config.ts, .mts, .js, .mjs or .json in this folder)
  --help, --version

These variables take the place of plain settings of the config:
  PANTHEON_STATE      memory, or the path of a SQLite file
  PANTHEON_CONTEXT    memory, or the path of a SQLite file
  PANTHEON_LLM        offline or openai
  PANTHEON_LOG_LEVEL  trace, debug, info, warn, error, fatal or silent
OPENAI_API_KEY, OPENAI_BASE_URL and OPENAI_MODEL complete the settings of a model.

Exit code: 0 ended in good order, 1 something failed, 2 wrong arguments or a wrong config.`;

/** What the person who starts the command has to mend. */
const USAGE: readonly ErrorCode[] = ['option-invalid', 'actor-invalid', 'interval-invalid'];

const usage = (message: string): PantheonError => new PantheonError('option-invalid', message);

const readArguments = (argv: readonly string[]) => {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        config: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
      },
    });
  } catch (error) {
    // Its messages go on with advice about dashes that nobody here needs.
    const [sentence = ''] = errorMessage(error).split(/\.\s/);
    throw usage(`${sentence}. See pantheon --help.`);
  }
};

const version = (): string => {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
};

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Here the config file is the whole program, so the ports that it made end with the command. */
const closeGiven = async (config: PantheonConfig): Promise<void> => {
  const { bus, state, journal, leases, context, tools, llm, schedule } = config;
  for (const port of [schedule, bus, leases, llm, tools, context, journal, state]) {
    if (typeof port === 'object' && 'close' in port) await port.close?.();
  }
};

/** The config without its files and its log. What is checked where it is used, such as limits, can be checked with it. */
const withoutFiles = (config: PantheonConfig): PantheonConfig => {
  const { state, journal, context } = config;
  const isSettings = typeof context === 'object' && !isPort('context', context);
  return {
    ...config,
    log: false,
    state: isPort('state', state) ? state : 'memory',
    journal: isPort('journal', journal) ? journal : undefined,
    context: isSettings ? { ...context, file: undefined } : context,
  };
};

const check = async (config: PantheonConfig, name: string): Promise<void> => {
  await makePantheon(withoutFiles(config)).stop();
  print(describeConfig(config, process.env, name));
};

const run = async (argv: readonly string[]): Promise<number> => {
  const { values, positionals } = readArguments(argv);
  if (values.help) print(HELP);
  else if (values.version) print(version());
  if (values.help || values.version) return 0;
  const [command, ...more] = positionals;
  if (command === undefined) throw usage('Give a command: pantheon start or pantheon check.');
  if (command !== 'start' && command !== 'check')
    throw usage(`There is no command "${command}"; there are start and check.`);
  if (more.length > 0)
    throw usage(`I do not understand "${more[0]}"; a config is named with --config.`);

  const cwd = process.cwd();
  const path = values.config === undefined ? findConfig(cwd) : resolve(cwd, values.config);
  if (path === undefined)
    throw usage(`There is no pantheon.config.ts in ${cwd}; write one, or name one with --config.`);
  const config = await loadConfig({ file: path });
  const unknown = unknownVariables(process.env);
  if (unknown.length > 0)
    process.stderr.write(`pantheon: not a variable of Pantheon: ${unknown.join(', ')}\n`);
  try {
    await (command === 'start' ? runUntilSignal : check)(config, basename(path));
    return 0;
  } finally {
    await closeGiven(config);
  }
};

/** Runs the command, and resolves to its exit code. */
export const runCommand = async (argv: readonly string[]): Promise<number> => {
  try {
    return await run(argv);
  } catch (error) {
    const isOurs = PantheonError.is(error);
    // Of what is not ours nobody knows whose mistake it is; its stack helps.
    const text = isOurs || !(error instanceof Error) ? errorMessage(error) : String(error.stack);
    process.stderr.write(`${text.replace(/^/gm, 'pantheon: ')}\n`);
    return isOurs && USAGE.includes(error.code) ? 2 : 1;
  }
};
