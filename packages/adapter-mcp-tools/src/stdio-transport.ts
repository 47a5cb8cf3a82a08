import {
  deserializeMessage,
  type JSONRPCMessage,
  SdkError,
  SdkErrorCode,
  type Transport,
} from '@modelcontextprotocol/client';
import { PantheonError } from '@promethean/pantheon-core';
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { makeLineSplitter } from './line-splitter.ts';
import { makeStderrTail } from './stderr-tail.ts';

/** A server that is started as a process of its own. */
export interface StdioServer {
  /** The program; it is started without a shell. */
  readonly command: string;
  readonly args?: readonly string[];
  /** Added to the few variables that every server gets (`PATH`, `HOME`, `LANG` and the like). Values are kept out of messages. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the process's own. */
  readonly cwd?: string;
}

/** What else is known of a process that failed. */
export interface StdioTransport extends Transport {
  /** The process group of the server, once it is started. */
  readonly pid: number | undefined;
  /** The end of what it wrote to stderr, without the configured values. */
  readonly stderr: string;
  /** Why the connection ended, as the rest of a sentence; undefined where nothing is known. */
  readonly ended: () => string | undefined;
  /** The limit that the server exceeded. */
  readonly violation: () => PantheonError | undefined;
}

/** What a server inherits: enough to find programs and files, nothing that is likely to be a secret. */
const INHERITED =
  process.platform === 'win32'
    ? [
        'APPDATA',
        'COMSPEC',
        'HOMEDRIVE',
        'HOMEPATH',
        'LOCALAPPDATA',
        'PATH',
        'PATHEXT',
        'PROGRAMDATA',
        'PROGRAMFILES',
        'SYSTEMDRIVE',
        'SYSTEMROOT',
        'TEMP',
        'USERNAME',
        'USERPROFILE',
        'WINDIR',
      ]
    : [
        'HOME',
        'LANG',
        'LC_ALL',
        'LC_CTYPE',
        'LOGNAME',
        'PATH',
        'SHELL',
        'TERM',
        'TMPDIR',
        'TZ',
        'USER',
      ];
/** Bytes that wait for a server that does not read; beyond, sending fails. */
const MOST_UNREAD_BYTES = 8 * 2 ** 20;
/** The guard ends the group within 2.5 s; when it does not, it is dead or stopped. */
const GUARD_LIMIT_MS = 4_000;
/** Output that is still in the pipe when the guard is gone has this long to arrive. */
const DRAIN_MS = 200;

const GUARD = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? './stdio-guard.ts' : './stdio-guard.js',
    import.meta.url,
  ),
);

const inheritedEnvironment = (): Record<string, string> => {
  const environment: Record<string, string> = {};
  for (const name of INHERITED) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
};

const killQuietly = (pid: number | undefined): void => {
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
};

/**
 * The stdio transport of the protocol with what the SDK's own lacks: the server lives in a process group that ends with the
 * connection and with this process, whatever ends it; a line has a limit; stderr is drained and kept to its end.
 */
export const makeStdioTransport = (
  server: StdioServer,
  maxMessageBytes: number,
): StdioTransport => {
  const tail = makeStderrTail(Object.values(server.env ?? {}));
  let guard: ChildProcess | undefined;
  let serverPid: number | undefined;
  let exit: { readonly code: number | null; readonly signal: string | null } | undefined;
  let garbage: string | undefined;
  let violation: PantheonError | undefined;
  let closing: Promise<void> | undefined;
  let markClosed = (): void => undefined;
  const closed = new Promise<void>((resolve) => {
    markClosed = resolve;
  });

  const onLine = (line: string): void => {
    if (closing !== undefined || line.trim() === '') return;
    let message: JSONRPCMessage;
    try {
      message = deserializeMessage(line);
    } catch {
      garbage ??= line.slice(0, 200);
      return;
    }
    transport.onmessage?.(message);
  };

  const violate = (): void => {
    violation ??= new PantheonError(
      'tool-result-too-large',
      `wrote a line of more than ${maxMessageBytes} bytes, so the connection was ended`,
      { details: { maxMessageBytes } },
    );
    void close();
  };

  const onGone = (gone: ChildProcess): void => {
    // A guard that was killed cannot end the group any more.
    if (exit === undefined && process.platform !== 'win32' && serverPid !== undefined)
      killQuietly(-serverPid);
    for (const stream of gone.stdio) stream?.destroy();
    markClosed();
    closing ??= closed;
    transport.onclose?.();
  };

  const start = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const inherited = inheritedEnvironment();
      const started = spawn(process.execPath, ['--no-warnings', GUARD], {
        env: inherited,
        stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
        detached: true,
        shell: false,
        windowsHide: true,
      });
      guard = started;
      const lifeline = started.stdio[3] as Duplex;
      const splitter = makeLineSplitter(maxMessageBytes, onLine);
      const reports = makeLineSplitter(65_536, (line) => {
        const report = JSON.parse(line) as { pid?: number; error?: string; exit?: typeof exit };
        if (report.pid !== undefined) {
          serverPid = report.pid;
          resolve();
        }
        if (report.error !== undefined) reject(new Error(report.error));
        if (report.exit !== undefined) exit = report.exit;
      });
      let gone = false;
      let draining: ReturnType<typeof setTimeout> | undefined;
      const leave = (): void => {
        clearTimeout(draining);
        if (gone) return;
        gone = true;
        reject(new Error('the process ended before it was started'));
        onGone(started);
      };
      started.on('error', (error) => {
        reject(error);
        leave();
      });
      started.on('exit', () => {
        draining = setTimeout(leave, DRAIN_MS);
      });
      started.on('close', leave);
      started.stdout?.on('data', (chunk: Buffer) => {
        if (violation === undefined && !splitter.add(chunk)) violate();
      });
      started.stderr?.setEncoding('utf8').on('data', tail.add);
      lifeline.on('data', (chunk: Buffer) => reports.add(chunk));
      // A broken pipe shows as the end of the process, which is handled above.
      for (const stream of started.stdio) stream?.on('error', () => undefined);
      const { command, args = [], cwd } = server;
      const env = { ...inherited, ...server.env };
      lifeline.write(`${JSON.stringify({ command, args, env, cwd })}\n`);
    });

  const close = (): Promise<void> => {
    if (closing !== undefined) return closing;
    const ending = guard;
    if (ending === undefined) {
      closing = Promise.resolve();
      transport.onclose?.();
      return closing;
    }
    closing = closed;
    ending.stdin?.end();
    (ending.stdio[3] as Duplex).end();
    const timer = setTimeout(() => {
      if (process.platform !== 'win32' && serverPid !== undefined) killQuietly(-serverPid);
      killQuietly(ending.pid);
    }, GUARD_LIMIT_MS);
    return closed.finally(() => clearTimeout(timer));
  };

  const transport: StdioTransport = {
    start,
    close,
    send: (message) =>
      new Promise((resolve, reject) => {
        const stdin = guard?.stdin;
        if (closing !== undefined || !stdin?.writable) {
          reject(new SdkError(SdkErrorCode.NotConnected, 'the process has ended'));
        } else if (stdin.writableLength > MOST_UNREAD_BYTES) {
          const waiting = `the process does not read: ${stdin.writableLength} bytes wait for it`;
          reject(new SdkError(SdkErrorCode.SendFailed, waiting));
        } else {
          stdin.write(`${JSON.stringify(message)}\n`);
          resolve();
        }
      }),
    get pid() {
      return serverPid;
    },
    get stderr() {
      return tail.text();
    },
    ended: () => {
      const parts: string[] = [];
      if (exit !== undefined)
        parts.push(
          exit.signal === null
            ? `it exited with code ${exit.code}`
            : `it was ended by ${exit.signal}`,
        );
      if (garbage !== undefined)
        parts.push(
          `it wrote to stdout what is no message of the protocol: ${JSON.stringify(garbage)}`,
        );
      return parts.length === 0 ? undefined : parts.join('; ');
    },
    violation: () => violation,
  };
  return transport;
};
