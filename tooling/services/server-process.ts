/** A server process of our own: found on the machine, started on a free port of the loopback, and gone when we are. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';

const START_MS = 20_000;
const POLL_MS = 10;

/** The first of the names that is a file in the folders of PATH or in one of these folders. */
export const findBinary = (name: string, folders: readonly string[] = []): string | undefined => {
  const places = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];
  for (const folder of [...folders, ...places]) {
    const file = join(folder, name);
    if (statSync(file, { throwIfNoEntry: false })?.isFile() === true) return file;
  }
  return undefined;
};

/** The subfolders of a folder, the highest number first; none where it does not exist. */
export const versionsIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder).sort((a, b) => Number(b) - Number(a));
  } catch {
    return [];
  }
};

/** A port of 127.0.0.1 that nobody listened on a moment ago. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface ServerCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** Where it writes; the last lines are part of the error when it does not start. */
  readonly log: string;
  /** The line in the log that says that it serves. */
  readonly ready: RegExp;
  /** Whose process it shall be, where we are root and it refuses to be. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
}

/** A running server. */
export interface ServerProcess {
  readonly pid: number;
  /** Sends a signal and, unless it only pauses or goes on, waits for the end of the process. */
  readonly end: (signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT' | 'SIGQUIT') => Promise<void>;
}

/**
 * The process ends with us, however we end: a shell that waits for the end of its input kills it. The shell becomes the server,
 * so that the pid is the server's and its end is seen.
 */
const GUARD =
  'exec 3<&0; (cat <&3 >/dev/null; kill -9 $$ 2>/dev/null) & exec 3<&-; exec "$@" </dev/null';

/** Starts a server and resolves when it serves; rejects with the end of its log when it does not. */
export const startServer = async (command: ServerCommand): Promise<ServerProcess> => {
  const log = openSync(command.log, 'a');
  const from = statSync(command.log).size;
  const child: ChildProcess = spawn(
    '/bin/sh',
    ['-c', GUARD, 'guard', command.file, ...command.args],
    {
      stdio: ['pipe', log, log],
      ...command.user,
    },
  );
  closeSync(log);
  let ended = false;
  const exit = new Promise<void>((resolve) => {
    child.once('close', () => {
      ended = true;
      resolve();
    });
  });
  child.once('exit', () => child.stdin?.destroy());
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  const written = (): string => readFileSync(command.log).subarray(from).toString();
  const deadline = performance.now() + START_MS;
  while (!command.ready.test(written())) {
    if (ended || performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`${command.file} did not start: ${written().slice(-1_000)}`);
    }
    await pause(POLL_MS);
  }
  return {
    pid: child.pid as number,
    end: async (signal) => {
      if (!ended) child.kill(signal);
      await exit;
    },
  };
};
