/** The two programs that people start, `pantheon start` and the demo, as processes that a test sends signals to. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const REPOSITORY = join(import.meta.dirname, '../../..');
const NODE = ['--conditions=@promethean/source', '--disable-warning=ExperimentalWarning'];
/** A process that takes longer for anything has failed; the machine may be busy. */
const DEADLINE_MS = 120_000;
const POLL_MS = 5;

/** How a program ended. */
export interface Ending {
  /** The exit code, or the signal that ended it. */
  readonly code: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
  /** When it was gone, by the monotonic clock. */
  readonly at: number;
}

/** A running program. */
export interface Program {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<Ending>;
  /** Waits until the program has written what the test looks for. */
  readonly until: (condition: (written: string) => boolean) => Promise<void>;
}

/** Waits for a condition; rejects with `what` when it does not come. */
export const until = async (what: string, condition: () => boolean): Promise<void> => {
  const deadline = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
};

/** Starts a file of ours with Node. Nothing of this process's environment but what it needs is handed on. */
export const startProgram = (
  file: string,
  args: readonly string[],
  { cwd = REPOSITORY, env = {} }: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Program => {
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(process.execPath, [...NODE, file, ...args], {
    cwd,
    env: { PATH, HOME, TMPDIR, ...env },
  });
  const written = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (written.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (written.stderr += data.toString()));
  child.stdin.on('error', () => undefined); // The program may have ended.
  const tooLate = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
  const ended = new Promise<Ending>((resolve, reject) => {
    child.once('error', reject);
    let at = 0;
    child.once('exit', () => (at = performance.now()));
    child.once('close', (code, signal) => {
      clearTimeout(tooLate);
      resolve({ code: code ?? signal ?? 'SIGKILL', at, ...written });
    });
  });
  return {
    child,
    ended,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    until: async (condition) => {
      const isGone = (): boolean => child.exitCode !== null || child.signalCode !== null;
      await until(
        'output of a program',
        () => condition(written.stdout + written.stderr) || isGone(),
      );
      if (!condition(written.stdout + written.stderr))
        throw new Error(`the program ended: ${written.stderr.slice(-1_000)}`);
    },
  };
};

export const CLI = join(REPOSITORY, 'packages/pantheon/src/cli.ts');
export const DEMO = join(REPOSITORY, 'apps/demo/src/main.ts');

/** The folder of an application that has the packages of ours installed, with this config. */
export const makeApplication = (config: string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'pantheon-shutdown-'));
  const packages = join(REPOSITORY, 'packages');
  const installed = join(folder, 'node_modules/@promethean');
  mkdirSync(installed, { recursive: true });
  for (const name of readdirSync(packages))
    symlinkSync(join(packages, name), join(installed, name));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'pantheon.config.ts'), config);
  return folder;
};

/** The middle and the worst of some figures. */
export const spread = (
  values: readonly number[],
): { readonly p50: number; readonly max: number } => {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    p50: Math.round(sorted[Math.floor((sorted.length - 1) / 2)] ?? 0),
    max: Math.round(sorted.at(-1) ?? 0),
  };
};
