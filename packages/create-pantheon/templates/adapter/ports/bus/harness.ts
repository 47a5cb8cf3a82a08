import { makeManualTimers } from '@promethean/pantheon-core/memory';
import type { BusHarness, Harnesses } from '@promethean/pantheon-testkit';
import { makeTechBus } from './tech-bus.ts';

/** A bus that shares nothing with any other: a fresh one is made for every case. */
const busHarness = (): BusHarness => {
  const timers = makeManualTimers();
  const retryDelayMs = 100;
  const bus = makeTechBus({ timers, retryDelayMs });
  return {
    bus,
    // A few turns of the host. On a server, wait until everything that was sent has been handed to its handlers.
    settle: async () => {
      for (let turn = 0; turn < 30; turn += 1) await timers.advance(0);
    },
    now: timers.now,
    advance: timers.advance,
    pending: timers.pending,
    retryDelayMs,
    // What the bus has of: deadLetters, capacity, close.
    supports: [],
  };
};

export const pantheonHarnesses: Harnesses = { bus: busHarness };
