/**
 * A process of its own between the port and one stdio server. It starts the server in a process group, holds a pipe to the port's
 * process, and ends the whole group when the server exits or the pipe does: the operating system closes that pipe however the
 * port's process dies, SIGKILL included. The server has the guard's stdin, stdout and stderr themselves, so nothing is copied.
 *
 * Run by `stdio-transport.ts`, never imported. File descriptor 3: one line of JSON in (what to start), then lines of JSON out
 * (`{ pid }`, `{ error }`, `{ exit }`); its end means "end the server".
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';

/** A server that reads its input ends by itself at the end of it; then it is asked, then it is killed. */
const ASK_AFTER_MS = 500;
const KILL_AFTER_MS = 2_000;
const POLL_MS = 20;

interface Start {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

// Half open, so that the exit can still be told after the other side has ended.
const lifeline = new Socket({ fd: 3, readable: true, writable: true, allowHalfOpen: true });
let child: ChildProcess | undefined;
let exited = false;
let ending = false;
let input = '';

const tell = (message: unknown): void => {
  if (lifeline.writable) lifeline.write(`${JSON.stringify(message)}\n`);
};

const signalGroup = (signal: NodeJS.Signals | 0): boolean => {
  const pid = child?.pid;
  if (pid === undefined) return false;
  try {
    // Windows has no process groups; there only the server itself can be ended.
    if (process.platform === 'win32') return !exited && (child?.kill(signal) ?? false);
    process.kill(-pid, signal);
    return true;
  } catch {
    return false; // Nobody of the group is left.
  }
};

const leaveWhenAlone = (): void => {
  if (!signalGroup(0)) process.exit(0);
};

const end = (): void => {
  if (ending) return;
  ending = true;
  setTimeout(() => signalGroup('SIGTERM'), exited ? 0 : ASK_AFTER_MS);
  setTimeout(() => {
    signalGroup('SIGKILL');
    // A member that nobody reaps still counts; it cannot do anything any more.
    setTimeout(() => process.exit(0), 250);
  }, KILL_AFTER_MS);
  setInterval(leaveWhenAlone, POLL_MS);
  leaveWhenAlone();
};

const start = ({ command, args, env, cwd }: Start): void => {
  const started = spawn(command, args, {
    env,
    stdio: ['inherit', 'inherit', 'inherit'],
    detached: true,
    shell: false,
    windowsHide: true,
    ...(cwd !== undefined && { cwd }),
  });
  child = started;
  started.on('spawn', () => tell({ pid: started.pid }));
  started.on('error', (error) => {
    tell({ error: error.message });
    if (started.pid === undefined) end();
  });
  started.on('exit', (code, signal) => {
    exited = true;
    tell({ exit: { code, signal } });
    end();
  });
};

lifeline.setEncoding('utf8');
lifeline.on('data', (text: string) => {
  if (child !== undefined || ending) return;
  input += text;
  if (!input.includes('\n')) return;
  try {
    start(JSON.parse(input) as Start);
  } catch (error) {
    tell({ error: error instanceof Error ? error.message : String(error) });
    end();
  }
});
for (const event of ['end', 'close', 'error']) lifeline.on(event, end);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end);
