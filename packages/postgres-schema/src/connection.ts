/** Where connections come from: a pool or a session that was passed in, in the least that is needed of them. */

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

/** Where connections come from. */
export interface Lender {
  readonly lend: () => Promise<PostgresConnection>;
  /** Ends what was made here; all connections have been given back. */
  readonly end: () => Promise<void>;
}

/** An error event that nobody listens to ends the process. The call that failed says what happened. */
export const noticed = (): void => undefined;

/** Lends a session as if it were a connection. */
export const borrowSession = (session: PostgresSession): Lender => ({
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
export const borrowPool = (pool: PostgresPool): Lender => {
  pool.on('error', noticed);
  return {
    lend: () => lendFrom(pool),
    end: async () => void pool.off('error', noticed),
  };
};
