import { describe, test } from 'vitest';
import { planSuite, type PlanSuiteOptions } from './plan-suite.ts';
import type { Harness, Suite } from './suite.ts';

/**
 * Runs a contract suite under vitest, one test a case. `makeHarness` is called for every case, so that no case sees what another
 * left behind. A case about what the port does not claim, and has not got, is shown as skipped.
 *
 * The time limits are those of `options`; vitest's own do not apply.
 */
export const describeContract = <H extends Harness>(
  name: string,
  suite: Suite<H>,
  makeHarness: () => H | Promise<H>,
  options: PlanSuiteOptions = {},
): void => {
  // One after the other: the last case looks at what all others left behind.
  describe(name, { concurrent: false, shuffle: false }, () => {
    for (const { id, title, run } of planSuite(suite, makeHarness, options)) {
      test(`${id} ${title}`, { timeout: 0 }, async (context) => {
        const result = await run();
        if (result.status === 'failed') throw result.error;
        if (result.status === 'skipped') context.skip(result.reason);
      });
    }
  });
};
