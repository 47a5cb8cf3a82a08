import type { ContextHarness, Harnesses } from '@promethean/pantheon-testkit';
import { makeTechContext } from './tech-context.ts';

/** A context port that shares nothing with any other: a fresh one is made for every case. */
const contextHarness = (): ContextHarness => {
  const context = makeTechContext();
  return {
    context,
    addSource: () =>
      Promise.reject(
        new Error('harness: addSource has to make a source with these texts, oldest first.'),
      ),
    estimateTokens: ({ content }) => Math.ceil(content.length / 4),
    // What the port has of: record (with conversationOf), explain, close.
    supports: [],
  };
};

export const pantheonHarnesses: Harnesses = { context: contextHarness };
