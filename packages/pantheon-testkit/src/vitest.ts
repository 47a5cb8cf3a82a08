import { describe, test } from 'vitest';
import type { Harness, Suite } from './suite.ts';

/**
 * Runs a contract suite under vitest, one test a case. `makeHarness` is called for every case, so that no case sees what another
 * left behind. A case whose capability the harness does not declare is shown as skipped.
 */
export const describeContract = <H extends Harness>(
  name: string,
  suite: Suite<H>,
  makeHarness: () => H | Promise<H>,
): void => {
  describe(name, () => {
    for (const { id, title, requires, run } of suite) {
      test(`${id} ${title}`, async (context) => {
        const harness = await makeHarness();
        try {
          if (requires !== undefined && harness.supports?.includes(requires) !== true) {
            context.skip(`the port does not claim "${requires}"`);
          }
          await run(harness);
        } finally {
          await harness.close?.();
        }
      });
    }
  });
};
