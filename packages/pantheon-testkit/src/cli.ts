#!/usr/bin/env node
import { readFileSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { turn } from './assertions.ts';
import { findHarnesses, UsageError } from './find-harnesses.ts';
import { isPortName, planPort, portNames } from './harnesses.ts';
import {
  type Report,
  type ReportedCase,
  reportedCase,
  type ReportedPort,
  reportedPort,
  summary,
  table,
} from './report.ts';
import type { CaseResult } from './run-case.ts';
import { contractVersion } from './suite.ts';
import { writeFileAtomically } from './write-file-atomically.ts';

const HELP = `Usage: pantheon-testkit <package-or-file> [options]

Runs the contract suites of Pantheon's ports against an adapter: a package or a file that exports pantheonHarnesses.

Options:
  --port NAME      only this port: ${portNames.join(', ')}; may be repeated
  --bail           stop at the first failure
  --timeout MS     time limit for a case, and for the making and the closing of its harness (default 30000)
  --report FILE    where the JSON report goes (default pantheon-report.json)
  --json           print the report instead of the table
  --help, --version

Exit code: 0 all cases passed, 1 a case failed or the adapter ended the process, 2 the command cannot be run like this.
`;

const OPTIONS = {
  port: { type: 'string', multiple: true },
  bail: { type: 'boolean', default: false },
  timeout: { type: 'string', default: '30000' },
  report: { type: 'string', default: 'pantheon-report.json' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
  version: { type: 'boolean', default: false },
} as const;

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { readonly version: string };

const print = (text: string): void => {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
};

const readArguments = () => {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`${(error as Error).message} See pantheon-testkit --help.`);
  }
};

/** Errors that reached the process since they were last taken; the case that runs is to blame. */
const watchStrays = (): (() => readonly unknown[]) => {
  const strays: unknown[] = [];
  const note = (error: unknown): void => void strays.push(error);
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
  return () => strays.splice(0);
};

/** What runs, for the case that it ends the process. */
let during: string | undefined;

// An adapter that ends the process with 0 has not passed.
process.on('exit', (code) => {
  if (during === undefined) return;
  process.exitCode = 1;
  writeSync(
    2,
    `The process was ended with the code ${code} during ${during}; there is no report.\n`,
  );
});

const main = async (): Promise<number> => {
  const { values, positionals } = readArguments();
  const { port: wanted = [] } = values;
  if (values.help || values.version) {
    print(values.help ? HELP : version);
    return 0;
  }
  const [target, ...more] = positionals;
  if (target === undefined || more.length > 0)
    throw new UsageError('Give one package or file. See pantheon-testkit --help.');
  const timeoutMs = Number(values.timeout);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > 2_147_483_647)
    throw new UsageError(
      `--timeout must be a whole number of milliseconds from 1, not ${JSON.stringify(values.timeout)}.`,
    );
  for (const port of wanted) {
    if (!isPortName(port))
      throw new UsageError(`There is no port "${port}"; ports are ${portNames.join(', ')}.`);
  }

  const takeStrays = watchStrays();
  during = `the import of ${target}`;
  const {
    name,
    version: ofPackage,
    harnesses,
  } = await findHarnesses(target, process.cwd(), timeoutMs);
  const chosen = harnesses.filter(([port]) => wanted.length === 0 || wanted.includes(port));
  for (const port of wanted) {
    if (!chosen.some(([one]) => one === port))
      throw new UsageError(
        `${target} has no harness for "${port}", only for ${harnesses.map(([one]) => one).join(', ')}.`,
      );
  }

  const ports: ReportedPort[] = [];
  let isOver = false;
  for (const [port, makeHarness] of chosen) {
    const plan = planPort(port, makeHarness, { timeoutMs });
    const cases: ReportedCase[] = [];
    for (const planned of plan) {
      if (isOver) break;
      during = `${planned.id} of the ${port} suite`;
      let result: CaseResult = await planned.run();
      await turn();
      const [stray] = takeStrays();
      if (stray !== undefined && result.status !== 'failed')
        result = { status: 'failed', durationMs: result.durationMs, error: stray };
      cases.push(reportedCase(planned, result));
      isOver = values.bail && result.status === 'failed';
    }
    const reported = reportedPort(port, cases, plan.length);
    ports.push(reported);
    if (!values.json) print(`${table(cases)}\n${summary(reported)}\n`);
  }

  during = undefined;
  const sum = (status: CaseResult['status']): number =>
    ports.reduce((total, port) => total + port[status], 0);
  const report: Report = {
    format: 1,
    target,
    package: { name, version: ofPackage },
    testkit: version,
    contract: contractVersion,
    node: process.version,
    date: new Date().toISOString(),
    passed: sum('passed'),
    failed: sum('failed'),
    skipped: sum('skipped'),
    ports,
  };
  const text = `${JSON.stringify(report, undefined, 2)}\n`;
  const path = resolve(values.report);
  try {
    await writeFileAtomically(path, text);
  } catch (error) {
    throw new UsageError(
      `The report cannot be written to ${values.report}: ${(error as Error).message}`,
    );
  }
  if (values.json) print(text);
  return report.failed === 0 ? 0 : 1;
};

const code = await main().catch((error: unknown) => {
  during = undefined;
  // Anything else than a usage error is a defect of this command, and its place matters.
  process.stderr.write(
    `${error instanceof UsageError ? error.message : ((error as Error).stack ?? String(error))}\n`,
  );
  return 2;
});
// What a hanging adapter holds must not keep the process; what was printed must be out.
process.stdout.write('', () => process.exit(code));
