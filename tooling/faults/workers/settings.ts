/** What the processes of the harness agree on. */

/** A set of adapters that several processes share. */
export type StoresName = 'sqlite' | 'redis' | 'postgres' | 'naive';

/** Where the servers are. */
export interface Places {
  readonly redis: string;
  /** Only where the set needs it. */
  readonly postgres?: string | undefined;
  /** For what is kept in files. */
  readonly folder: string;
  /** One for each test: what a test leaves behind meets no other. */
  readonly namespace: string;
}

/** How long a process that has died keeps what it had. */
export interface Terms {
  /** The term of the leases of actors and loops. */
  readonly leaseMs: number;
  /** How long the bus waits for a member. */
  readonly memberMs: number;
}

/** What a worker is started with, as JSON. */
export interface WorkerSettings {
  readonly name: string;
  readonly stores: StoresName;
  readonly places: Places;
  readonly terms: Terms;
  /** The server that counts. */
  readonly counter: string;
  /** How long the server of the tools takes for a call at most. */
  readonly holdMs: number;
}

export const GROUP = 'workers';

/** Milliseconds on the machine's clock that never jumps: the same for all processes. */
export const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6;

/** What a worker does when its actor gets this text. */
export const DUTIES = {
  /** Calls three tools with effects and answers. */
  order: 'order',
  /** Calls a tool that keeps the whole process busy. */
  block: 'block',
  /** Calls a tool without effects many times. */
  look: 'look',
} as const;

/** Effects of one order. */
export const EFFECTS = ['charge', 'ship', 'file'] as const;
