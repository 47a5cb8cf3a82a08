import { errorMessage, PantheonError } from '@promethean/pantheon-core';

/**
 * What is known after a failed command.
 * - `refused`: the server answered that it does not want to, and did nothing; `unsent`: it never left this process, or came to the wrong node;
 * - `unknown`: the connection broke, or the answer is one that nobody expects.
 */
type FailureKind = 'refused' | 'unsent' | 'unknown';

/** A command that failed. */
export interface Failure {
  readonly kind: FailureKind;
  readonly error: unknown;
  /** Whether another connection may be the cure, for instance after a failover. */
  readonly isServer: boolean;
  /** Whether the script itself failed, half way: it would fail again. */
  readonly isScript: boolean;
}

/** Replies with which a server refuses before it does anything. */
const REFUSALS =
  /^(OOM|READONLY|MISCONF|LOADING|NOAUTH|NOPERM|WRONGPASS|MASTERDOWN|NOREPLICAS|BUSY|UNBLOCKED)\b/;
/** Of these, the ones that another connection may cure. */
const SERVER = /^(READONLY|LOADING|NOAUTH|WRONGPASS|MASTERDOWN)\b/;
const SCRIPT = /user_script|^ERR Error running script|can't run this command/;
const UNSENT = /enableOfflineQueue/;
/** What a node of a Cluster says while a slot is moved, was moved, or is nobody's. It does nothing; where it was moved, another connection learns where to. */
const ELSEWHERE = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/;
const MOVED = /^MOVED\b/;

/** A command that was not handed to any client. */
export class Unsent extends Error {}

/** Reads the error of a command. */
export const readFailure = (error: unknown): Failure => {
  const text = errorMessage(error);
  if (error instanceof Unsent || UNSENT.test(text))
    return { kind: 'unsent', error, isServer: false, isScript: false };
  if (ELSEWHERE.test(text))
    return { kind: 'unsent', error, isServer: MOVED.test(text), isScript: false };
  // Redis 6 puts its own words before those of a command that failed in a script.
  const reply = text.replace(/^ERR Error running script.*?: -/, '');
  if (REFUSALS.test(reply))
    return { kind: 'refused', error, isServer: SERVER.test(reply), isScript: false };
  return { kind: 'unknown', error, isServer: false, isScript: SCRIPT.test(text) };
};

/** The server cannot be reached or refuses; nothing was done. */
export const unavailable = (what: string, cause: unknown): PantheonError =>
  new PantheonError(
    'unavailable',
    `${what}: ${cause === undefined ? 'there is no connection to Redis' : errorMessage(cause)}.`,
    { retryable: true, cause },
  );

/** No call got through in time; tells what to look at. */
export const unreachable = (what: string, cause: unknown): PantheonError => {
  const reason = cause === undefined ? '' : errorMessage(cause).replace(/\.+$/, '');
  const isKnown = reason !== '' && !UNSENT.test(reason);
  const advice = /^(WRONGPASS|NOAUTH|NOPERM)/.test(reason)
    ? 'Check the user, its password and its rights'
    : 'Check that Redis runs, its address, and whether it expects TLS';
  return new PantheonError(
    'unavailable',
    `${what}: ${isKnown ? reason : 'there is no connection to Redis'}. ${advice}.`,
    { retryable: true, cause },
  );
};

/** The bus is closed. */
export const closedError = (): PantheonError => new PantheonError('closed', 'The bus is closed.');
