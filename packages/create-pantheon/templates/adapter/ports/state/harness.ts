import { makeManualTimers } from '@promethean/pantheon-core/memory';
import { type Harnesses, type StateHarness, stateScripts } from '@promethean/pantheon-testkit';
import { makeTechState } from './tech-state.ts';

/** A store that shares nothing with any other: a fresh one is made for every case. */
const stateHarness = (): StateHarness => {
  const timers = makeManualTimers({ startMs: Date.UTC(2026, 0, 1) });
  const state = makeTechState({ scripts: stateScripts, now: timers.now });
  return {
    state,
    advance: timers.advance,
    // What the port has of: remove, close.
    supports: [],
  };
};

export const pantheonHarnesses: Harnesses = { state: stateHarness };
