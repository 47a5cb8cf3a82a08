/** Running a statement: on a pool or on a session, with what can go wrong in words of ours. */
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { type ErrorCode, errorMessage, PantheonError } from '@promethean/pantheon-core';
import { type Lender, noticed, type PostgresConnection } from './connection.ts';

/**
 * What a repetition would do, where the connection broke and nobody knows whether the statement was executed: `none`: it changes
 * nothing, and is repeated here; `again`: it leads to the same and answers the same, and is repeated here; `same`: the caller may
 * repeat it; `twice`: it may not.
 */
export type Repetition = 'none' | 'again' | 'same' | 'twice';

/** Runs statements. */
export interface PostgresClient {
  readonly run: (
    text: string,
    values: readonly unknown[],
    repetition: Repetition,
  ) => Promise<readonly unknown[]>;
}

/** What an adapter's errors say. */
export interface PostgresErrors {
  /** The code for other transactions that were in the way again and again. */
  readonly conflict: ErrorCode;
  /** What to do where nobody knows whether a write happened: `read the actor before deciding anew`. */
  readonly doubt: string;
}

/** Settings of `makePostgresClient`. */
export interface PostgresClientOptions extends Pick<Lender, 'lend'> {
  /** How to name the server in messages; no credentials. */
  readonly server: string;
  readonly maxAttempts: number;
  /** Milliseconds after which a write of which nobody knows whether it happened is not sent again. */
  readonly repeatForMs: number;
  readonly errors: PostgresErrors;
}

/** PostgreSQL's code of an error (SQLSTATE); undefined for errors that did not come from a server. */
export const sqlState = (error: unknown): string | undefined => {
  const { code, severity } = (error ?? {}) as { readonly code?: unknown; severity?: unknown };
  // A system error has a code as well, and EPIPE has the length of an SQLSTATE.
  return typeof code === 'string' && typeof severity === 'string' ? code : undefined;
};

/** Serialization failure, deadlock, lock timeout: nothing was done, and the same may succeed a moment later. */
const isConflict = (state: string | undefined): boolean =>
  state === '40001' || state === '40P01' || state === '55P03';
/** What a person can do about errors that do not pass. */
const POOLER =
  ' A pooler in transaction mode is in between that does not know prepared statements; give a pool of your own (pool).';
const ADVICE: Readonly<Record<string, string>> = {
  '42501': ' Grant the rights, or let a user who has them make the tables once (ready).',
  '42P05': POOLER,
  '26000': POOLER,
};

const endsConnection = (state: string | undefined): boolean =>
  state === undefined || state.startsWith('08') || /^57P0[1-5]$/.test(state);
const mayPass = (state: string): boolean =>
  // Timeouts, full disks and memory, a primary that became a standby.
  state === '57014' || state === '25006' || state.startsWith('53');

/** What to do about a connection that the settings do not allow, however often it is tried; undefined where it may pass. */
const adviceOnSettings = (error: unknown): string | undefined => {
  const state = sqlState(error);
  if (state === '08P01')
    return 'the pooler in between refuses the timeouts that are set; give a pool of your own (pool)';
  if (state !== undefined)
    return /^(28|3D)/.test(state) ? 'check the credentials and the database' : undefined;
  const { code } = (error ?? {}) as { readonly code?: unknown };
  const message = errorMessage(error);
  if (message.startsWith('SASL: ')) return 'check the password';
  const isAboutTls =
    message === 'The server does not support SSL connections' ||
    (typeof code === 'string' && /CERT|^ERR_(TLS|SSL|OSSL)/.test(code));
  return isAboutTls ? 'check the settings of TLS (ssl, sslmode) on both sides' : undefined;
};

/** A connection that could not be made: nothing was done. */
const unreachable = (error: unknown, server: string): PantheonError => {
  const reason = errorMessage(error) || String((error as { readonly code?: unknown })?.code);
  const advice = adviceOnSettings(error);
  return new PantheonError(
    'unavailable',
    `No connection to ${server}: ${reason}. Nothing was done; ${advice ?? 'check that it runs, its address and the credentials'}.`,
    // What is wrong with the settings does not become right by trying again.
    { cause: error, retryable: advice === undefined },
  );
};

/** Runs each statement by itself, as a transaction of its own. Repeats it after a conflict, and where nothing can happen twice. */
export const makePostgresClient = ({
  lend,
  server,
  maxAttempts,
  repeatForMs,
  errors,
}: PostgresClientOptions): PostgresClient => {
  /** A write whose connection broke. */
  const unknown = (error: unknown, retryable: boolean): PantheonError =>
    new PantheonError(
      'outcome-unknown',
      `The connection to ${server} broke during a write (${errorMessage(error)}), and nobody knows whether it happened; ${errors.doubt}.`,
      { cause: error, retryable },
    );

  /** A statement that failed. */
  const failed = (error: unknown, repetition: Repetition): PantheonError => {
    const state = sqlState(error);
    if (endsConnection(state)) {
      return repetition === 'none'
        ? new PantheonError('unavailable', `The connection to ${server} broke; try again.`, {
            cause: error,
            retryable: true,
          })
        : unknown(error, repetition !== 'twice');
    }
    if (isConflict(state)) {
      return new PantheonError(
        errors.conflict,
        `Other transactions on ${server} were in the way again and again (${errorMessage(error)}); nothing was done, try again.`,
        { cause: error, retryable: true, details: { state } },
      );
    }
    const advice = ADVICE[state as string] ?? '';
    return new PantheonError(
      'unavailable',
      `${server} refused a statement: ${errorMessage(error)} (${state}). Nothing was done.${advice}`,
      { cause: error, retryable: mayPass(state as string), details: { state } },
    );
  };

  const use = async (
    connection: PostgresConnection,
    text: string,
    values: readonly unknown[],
  ): Promise<readonly unknown[]> => {
    let broken = false;
    try {
      return (await connection.query(text, [...values])).rows;
    } catch (error) {
      broken = endsConnection(sqlState(error));
      throw error;
    } finally {
      // From here on the pool listens.
      connection.release(broken);
      connection.off('error', noticed);
    }
  };

  const run: PostgresClient['run'] = async (text, values, repetition) => {
    /** The failure after which nobody knows whether a write happened. */
    let doubt: { readonly error: unknown } | undefined;
    const startedAt = performance.now();
    for (let attempts = 1; ; attempts += 1) {
      let connection: PostgresConnection | undefined;
      try {
        connection = await lend();
        return await use(connection, text, values);
      } catch (error) {
        const isLost = connection !== undefined && endsConnection(sqlState(error));
        if (isLost && repetition === 'again') doubt ??= { error };
        const isRepeated =
          doubt === undefined
            ? connection !== undefined &&
              (isConflict(sqlState(error)) || (isLost && repetition === 'none'))
            : (connection === undefined || isLost || isConflict(sqlState(error))) &&
              performance.now() - startedAt < repeatForMs;
        if (!isRepeated || attempts >= maxAttempts) {
          if (doubt !== undefined) throw unknown(doubt.error, true);
          throw connection === undefined ? unreachable(error, server) : failed(error, repetition);
        }
      }
      // Random, so that those who were in each other's way do not meet again.
      await pause(Math.random() * Math.min(5 * 2 ** attempts, 500));
    }
  };

  return { run };
};
