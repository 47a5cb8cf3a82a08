import { errorMessage, PantheonError } from '@promethean/pantheon-core';

/**
 * What is known after a failed command.
 * - `refused`: the server answered that it does not want to, and did nothing; `unsent`: it never left this process;
 * - `unknown`: the connection broke, or the answer is one that nobody expects.
 */
type FailureKind = 'refused' | 'unsent' | 'unknown';

/** A command that failed. */
export interface Failure {
  readonly kind: FailureKind;
  readonly error: unknown;
  /** Whether another connection may be the cure, for instance after a failover. */
  readonly isServer: boolean;
}

/** Replies with which a server refuses before it does anything. */
const REFUSALS =
  /^(OOM|READONLY|MISCONF|LOADING|NOAUTH|NOPERM|WRONGPASS|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|BUSY|UNBLOCKED)\b/;
/** Of these, the ones that another connection may cure. */
const SERVER = /^(READONLY|LOADING|NOAUTH|WRONGPASS|MASTERDOWN|CLUSTERDOWN)\b/;
const UNSENT = /enableOfflineQueue/;

/** A command that was not handed to any client. */
export class Unsent extends Error {}

/** Reads the error of a command. */
export const readFailure = (error: unknown): Failure => {
  const text = errorMessage(error);
  if (error instanceof Unsent || UNSENT.test(text))
    return { kind: 'unsent', error, isServer: false };
  // Redis 6 puts its own words before those of a command that failed in a script.
  const reply = text.replace(/^ERR Error running script.*?: -/, '');
  if (REFUSALS.test(reply)) return { kind: 'refused', error, isServer: SERVER.test(reply) };
  return { kind: 'unknown', error, isServer: false };
};

/** The server cannot be reached or refuses; nothing was done. */
export const unavailable = (what: string, cause: unknown): PantheonError =>
  new PantheonError(
    'unavailable',
    `${what}: ${cause === undefined ? 'there is no connection to Redis' : errorMessage(cause)}.`,
    { retryable: true, cause },
  );

/** The bus is closed. */
export const closedError = (): PantheonError => new PantheonError('closed', 'The bus is closed.');
