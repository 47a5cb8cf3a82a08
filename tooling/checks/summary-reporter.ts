import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** As a suite without its server is named: `(needs redis-server)`. */
const NEEDS = /\(needs ([^)]+)\)$/;

/** The server whose absence kept a test from running. */
const missingServer = ({ parent }: TestCase): string | undefined => {
  for (let suite = parent; suite.type === 'suite'; suite = suite.parent) {
    const server = NEEDS.exec(suite.name)?.[1];
    if (server !== undefined) return server;
  }
  return undefined;
};

/** `D10` after `D9`. */
const byFault = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });

interface FaultMeta {
  readonly fault?: {
    readonly id: string;
    readonly figures: Readonly<Record<string, number | string>>;
  };
}

/** One line for each fault that was run: what was measured. */
const faultLine = (test: TestCase): string | undefined => {
  const { fault } = test.meta() as FaultMeta;
  if (fault === undefined) return undefined;
  const figures = Object.entries(fault.figures).map(([name, value]) => `${name} ${value}`);
  const failed = test.result().state === 'failed' ? '  FAILED' : '';
  return `${fault.id.padEnd(4)} ${test.name}: ${figures.join(', ')}${failed}`;
};

/** A failed test and the first line of its reason: whoever sees only the end of the output can find it. */
const failureLine = (test: TestCase): string => {
  const [reason = ''] = test.result().errors?.[0]?.message.split('\n') ?? [];
  return `FAILED ${test.module.relativeModuleId} > ${test.fullName}: ${reason.slice(0, 300)}`;
};

/**
 * Ends the output of a test run with the figures of the faults, the tests that failed, the servers that were not found, and
 * `N passed, N failed` (and `, N skipped`) alone on a line.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    const withoutServer = new Map<string, number>();
    const faults: string[] = [];
    const failures: string[] = [];
    for (const module of modules) {
      // A file that does not load, or a hook that throws, leaves no failed test behind: it counts as one.
      if (module.errors().length > 0) count.failed += 1;
      for (const suite of module.children.allSuites())
        if (suite.errors().length > 0) count.failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        count[state === 'pending' ? 'skipped' : state] += 1;
        const server = state === 'skipped' ? missingServer(test) : undefined;
        if (server !== undefined) withoutServer.set(server, (withoutServer.get(server) ?? 0) + 1);
        if (state === 'failed') failures.push(failureLine(test));
        const line = faultLine(test);
        if (line !== undefined) faults.push(line);
      }
    }
    const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : '';
    const lines = [
      ...(faults.length > 0 ? ['Faults, and what was measured:', ...faults.sort(byFault), ''] : []),
      ...failures,
      ...Array.from(
        withoutServer,
        ([server, tests]) => `${server} was not found: ${tests} tests were not run.`,
      ),
      `${count.passed} passed, ${count.failed} failed${skipped}`,
    ];
    // Last of all reporters, after their summaries, hence on exit.
    process.once('exit', () => console.log(`\n${lines.join('\n')}`));
  }
}
