/** The server that the tools call: it survives all workers, and keeps what they have told it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monotonic } from './settings.ts';

/** What a worker tells: that it plans, or calls a tool. */
export interface Told {
  readonly kind: 'plan' | 'effect' | 'look' | 'block' | 'turn';
  readonly worker: string;
  readonly actor: string;
  /** Of which message; '' for a turn of a loop. */
  readonly order: string;
  /** Which effect, or '' for a plan. */
  readonly what: string;
  /** The idempotency key of the call. */
  readonly key: string;
  /** When the worker began, by `monotonic`. */
  readonly at: number;
  /** How long the answer takes. */
  readonly holdMs: number;
}

/** A call as the server has seen it. */
export interface Call extends Told {
  /** Whether another worker's call for the same actor was open when it came. */
  readonly isOverlapping: boolean;
}

export interface Counter {
  readonly url: string;
  readonly calls: readonly Call[];
  /** Effects that have happened, each counted once. */
  readonly effects: () => number;
  readonly close: () => Promise<void>;
}

export const startCounter = async (): Promise<Counter> => {
  const calls: Call[] = [];
  const effects = new Set<string>();
  /** Calls that are open, by actor. */
  const open = new Map<string, Set<Told>>();
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const told = JSON.parse(body) as Told;
      const others = open.get(told.actor) ?? new Set();
      open.set(told.actor, others);
      const isOverlapping = Array.from(others).some(({ worker }) => worker !== told.worker);
      calls.push({ ...told, isOverlapping });
      if (told.kind === 'effect') effects.add(`${told.order} ${told.what}`);
      others.add(told);
      const timer = setTimeout(() => response.end('{}'), told.holdMs);
      // Also when the caller dies in the middle.
      response.once('close', () => {
        clearTimeout(timer);
        others.delete(told);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    effects: () => effects.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

/** Tells the counter, and resolves when it has answered. */
export const tell = async (url: string, told: Omit<Told, 'at'>): Promise<void> => {
  const body = JSON.stringify({ ...told, at: monotonic() });
  const response = await fetch(url, { method: 'POST', body });
  if (!response.ok) throw new Error(`The counter answered ${response.status}.`);
  await response.arrayBuffer();
};
