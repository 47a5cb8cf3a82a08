import { onOneLine } from './plain-text.ts';

const LEVELS: Readonly<Record<number, readonly [label: string, color: number]>> = {
  10: ['TRACE', 90],
  20: ['DEBUG', 90],
  30: ['INFO ', 32],
  40: ['WARN ', 33],
  50: ['ERROR', 31],
  60: ['FATAL', 35],
};
const DIM = 2;

const two = (value: number, width = 2): string => String(value).padStart(width, '0');

/** The time of day where the reader is. */
const timeOfDay = (epochMs: number): string => {
  const date = new Date(epochMs);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${two(date.getMilliseconds(), 3)}`;
};

interface ErrorLike {
  readonly name?: unknown;
  readonly message: unknown;
  readonly stack?: unknown;
  readonly cause?: unknown;
}

const isErrorLike = (value: unknown): value is ErrorLike =>
  typeof value === 'object' && value !== null && 'message' in value && 'stack' in value;

/** An error in a few words: what it says, what led to it, and where it arose. */
const errorText = (error: ErrorLike): string => {
  const said: string[] = [];
  for (let at: unknown = error; at !== undefined && said.length < 4;) {
    if (!isErrorLike(at)) {
      said.push(typeof at === 'string' ? at : JSON.stringify(at));
      break;
    }
    said.push(`${String(at.name ?? 'Error')}: ${String(at.message)}`);
    at = at.cause;
  }
  const where = /\n\s*(at .*)/.exec(String(error.stack))?.[1];
  return where === undefined ? said.join(' < ') : `${said.join(' < ')} (${where})`;
};

const valueText = (value: unknown): string => {
  if (typeof value === 'string') {
    const line = onOneLine(value);
    return /^[^\s"=]+$/.test(line) ? line : JSON.stringify(line);
  }
  return isErrorLike(value)
    ? JSON.stringify(onOneLine(errorText(value)))
    : onOneLine(JSON.stringify(value));
};

/**
 * A record of the logger, one line of JSON, as one line for a person: time, level, name, message, and the details as `key=value`.
 * No text in the record can begin a line of its own or speak to the terminal.
 */
export const prettyLine = (line: string, useColor: boolean): string => {
  const paint = (code: number, text: string): string =>
    useColor ? `\u001b[${code}m${text}\u001b[0m` : text;
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    record = undefined;
  }
  // What an application's own formatter wrote may be anything.
  if (typeof record !== 'object' || record === null) return `${onOneLine(line.trim())}\n`;
  const {
    level,
    time,
    pid: _,
    hostname: __,
    name,
    msg,
    ...details
  } = record as Record<string, unknown>;
  const [label, color] = LEVELS[level as number] ?? [onOneLine(String(level)), 0];
  const parts = [paint(DIM, timeOfDay(Number(time))), paint(color, label)];
  if (typeof name === 'string') parts.push(paint(DIM, `${onOneLine(name)}:`));
  if (msg !== undefined) parts.push(onOneLine(String(msg)));
  const pairs = Object.entries(details).map(
    ([key, value]) => `${onOneLine(key)}=${valueText(value)}`,
  );
  if (pairs.length > 0) parts.push(paint(DIM, pairs.join(' ')));
  return `${parts.join(' ')}\n`;
};
