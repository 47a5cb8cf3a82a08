import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChildSettings } from './child.ts';

const COMPILE_CACHE = join(tmpdir(), 'pantheon-compile-cache');

/** How a child ended, and what it printed. */
export interface ChildEnd {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

export const runChild = (settings: ChildSettings): Promise<ChildEnd> => {
  const child = spawn(
    process.execPath,
    [
      '--conditions=@promethean/source',
      '--no-warnings',
      fileURLToPath(new URL('./child.ts', import.meta.url)),
      JSON.stringify(settings),
    ],
    {
      // What is compiled once need not be compiled each time.
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
      killSignal: 'SIGTERM',
    },
  );
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, output, errors }));
  });
};

/** Counts what it is told of, and survives those who tell. */
export interface Counter {
  readonly url: string;
  /** How often each key was told of. */
  readonly counts: (what: 'plan' | 'effect') => readonly number[];
  readonly close: () => Promise<void>;
}

export const startCounter = async (): Promise<Counter> => {
  const counts = { plan: new Map<string, number>(), effect: new Map<string, number>() };
  const server = createServer((request, response) => {
    const [, what = '', key = ''] = (request.url ?? '').split('/');
    const map = counts[what as keyof typeof counts];
    map.set(key, (map.get(key) ?? 0) + 1);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    counts: (what) => [...counts[what].values()],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
