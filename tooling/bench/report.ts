/** Tables for people: on the terminal and in docs/reference/performance.md they are the same. */
import { cpus, totalmem } from 'node:os';
import { isMet } from './result.ts';
import type { Result, Table } from './result.ts';

const show = (value: number | undefined): string => {
  if (value === undefined) return '';
  const digits = value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
};

/** A Markdown table with its columns aligned; numbers to the right. */
const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join(' | ')} |`;
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [line(head), line(rule), ...rows.map(line)].join('\n');
};

const tableText = ({ title, columns, rows }: Table): string =>
  `${title}:\n\n${markdown(
    ['', ...columns],
    rows.map(({ name, values }) => [name, ...values.map(show)]),
  )}`;

/** What the figures depend on. Nothing that names this very machine. */
export const machine = (): string => {
  const processors = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const model = processors[0]?.model.trim() ?? 'unknown processor';
  return `${model}, ${processors.length} cores, ${memory} GiB; ${process.platform} ${process.arch}; Node ${process.versions.node}, V8 ${process.versions.v8}`;
};

/** All targets in one table, the missed ones recognisable. */
export const targetsText = (results: readonly Result[]): string =>
  markdown(
    ['Target', 'measured', 'wanted', 'met'],
    results.flatMap(({ targets }) =>
      targets.map((target) => [
        target.what,
        show(target.actual),
        `${target.sense === 'most' ? '<=' : '>='} ${show(target.limit)}`,
        isMet(target) ? 'yes' : 'NO',
      ]),
    ),
  );

export const resultText = ({ title, notes = [], tables }: Result): string =>
  [`### ${title}`, ...notes, ...tables.map(tableText)].join('\n\n');
