import { errorMessage, PantheonError } from '@promethean/pantheon-core';

/** Answers by which Redis refuses for now, before it has done anything. A script's refusal has them inside of its sentence. */
const REFUSALS =
  /(?:^|[\s-])(BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOAUTH|NOPERM|NOREPLICAS|OOM|READONLY|TRYAGAIN|WRONGPASS)\s/;

/**
 * - `answer`: Redis answered with an error; nothing was done.
 * - `unsent`: the command has not left the process.
 * - `broken`: the connection ended or time ran out before the answer.
 */
export type Failure = 'answer' | 'unsent' | 'broken';

/** What kind of failure an error of ioredis is. */
export const failureOf = (error: unknown): Failure => {
  if (error instanceof Error && error.name === 'ReplyError') return 'answer';
  return errorMessage(error).includes('enableOfflineQueue options is false') ? 'unsent' : 'broken';
};

/** Whether Redis does not have the script. */
export const isScriptMissing = (error: unknown): boolean =>
  failureOf(error) === 'answer' && errorMessage(error).startsWith('NOSCRIPT');

/** The error without what ioredis hangs on it: the command's arguments are records, or a password. */
const bare = (error: unknown): Error => {
  const copy = new Error(errorMessage(error));
  copy.name = error instanceof Error ? error.name : 'Error';
  return copy;
};

/** Redis cannot be reached. */
export const unreachable = (timeoutMs: number, reason: unknown): PantheonError => {
  const why = reason === undefined ? '' : `: ${errorMessage(reason).replace(/\.+$/, '')}`;
  const advice = /^: (WRONGPASS|NOAUTH|NOPERM)/.test(why)
    ? 'Check the user, its password and its rights'
    : 'Check that it runs, its address, and whether it expects TLS';
  return new PantheonError(
    'unavailable',
    `Redis cannot be reached within ${timeoutMs} ms${why}. ${advice}.`,
    { retryable: true, ...(reason !== undefined && { cause: bare(reason) }) },
  );
};

/** Redis answered with an error. */
export const refused = (error: unknown): PantheonError => {
  const isForNow = REFUSALS.test(errorMessage(error));
  return new PantheonError(
    isForNow ? 'unavailable' : 'unexpected',
    `Redis refused: ${errorMessage(error)}`,
    { retryable: isForNow, cause: bare(error) },
  );
};

/** What a write means to its caller when its outcome is unknown. */
export interface RedisWrite {
  /** For the error, such as `the update of "a-1"`. */
  readonly what: string;
  /** Whether the caller may simply call again. */
  readonly isRepeatable: boolean;
  /** Milliseconds, where the call has less time than the others. */
  readonly timeoutMs?: number | undefined;
}

/** The connection ended, or time ran out, after a write was sent. `error` is what came last. */
export const outcomeUnknown = (
  { what, isRepeatable }: RedisWrite,
  error?: unknown,
): PantheonError =>
  new PantheonError(
    'outcome-unknown',
    `The connection to Redis broke during ${what}, and nobody can know whether it happened. ${
      isRepeatable ? 'Repeating it is safe.' : 'Read what is stored before you decide.'
    }`,
    { retryable: isRepeatable, ...(error !== undefined && { cause: bare(error) }) },
  );
