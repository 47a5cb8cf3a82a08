/** Running a statement: on a pool or on a session, with what can go wrong in words of ours. */
import { setTimeout as pause } from 'node:timers/promises';
import { errorMessage, PantheonError } from '@promethean/pantheon-core';

/** What runs one statement: a PGlite, for instance. Statements that are given at the same time run one after the other. */
export interface PostgresSession {
  readonly query: (
    text: string,
    values?: unknown[],
  ) => Promise<{ readonly rows: readonly unknown[] }>;
}

/** A connection that a pool lends. */
export interface PostgresConnection extends PostgresSession {
  /** With `true`, the connection is ended instead of being lent again. */
  readonly release: (destroy?: boolean) => void;
  readonly on: (event: 'error', listener: (error: Error) => void) => unknown;
  readonly off: (event: 'error', listener: (error: Error) => void) => unknown;
}

/** The slice of a `Pool` of pg that is used. */
export interface PostgresPool {
  readonly connect: (
    callback: (error: Error | undefined, connection: PostgresConnection | undefined) => void,
  ) => void;
  readonly on: (event: 'error', listener: (error: Error) => void) => unknown;
  readonly off: (event: 'error', listener: (error: Error) => void) => unknown;
}

/** How to reach a server, where it is not said by a URL. What is absent is taken from the environment (`PGHOST`, ...), as pg does. */
export interface PostgresSettings {
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  readonly user?: string;
  /** A function is asked for every connection: for passwords that expire. */
  readonly password?: string | (() => string | Promise<string>);
  /** `true`, or options of `node:tls`. */
  readonly ssl?: boolean | object;
}

/**
 * What a repetition would do, where the connection broke and nobody knows whether the statement was executed: `none`: it changes
 * nothing, and is repeated here; `same`: the caller may repeat it; `twice`: it may not.
 */
type Repetition = 'none' | 'same' | 'twice';

/** Runs statements. */
export interface PostgresClient {
  readonly run: (
    text: string,
    values: readonly unknown[],
    repetition: Repetition,
  ) => Promise<readonly unknown[]>;
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
/** No rights: an error that only a person can end. */
const NO_RIGHTS = '42501';

const endsConnection = (state: string | undefined): boolean =>
  state === undefined || state.startsWith('08') || /^57P0[1-5]$/.test(state);
const mayPass = (state: string): boolean =>
  // Timeouts, full disks and memory, a primary that became a standby.
  state === '57014' || state === '25006' || state.startsWith('53');

/** A connection that could not be made: nothing was done. */
const unreachable = (error: unknown, server: string): PantheonError => {
  const state = sqlState(error);
  const reason = errorMessage(error) || String((error as { readonly code?: unknown })?.code);
  return new PantheonError(
    'unavailable',
    `No connection to ${server}: ${reason}. Nothing was done; check that it runs, its address and the credentials.`,
    {
      cause: error,
      // A wrong password or database does not become right by trying again.
      retryable: state === undefined || !/^(28|3D)/.test(state),
    },
  );
};

/** A statement that failed. */
const failed = (error: unknown, server: string, repetition: Repetition): PantheonError => {
  const state = sqlState(error);
  if (endsConnection(state)) {
    return repetition === 'none'
      ? new PantheonError('unavailable', `The connection to ${server} broke; try again.`, {
          cause: error,
          retryable: true,
        })
      : new PantheonError(
          'outcome-unknown',
          `The connection to ${server} broke during a write (${errorMessage(error)}), and nobody knows whether it happened; ` +
            'read the actor before deciding anew.',
          { cause: error, retryable: repetition === 'same' },
        );
  }
  if (isConflict(state)) {
    return new PantheonError(
      'state-conflict',
      `Other transactions on ${server} were in the way again and again (${errorMessage(error)}); nothing was done, try again.`,
      { cause: error, retryable: true, details: { state } },
    );
  }
  const advice =
    state === NO_RIGHTS
      ? ' Grant the rights, or let a user who has them make the tables once (ready).'
      : '';
  return new PantheonError(
    'unavailable',
    `${server} refused a statement: ${errorMessage(error)} (${state}). Nothing was done.${advice}`,
    { cause: error, retryable: mayPass(state as string), details: { state } },
  );
};

/** An error event that nobody listens to ends the process. The call that failed says what happened. */
const noticed = (): void => undefined;

/** Where connections come from. */
export interface Source {
  readonly lend: () => Promise<PostgresConnection>;
  /** Ends what was made here; all connections have been given back. */
  readonly end: () => Promise<void>;
}

/** Settings of `makePostgresClient`. */
export interface PostgresClientOptions extends Pick<Source, 'lend'> {
  /** How to name the server in messages; no credentials. */
  readonly server: string;
  readonly maxAttempts: number;
}

/** Lends a session as if it were a connection. */
export const borrowSession = (session: PostgresSession): Source => ({
  lend: async () => ({
    query: (text, values) => session.query(text, values),
    release: noticed,
    on: noticed,
    off: noticed,
  }),
  end: async () => undefined,
});

/** Lends a connection of a pool, and listens to its errors until it is given back. */
export const lendFrom = (pool: PostgresPool): Promise<PostgresConnection> =>
  new Promise((resolve, reject) => {
    // pg stops listening when it calls back. What is read together with the server's greeting, its farewell for instance, comes
    // before a promise is continued; so the promise that `connect` returns would be too late to listen.
    pool.connect((error, connection) => {
      if (connection === undefined) return reject(error);
      connection.on('error', noticed);
      resolve(connection);
    });
  });

/** Uses a pool that somebody else owns; `end` only stops listening to it. */
export const borrowPool = (pool: PostgresPool): Source => {
  pool.on('error', noticed);
  return {
    lend: () => lendFrom(pool),
    end: async () => void pool.off('error', noticed),
  };
};

/** Runs each statement by itself, as a transaction of its own. Repeats it after a conflict, and where nothing can happen twice. */
export const makePostgresClient = ({
  lend,
  server,
  maxAttempts,
}: PostgresClientOptions): PostgresClient => {
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
    for (let attempts = 1; ; attempts += 1) {
      const connection = await lend().catch((error: unknown) => {
        throw unreachable(error, server);
      });
      try {
        return await use(connection, text, values);
      } catch (error) {
        const state = sqlState(error);
        const again = isConflict(state) || (repetition === 'none' && endsConnection(state));
        if (!again || attempts >= maxAttempts) throw failed(error, server, repetition);
      }
      // Random, so that those who were in each other's way do not meet again.
      await pause(Math.random() * Math.min(5 * 2 ** attempts, 500));
    }
  };

  return { run };
};
