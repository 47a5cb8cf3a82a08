/** Starts workers, and ends them in every way. */
import { type ChildProcess, fork } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monotonic, type WorkerSettings } from './settings.ts';
import { until } from './until.ts';
import type { Command } from './worker.ts';

export interface Worker {
  readonly name: string;
  readonly pid: number;
  /** Whether it has done the first thing that it was told. */
  readonly isAtWork: () => boolean;
  readonly tell: (command: Command) => Promise<void>;
  readonly signal: (signal: 'SIGSTOP' | 'SIGCONT') => void;
  /** Kills it, and resolves when it is gone. */
  readonly kill: () => Promise<void>;
  /** Asks it to stop, and resolves to its exit code. */
  readonly stop: () => Promise<number | null>;
}

export interface Crew {
  /** When workers were killed, by name. */
  readonly deaths: ReadonlyMap<string, number>;
  /** What workers have complained about. */
  readonly errors: readonly string[];
  /** Starts a worker under a name of its own. */
  readonly hire: (settings?: Partial<WorkerSettings>) => Promise<Worker>;
  readonly close: () => Promise<void>;
}

interface Event {
  readonly event: 'ready' | 'done' | 'error';
  readonly text?: string;
}

const COMPILE_CACHE = join(tmpdir(), 'pantheon-compile-cache');
/** A worker that does not start within this has failed. */
const START_MS = 60_000;

export const makeCrew = (defaults: Omit<WorkerSettings, 'name'>): Crew => {
  const deaths = new Map<string, number>();
  const errors: string[] = [];
  const workers: Worker[] = [];
  let count = 0;

  const hire = async (settings: Partial<WorkerSettings> = {}): Promise<Worker> => {
    count += 1;
    const name = `w${count}`;
    const child: ChildProcess = fork(
      new URL('./worker.ts', import.meta.url),
      [JSON.stringify({ ...defaults, ...settings, name })],
      {
        execArgv: ['--conditions=@promethean/source', '--no-warnings'],
        // What is compiled once need not be compiled a hundred times.
        env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
        stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      },
    );
    let [isReady, doneCount, hasEnded] = [false, 0, false];
    child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
    const end = new Promise<number | null>((resolve) => {
      child.once('exit', (code) => {
        hasEnded = true;
        resolve(code);
      });
    });
    // It may have died before it was told.
    child.on('error', () => undefined);
    child.on('message', ({ event, text }: Event) => {
      if (event === 'ready') isReady = true;
      if (event === 'done') doneCount += 1;
      if (event === 'error') errors.push(text ?? '');
    });
    await until(() => isReady || hasEnded, `the start of ${name}`, START_MS);
    if (!isReady) throw new Error(`${name} did not start: ${errors.join('\n').slice(-2_000)}`);
    const worker: Worker = {
      name,
      pid: child.pid as number,
      isAtWork: () => doneCount > 0 && !hasEnded,
      tell: async (command) => {
        const before = doneCount;
        if (hasEnded) return;
        child.send(command, () => undefined);
        await until(
          () => doneCount > before || hasEnded || errors.length > 0,
          `${command.do} of ${name}`,
          START_MS,
        );
      },
      signal: (signal) => void child.kill(signal),
      kill: async () => {
        if (!hasEnded) {
          child.kill('SIGKILL');
          // From here on it does nothing any more, whatever it had open.
          deaths.set(name, monotonic());
        }
        await end;
      },
      stop: async () => {
        child.kill('SIGTERM');
        return end;
      },
    };
    workers.push(worker);
    return worker;
  };

  return {
    deaths,
    errors,
    hire,
    close: async () => {
      await Promise.all(workers.map((worker) => worker.kill()));
    },
  };
};
