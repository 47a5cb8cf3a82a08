import { llmSuite, type LlmHarness } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { makeOfflineLlm } from './index.ts';

describeContract('offline llm', llmSuite, (): LlmHarness => {
  const llm = makeOfflineLlm();
  return {
    llm,
    supports: ['stream', 'close'],
    // Nothing in this port waits.
    advance: () => Promise.resolve(),
    close: () => llm.close(),
  };
});
