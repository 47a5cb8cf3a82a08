/**
 * A fault test tells what it measured. The summary at the end of a test run prints the figures of all faults as one table, so
 * that a run shows not only that something held, but how.
 */
import type { TestContext } from 'vitest';

/** What a fault test measured: `lost`, `duplicated`, `resumeMs`, ... */
export type Figures = Readonly<Record<string, number | string>>;

declare module 'vitest' {
  interface TaskMeta {
    fault?: { readonly id: string; readonly figures: Figures };
  }
}

/** Whether this is `npm run faults`, with the sizes of the catalogue; otherwise a test is to be over in seconds. */
export const IS_FULL: boolean = process.env['PANTHEON_FAULTS'] === 'full';

/** Notes the figures of a fault (`D1`, by the number of the catalogue) for the table. The test itself asserts. */
export const noteFigures = ({ task }: TestContext, id: string, figures: Figures): void => {
  task.meta.fault = { id, figures };
};
