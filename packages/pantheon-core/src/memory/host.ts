/**
 * What the in-memory ports take from their host, in one place and typed here, because this package compiles without any
 * host's types. Everything is looked up when it is used; importing this starts nothing.
 */

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

/** What is left to a host without immediates: a browser. */
interface HostChannel {
  readonly port1: {
    readonly addEventListener: (type: 'message', listener: () => void) => void;
    readonly start: () => void;
  };
  readonly port2: { readonly postMessage: (message: null) => void };
}

/** The slice of a host that gives turns. */
export interface TurnHost {
  readonly setImmediate?: (run: () => void) => unknown;
  readonly MessageChannel?: new () => HostChannel;
  readonly setTimeout: (run: () => void, delayMs: number) => unknown;
}

interface Host extends TurnHost {
  readonly structuredClone: <T>(value: T) => T;
  readonly AbortController: new () => HostController;
}

const host = globalThis as unknown as Host;

/** The quickest way of a host to run something after its timers and input had their turn. */
export const makeHostTurn = (turns: TurnHost): ((run: () => void) => void) => {
  if (turns.setImmediate !== undefined) return (run) => turns.setImmediate?.(run);
  if (turns.MessageChannel === undefined) return (run) => turns.setTimeout(run, 0);
  // A timer without delay waits for four milliseconds in a browser, a message does not.
  const { port1, port2 } = new turns.MessageChannel();
  const waiting: (() => void)[] = [];
  port1.addEventListener('message', () => waiting.shift()?.());
  port1.start();
  return (run) => {
    waiting.push(run);
    port2.postMessage(null);
  };
};

let turn: ((run: () => void) => void) | undefined;

/** Runs something after the host's timers and input had their turn. */
export const hostTurn = (run: () => void): void => {
  turn ??= makeHostTurn(host);
  turn(run);
};

/** Milliseconds since the epoch. */
export const hostNow = (): number => Date.now();

/** A deep copy of plain data. Throws where there is no copy, for instance of a function. */
export const hostClone = <T>(value: T): T => host.structuredClone(value);

/** A controller whose signal ports hand on. */
export const makeController = (): HostController => new host.AbortController();
