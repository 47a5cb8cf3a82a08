import type { Timers } from '../core/ports.ts';

/** The slice of the host, typed here, because this package compiles without any host's types. */
interface Host {
  readonly performance: { readonly now: () => number };
  readonly setTimeout: (run: () => void, delayMs: number) => unknown;
  readonly clearTimeout: (handle: never) => void;
}

const host = globalThis as unknown as Host;

/** The process's monotonic clock and its timers: the default of every `timers` option. Looked up when they are used. */
export const hostTimers: Timers = {
  now: () => host.performance.now(),
  set: (run, delayMs) => host.setTimeout(run, delayMs),
  clear: (handle) => host.clearTimeout(handle as never),
};
