import { makeManualTimers } from '@promethean/pantheon-core/memory';
import type { Harnesses, LlmHarness } from '@promethean/pantheon-testkit';
import { makeTechLlm } from './tech-llm.ts';

/** A model that shares nothing with any other: a fresh one is made for every case. Start a server here that answers what `answerWith` says. */
const llmHarness = (): LlmHarness => {
  const timers = makeManualTimers();
  const llm = makeTechLlm({ timers });
  return {
    llm,
    advance: timers.advance,
    pending: timers.pending,
    // What the port has of: scriptable (there is an answerWith), tools, usage, stream, stall, close.
    supports: [],
  };
};

export const pantheonHarnesses: Harnesses = { llm: llmHarness };
