/** A TCP proxy on the loopback that breaks the connection between a client and a server in the ways networks do. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * - `pass`: as if it were not there; `delay`: each chunk arrives `delayMs` later, in order;
 * - `trickle`: `bytesPerSecond` at most; `blackhole`: connections stay open and nothing arrives any more.
 */
export type ProxyMode =
  | { readonly kind: 'pass' }
  | { readonly kind: 'delay'; readonly delayMs: number }
  | { readonly kind: 'trickle'; readonly bytesPerSecond: number }
  | { readonly kind: 'blackhole' };

/** A running proxy. */
export interface Proxy {
  readonly port: number;
  /** Changes what happens to what arrives from now on, on open connections as well. */
  readonly set: (mode: ProxyMode) => void;
  /** Resets every open connection. */
  readonly cut: () => void;
  readonly connections: () => number;
  readonly close: () => Promise<void>;
}

const SLICE_MS = 20;

/** Hands the chunks of one direction on, as the mode of the moment says. */
const pipe = (from: Socket, to: Socket, mode: () => ProxyMode): void => {
  let queue: Promise<void> = Promise.resolve();
  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      from.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  const hand = async (chunk: Buffer, cameAt: number): Promise<void> => {
    const now = mode();
    if (now.kind === 'blackhole') return;
    // Chunks that come together are late together, not one after the other.
    if (now.kind === 'delay') await wait(Math.max(0, cameAt + now.delayMs - performance.now()));
    if (now.kind !== 'trickle') return void to.write(chunk);
    const size = Math.max(1, Math.floor((now.bytesPerSecond * SLICE_MS) / 1_000));
    for (let at = 0; at < chunk.length; at += size) {
      to.write(chunk.subarray(at, at + size));
      await wait(SLICE_MS);
    }
  };
  from.setMaxListeners(0);
  from.on('data', (chunk: Buffer) => {
    // Without a delay the order is kept without a queue.
    if (mode().kind === 'pass') to.write(chunk);
    else {
      const cameAt = performance.now();
      queue = queue.then(() => hand(chunk, cameAt));
    }
  });
  from.on('end', () => void queue.then(() => to.end()));
};

/** Starts a proxy in front of a port of 127.0.0.1. */
export const startProxy = (targetPort: number): Promise<Proxy> =>
  new Promise((resolve, reject) => {
    let mode: ProxyMode = { kind: 'pass' };
    const sockets = new Set<Socket>();
    const keep = (socket: Socket, other: Socket): void => {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    };
    const server = createServer({ allowHalfOpen: true }, (client) => {
      const target = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true });
      keep(client, target);
      keep(target, client);
      pipe(client, target, () => mode);
      pipe(target, client, () => mode);
    });
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () =>
      resolve({
        port: (server.address() as AddressInfo).port,
        set: (next) => {
          mode = next;
        },
        cut: () => {
          for (const socket of sockets) socket.resetAndDestroy();
        },
        connections: () => sockets.size / 2,
        close: async () => {
          for (const socket of sockets) socket.destroy();
          await new Promise((done) => server.close(done));
        },
      }),
    );
  });
