/**
 * Injects every fault, in full, and prints one table: `npm run faults [-- --short] [-- --only C1] [-- --json FILE]`.
 *
 * `--short` runs what `npm test` runs of them, `--only` those whose names match, and `--json` writes the table as data as well.
 * It exits with 1 when something did not hold, or could not be tried.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { startVitest } from 'vitest/node';
import { CATALOGUE } from './catalogue.ts';
import { type FaultTest, formatRows, isProven, judge } from './verdicts.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});

/** As a suite without its server is named. */
const NEEDS = /\(needs ([^)]+)\)/;

const files = globSync(['packages/*/{src,test}/**/*.test.ts', 'tooling/**/*.test.ts'], {
  cwd: root,
  exclude: (name) => name.includes('node_modules'),
}).filter((file) => readFileSync(join(root, file), 'utf8').includes('noteFigures('));

const readTest = (test: TestCase): FaultTest => {
  const { fault } = test.meta();
  const { state } = test.result();
  return {
    file: test.module.relativeModuleId,
    name: test.name,
    state: state === 'pending' ? 'skipped' : state,
    missingServer: NEEDS.exec(test.fullName)?.[1],
    noted: fault?.id,
    figures: fault?.figures,
  };
};

/** A file that does not load, or a hook that throws, leaves no failed test behind. */
const readFailures = (module: TestModule): readonly FaultTest[] =>
  [module, ...module.children.allSuites()].flatMap((part) =>
    part.errors().map(({ message }) => ({
      file: module.relativeModuleId,
      name: message.split('\n')[0] ?? '',
      state: 'failed' as const,
    })),
  );

let tests: readonly FaultTest[] = [];
const collector: Reporter = {
  onTestRunEnd(modules, unhandled) {
    tests = [
      ...modules.flatMap((module) => [
        ...Array.from(module.children.allTests(), readTest),
        ...readFailures(module),
      ]),
      ...unhandled.map(({ message }) => ({ file: '', name: message, state: 'failed' as const })),
    ];
  },
};

if (!values.short) process.env['PANTHEON_FAULTS'] = 'full';
const vitest = await startVitest('test', files, {
  root,
  run: true,
  watch: false,
  reporters: ['default', collector],
  ...(values.only !== undefined && { testNamePattern: values.only }),
});
await vitest.close();

// With `--only`, what was left out was meant to be.
const isWanted = ({ state, missingServer }: FaultTest): boolean =>
  values.only === undefined || state !== 'skipped' || missingServer !== undefined;
const wanted = tests.filter(isWanted);
const named = new RegExp(values.only ?? '');
const catalogue = CATALOGUE.filter(({ id }) => values.only === undefined || named.test(id));
const rows = judge(catalogue, wanted);
console.log(`\nFaults, and what was measured:\n${formatRows(rows)}`);
if (values.json !== undefined) {
  const path = resolve(process.env['INIT_CWD'] ?? '.', values.json);
  writeFileSync(path, `${JSON.stringify(rows, undefined, 2)}\n`);
}
process.exitCode = isProven(rows) ? 0 : 1;
