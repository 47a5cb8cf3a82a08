import { errorMessage, PantheonError } from '@promethean/pantheon-core';
import type { CaseResult } from './run-case.ts';

/** One case in a report. */
export interface ReportedCase {
  readonly id: string;
  readonly title: string;
  readonly status: CaseResult['status'];
  readonly durationMs: number;
  /** Of a skipped case. */
  readonly reason?: string;
  /** Of a failed case. */
  readonly error?: { readonly message: string; readonly code?: string };
}

/** One port in a report. */
export interface ReportedPort {
  readonly port: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Cases that came after the failure that ended the run. */
  readonly notRun: number;
  readonly durationMs: number;
  readonly cases: readonly ReportedCase[];
}

/** What the command line writes as JSON. */
export interface Report {
  readonly format: 1;
  readonly target: string;
  readonly package: { readonly name?: string | undefined; readonly version?: string | undefined };
  readonly testkit: string;
  readonly contract: number;
  readonly node: string;
  readonly date: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly ports: readonly ReportedPort[];
}

/** A case and what became of it. */
export const reportedCase = (
  { id, title }: { readonly id: string; readonly title: string },
  result: CaseResult,
): ReportedCase => {
  const { status, durationMs } = result;
  const reported = { id, title, status, durationMs };
  if (result.status === 'skipped') return { ...reported, reason: result.reason };
  if (result.status === 'passed') return reported;
  const { error } = result;
  return {
    ...reported,
    error: {
      message: errorMessage(error),
      ...(PantheonError.is(error) && { code: error.code }),
    },
  };
};

/** A port with its cases counted. */
export const reportedPort = (
  port: string,
  cases: readonly ReportedCase[],
  planned: number,
): ReportedPort => {
  const count = (status: CaseResult['status']): number =>
    cases.filter((one) => one.status === status).length;
  return {
    port,
    passed: count('passed'),
    failed: count('failed'),
    skipped: count('skipped'),
    notRun: planned - cases.length,
    durationMs: cases.reduce((sum, { durationMs }) => sum + durationMs, 0),
    cases,
  };
};

/** A port's cases as a table of plain text. */
export const table = (cases: readonly ReportedCase[]): string => {
  const rows = [
    ['rule', 'title', 'result', 'ms'],
    ...cases.map(({ id, title, status, durationMs }) => [id, title, status, String(durationMs)]),
  ];
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 3 ? cell.padStart(widths[3] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  '),
    )
    .join('\n');
};

/** What failed, each with its error, and the sum of a port. */
export const summary = ({
  port,
  cases,
  passed,
  failed,
  skipped,
  notRun,
  durationMs,
}: ReportedPort): string => {
  const failures = cases.flatMap(({ id, title, error }) =>
    error === undefined
      ? []
      : [`\n${id} ${title}\n  ${error.message.trim().replaceAll('\n', '\n  ')}`],
  );
  const rest = notRun === 0 ? '' : `, ${notRun} not run`;
  return [
    ...failures,
    `\n${port}: ${passed} passed, ${failed} failed, ${skipped} skipped${rest} (${durationMs} ms)`,
  ].join('\n');
};
