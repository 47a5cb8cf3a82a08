import { setTimeout as wait } from 'node:timers/promises';
import type { Timers } from '@promethean/pantheon-core';
import type { Harnesses, LeaseHarness } from '@promethean/pantheon-testkit';
import { makeTechLease } from './tech-lease.ts';

/** The clock of a process that stands still: it runs on, and no timer fires. */
const stalled: Timers = {
  now: () => performance.now(),
  set: () => undefined,
  clear: () => undefined,
};

/** A store that shares nothing with any other: a fresh one is made for every case. */
const leaseHarness = (): LeaseHarness => ({
  leases: makeTechLease(),
  // One more port on the same store.
  another: ({ isStalled = false } = {}) => makeTechLease(isStalled ? { timers: stalled } : {}),
  now: () => performance.now(),
  advance: (ms) => wait(ms),
  // A term that a busy machine can keep.
  ttlMs: 600,
  // Make what the port asks of its store fail or hang, and end that again.
  cut: () => {
    throw new Error('cut is not implemented yet.');
  },
  mend: () => undefined,
  // The port has close (port:2); close it, and what `another` made, and the client.
  supports: ['close'],
});

export const pantheonHarnesses: Harnesses = { lease: leaseHarness };
