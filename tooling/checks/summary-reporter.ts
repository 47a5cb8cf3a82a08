import type { Reporter, TestModule } from 'vitest/node';

/** Ends the output of a test run with `N passed, N failed` (and `, N skipped`) alone on a line. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      // A file that does not load, or a hook that throws, leaves no failed test behind: it counts as one.
      if (module.errors().length > 0) count.failed += 1;
      for (const suite of module.children.allSuites())
        if (suite.errors().length > 0) count.failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        count[state === 'pending' ? 'skipped' : state] += 1;
      }
    }
    const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : '';
    // Last of all reporters, after their summaries, hence on exit.
    process.once('exit', () =>
      console.log(`\n${count.passed} passed, ${count.failed} failed${skipped}`),
    );
  }
}
