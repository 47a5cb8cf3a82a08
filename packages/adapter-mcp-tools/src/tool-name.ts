import { createHash } from 'node:crypto';

/** What models accept as the name of a function. */
const MOST_NAME = 64;
const PLAIN = /^[A-Za-z0-9_-]{1,64}$/;
const SEPARATOR = '__';

/** Letters, digits, `-` and single `_`, so that the first `__` of a tool's name ends the server's. */
const SERVER = /^[A-Za-z0-9](?:[A-Za-z0-9-]|_(?!_|$)){0,31}$/;
export const SERVER_NAME_RULE: string =
  'must have 1 to 32 letters, digits, "-" and single "_", not at its ends';

/** Whether `SERVER_NAME_RULE` holds. */
export const isServerName = (name: string): boolean => SERVER.test(name);

/**
 * The name under which a server's tool is offered: `server__tool`. One that models would not accept (other characters, more than 64)
 * gets `_` for what they refuse, is cut, and ends in ten digits of the hash of its whole name, so that two stay two.
 */
export const toolName = (server: string, tool: string): string => {
  const whole = `${server}${SEPARATOR}${tool}`;
  if (PLAIN.test(whole)) return whole;
  const digits = createHash('sha256').update(whole).digest('hex').slice(0, 10);
  const readable = whole.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, MOST_NAME - digits.length - 1);
  return `${readable}_${digits}`;
};

/** The server that a tool's name names; undefined where it names none. */
export const serverOf = (name: string): string | undefined => {
  const at = name.indexOf(SEPARATOR);
  return at > 0 ? name.slice(0, at) : undefined;
};

/** Whether one of the patterns, exact or with a trailing `*`, names a tool. */
export const isNamed = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name,
  );

/** Whether a pattern, exact or with a trailing `*`, can name a tool of a server. */
export const canName = (pattern: string, server: string): boolean => {
  const prefix = server + SEPARATOR;
  if (!pattern.endsWith('*')) return pattern.startsWith(prefix);
  const beginning = pattern.slice(0, -1);
  return beginning.startsWith(prefix) || prefix.startsWith(beginning);
};
