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
/** `C1` is that fault and not `C10` as well; anything else is an expression that names of tests match. */
const readOnly = (only: string): RegExp =>
  new RegExp(/^[A-K]\d+$/.test(only) ? `\\b${only}\\b` : only);

const readOptions = (): {
  readonly short: boolean;
  readonly only: RegExp | undefined;
  readonly json: string | undefined;
} => {
  const { values } = parseArgs({
    options: {
      short: { type: 'boolean', default: false },
      only: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const { short, only, json } = values;
  return { short, only: only === undefined ? undefined : readOnly(only), json };
};

let values: ReturnType<typeof readOptions>;
try {
  values = readOptions();
} catch (error) {
  console.error(
    `${(error as Error).message}\nnpm run faults [-- --short] [-- --only C1] [-- --json FILE]`,
  );
  process.exit(1);
}

/** As a suite without its server is named. */
const NEEDS = /\(needs ([^)]+)\)/;

/** What the files say that note figures, by their paths. */
const sources = new Map(
  globSync(['packages/*/{src,test}/**/*.test.ts', 'tooling/**/*.test.ts'], {
    cwd: root,
    exclude: (name) => name.includes('node_modules'),
  })
    .map((file) => [file, readFileSync(join(root, file), 'utf8')] as const)
    .filter(([, text]) => text.includes('noteFigures(')),
);

/** The files to run and the names of the tests in them: some tests of a fault have its id in their figures alone. */
const choose = (): { readonly files: readonly string[]; readonly pattern?: RegExp } => {
  const { only } = values;
  const all = Array.from(sources.keys());
  if (only === undefined) return { files: all };
  const notes = new RegExp(`noteFigures\\(\\s*\\w+,\\s*['\`](?:${only.source})`);
  const names = new RegExp(`\\(\\s*['\`][^'\`]*(?:${only.source})`);
  const found = all.filter((file) => notes.test(sources.get(file) ?? ''));
  const isNamed = found.every((file) =>
    names.test((sources.get(file) ?? '').replaceAll(/noteFigures\([^)]*/g, '')),
  );
  return isNamed ? { files: all, pattern: only } : { files: found };
};

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
const { files, pattern } = choose();
const vitest = await startVitest('test', [...files], {
  root,
  run: true,
  watch: false,
  reporters: ['default', collector],
  ...(pattern !== undefined && { testNamePattern: pattern }),
});
await vitest.close();

const { only } = values;
// With `--only`, what was left out was meant to be, and what came along says something only when it failed.
const isWanted = ({ name, noted = '', state, missingServer }: FaultTest): boolean =>
  only === undefined ||
  state === 'failed' ||
  (state === 'skipped' ? missingServer !== undefined : only.test(`${noted} ${name}`));
const wanted = tests.filter(isWanted);
const catalogue = CATALOGUE.filter(({ id }) => only === undefined || only.test(id));
const rows = judge(catalogue, wanted);
console.log(`\nFaults, and what was measured:\n${formatRows(rows)}`);
if (rows.length === 0) console.error(`No test of a fault has a name that matches ${String(only)}.`);
if (values.json !== undefined) {
  const path = resolve(process.env['INIT_CWD'] ?? '.', values.json);
  writeFileSync(path, `${JSON.stringify(rows, undefined, 2)}\n`);
}
process.exitCode = isProven(rows) ? 0 : 1;
