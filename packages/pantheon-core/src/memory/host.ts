/**
 * What the in-memory ports take from their host, in one place and typed here, because this package compiles without any
 * host's types. Everything is looked up when it is used; importing this starts nothing.
 */
import type { Timers } from '../core/ports.ts';

/** The slice of the host's AbortSignal that ports listen with. */
export interface HostSignal extends AbortSignal {
  readonly addEventListener: (type: 'abort', listener: () => void) => void;
  readonly removeEventListener: (type: 'abort', listener: () => void) => void;
}

/** The slice of the host's AbortController. */
export interface HostController {
  readonly signal: HostSignal;
  readonly abort: (reason?: unknown) => void;
}

interface Host {
  readonly performance: { readonly now: () => number };
  readonly setTimeout: (run: () => void, delayMs: number) => unknown;
  readonly clearTimeout: (handle: never) => void;
  readonly setImmediate?: (run: () => void) => unknown;
  readonly structuredClone: <T>(value: T) => T;
  readonly AbortController: new () => HostController;
}

const host = globalThis as unknown as Host;

/** The process's monotonic clock and its timers. */
export const hostTimers: Timers = {
  now: () => host.performance.now(),
  set: (run, delayMs) => host.setTimeout(run, delayMs),
  clear: (handle) => host.clearTimeout(handle as never),
};

/** Runs something after the host's timers and input had their turn. */
export const hostTurn = (run: () => void): void => {
  if (host.setImmediate === undefined) host.setTimeout(run, 0);
  else host.setImmediate(run);
};

/** Milliseconds since the epoch. */
export const hostNow = (): number => Date.now();

/** A deep copy of plain data. Throws where there is no copy, for instance of a function. */
export const hostClone = <T>(value: T): T => host.structuredClone(value);

/** A controller whose signal ports hand on. */
export const makeController = (): HostController => new host.AbortController();
