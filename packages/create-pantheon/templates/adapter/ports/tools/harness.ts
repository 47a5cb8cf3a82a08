import { makeManualTimers } from '@promethean/pantheon-core/memory';
import type { Harnesses, ToolsHarness } from '@promethean/pantheon-testkit';
import { makeTechTools } from './tech-tools.ts';

/** Tools that share nothing with any others: fresh ones are made for every case. */
const toolsHarness = (): ToolsHarness => {
  const timers = makeManualTimers();
  const tools = makeTechTools({ timers });
  return {
    tools,
    advance: timers.advance,
    pending: timers.pending,
    // What the port has of: list, close.
    supports: [],
  };
};

export const pantheonHarnesses: Harnesses = { tools: toolsHarness };
