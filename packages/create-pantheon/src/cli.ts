#!/usr/bin/env node
/** `npm create pantheon`: reads the command line, asks for the rest, makes the folder, installs, and says what comes next. */
import { relative, resolve } from 'node:path';
import { HELP, readArguments } from './arguments.ts';
import { createAdapter } from './create-adapter.ts';
import { createApp } from './create-app.ts';
import { initGit } from './init-git.ts';
import { readOwnPackage } from './own-package.ts';
import { guessPackageManager, installPackages } from './package-manager.ts';
import { packageNameOf } from './package-name.ts';
import { Problem } from './problem.ts';
import { Cancelled, wantedOf } from './questions.ts';

/** The first Node that runs TypeScript files without a flag. */
const RUNS_TYPESCRIPT = [22, 18] as const;
const INTERRUPTED = 130;

const { stdin, stdout, stderr, env, versions } = process;
const say = (text: string): void => void stdout.write(`${text}\n`);

const interruption = new AbortController();
const interrupt = (): void => interruption.abort(new Cancelled());
process.on('SIGINT', interrupt);
process.on('SIGTERM', interrupt);

const quoted = (path: string): string => (/[^\w@./\\:~-]/.test(path) ? JSON.stringify(path) : path);

const isTooOld = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < RUNS_TYPESCRIPT[0] || (major === RUNS_TYPESCRIPT[0] && minor < RUNS_TYPESCRIPT[1]);
};

const run = async (argv: readonly string[]): Promise<void> => {
  const args = readArguments(argv);
  const own = await readOwnPackage();
  if (args.help) return say(HELP);
  if (args.version) return say(own.version);

  const terminal = stdin.isTTY && stdout.isTTY ? { input: stdin, output: stdout } : undefined;
  const wanted = await wantedOf(args, terminal);
  const target = resolve(wanted.folder);
  const manager = args.packageManager ?? guessPackageManager(env['npm_config_user_agent']);
  const { signal } = interruption;
  const common = { target, versions: own.versions, packageManager: manager, signal };
  let needs: readonly string[] = [];
  if (wanted.kind === 'app') {
    const app = await createApp({ ...common, adapters: wanted.adapters });
    needs = app.needs;
    say(`Made the app ${app.name}: ${app.files.length} files in ${target}`);
  } else {
    const name = packageNameOf(target);
    const adapter = await createAdapter({ ...common, name, port: wanted.port });
    say(`Made the package ${adapter.name}: ${adapter.files.length} files in ${target}`);
  }
  if (args.install) await installPackages(manager, target, signal);
  if (args.git) await initGit(target, signal);

  const start = wanted.kind === 'app' ? `${manager} start` : `${manager} test`;
  const folder = relative('', target);
  say('\nNext:');
  if (folder !== '') say(`  cd ${quoted(folder)}`);
  if (!args.install) say(`  ${manager} install`);
  say(`  ${manager === 'bun' ? start.replace('bun', 'bun run') : start}`);
  if (needs.length > 0) say(`\n${needs.join('\n')}`);
  if (wanted.kind === 'app' && isTooOld(versions.node))
    say(`\nThe app needs Node ${RUNS_TYPESCRIPT.join('.')} or newer; this is ${versions.node}.`);
  return undefined;
};

try {
  await run(process.argv.slice(2));
} catch (error) {
  if (error instanceof Cancelled) {
    stderr.write('Ended; nothing was made.\n');
    process.exitCode = INTERRUPTED;
  } else if (error instanceof Problem) {
    stderr.write(`${error.message} ${error.advice}\n`);
    process.exitCode = interruption.signal.aborted ? INTERRUPTED : 1;
  } else throw error;
}
