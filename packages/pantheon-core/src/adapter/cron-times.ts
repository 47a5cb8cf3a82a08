import { errorMessage, PantheonError } from '../core/errors.ts';

/** What is needed of a library that reads cron expressions; croner's `Cron` is one. */
export interface CronReader {
  /** The first instant after another, or null. */
  readonly nextRun: (after: Date) => Date | null;
  /** Not null when the text is a date, which is due once. */
  readonly getOnce: () => Date | null;
}

/**
 * Reads an expression in a time zone; throws when it is none. An expression whose times of day have neither wildcard nor step runs
 * by the wall clock (croner: `fixedTimeRule: 'no-wildcard'`).
 */
export type ReadCron = (expression: string, timezone: string) => CronReader;

/** The instants of a cron expression. */
export interface CronTimes {
  /** The first instant after another, both in milliseconds since the epoch; undefined when there is none. */
  readonly next: (after: number) => number | undefined;
}

const MOST_CHARACTERS = 256;

const invalid = (problem: string, cause?: unknown): PantheonError =>
  new PantheonError('option-invalid', problem, { cause });

const quoted = (text: unknown): string => JSON.stringify(String(text).slice(0, 100));

/** A field such as `*`, `5-20/5` or `*` with a step as the list of its values; a field without wildcard and step as it is. */
const listed = (field: string, most: number): string =>
  field
    .split(',')
    .map((part) => {
      if (!/[*?/]/.test(part)) return part;
      const [range = '*', step = '1'] = part.split('/');
      const [from = '0', to = String(most)] = /[*?]/.test(range) ? [] : range.split('-');
      const values: number[] = [];
      for (let value = Number(from); value <= Number(to); value += Number(step)) values.push(value);
      return values.join(',');
    })
    .join(',');

/**
 * The same expression with its times of day written out, unless it runs in every hour.
 *
 * The reader runs an expression without wildcard and step by the wall clock: a time in the spring gap once after the gap, a time that
 * exists twice once. Any other it runs by elapsed time. Only an expression for every hour is better off so: it would otherwise be
 * silent for an hour in autumn.
 */
const timesWrittenOut = (expression: string): string => {
  const fields = expression.trim().split(/\s+/);
  const hourAt = fields.length - 4;
  const hour = fields[hourAt];
  if (hour === undefined || hour === '*' || hour === '?') return expression;
  return fields
    .map((field, at) => (at > hourAt ? field : listed(field, at === hourAt ? 23 : 59)))
    .join(' ');
};

/**
 * Reads an expression of five fields, or six with seconds first, or a nickname such as `@daily`. Throws `option-invalid` for any
 * other, for a time zone that the host does not know, and for an expression that never comes true. See `schedule:9`.
 */
export const makeCronTimes = (
  readCron: ReadCron,
  expression: string,
  timezone: string,
  now: number,
): CronTimes => {
  if (typeof expression !== 'string' || expression.length > MOST_CHARACTERS) {
    throw invalid(
      `A cron expression must be a string of at most ${MOST_CHARACTERS} characters, not ${quoted(expression)}.`,
    );
  }
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
    // Readers take an empty name for the host's own zone.
    if (timezone === '') throw new RangeError('it is empty');
  } catch (error) {
    throw invalid(
      `The time zone ${quoted(timezone)} is not known; give an IANA name such as "Europe/Berlin".`,
      error,
    );
  }
  let cron: CronReader;
  try {
    cron = readCron(expression, timezone);
    // A date runs once; that is what `once` is for.
    if (cron.getOnce() !== null) throw new TypeError('it is a date');
  } catch (error) {
    throw invalid(
      `The cron expression ${quoted(expression)} is not valid: ${errorMessage(error)}`,
      error,
    );
  }
  cron = readCron(timesWrittenOut(expression), timezone);
  const next = (after: number): number | undefined => cron.nextRun(new Date(after))?.getTime();
  if (next(now) === undefined) {
    throw invalid(`The cron expression ${quoted(expression)} never comes true.`);
  }
  return { next };
};
