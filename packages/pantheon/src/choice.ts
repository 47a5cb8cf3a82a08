/** A setting's choice of a port: given, or ours to make and to close. */
import { PantheonError } from '@promethean/pantheon-core';
import type { Log, Now } from '@promethean/pantheon-core';

/** What every port is made with. */
export interface Surroundings {
  readonly log: Log;
  readonly now: Now;
}

/** A port that is there. */
export interface Made<Port> {
  readonly port: Port;
  /** Opens what can be opened before the first use. */
  readonly open: (signal: AbortSignal) => Promise<unknown>;
  /** Closes the port, unless it was given. */
  readonly close: () => Promise<void>;
}

/** A port that is going to be used. */
export interface Choice<Port> {
  /** For people, without anything secret. */
  readonly name: string;
  readonly make: (surroundings: Surroundings) => Made<Port>;
}

/** Adapters of servers have a `ready` that waits for the connection. */
export const readyOf = async (port: unknown): Promise<unknown> => {
  const { ready } = port as { readonly ready?: unknown };
  return typeof ready === 'function' ? (ready.call(port) as unknown) : undefined;
};

/** A port of the config, used as it is. */
export const given = <Port>(port: Port): Choice<Port> => ({
  name: 'as the config gives it',
  make: () => ({ port, open: () => readyOf(port), close: async () => undefined }),
});

/** What a port of our own fails with, with the setting's name. The `path` of an adapter is the `file` of a setting. */
const inSetting = (setting: string, error: unknown): unknown => {
  if (!PantheonError.is(error)) return error;
  const { code, message, retryable, details } = error;
  const told = message.startsWith('path: ')
    ? `${setting}.file${message.slice('path'.length)}`
    : `${setting}: ${message}`;
  return new PantheonError(code, told, { retryable, details, cause: error });
};

/** A port of our own. What its options refuse, and what its opening fails with, is said with the setting's name. */
export const ours = <Port, Own extends Port & object>(
  setting: string,
  name: string,
  make: (surroundings: Surroundings) => Own,
  open: (port: Own, signal: AbortSignal) => Promise<unknown> = readyOf,
): Choice<Port> => ({
  name,
  make: (surroundings) => {
    try {
      const port = make(surroundings);
      const { close } = port as { readonly close?: () => Promise<void> };
      return {
        port,
        open: async (signal) => {
          try {
            return await open(port, signal);
          } catch (error) {
            throw inSetting(setting, error);
          }
        },
        close: async () => close?.(),
      };
    } catch (error) {
      throw inSetting(setting, error);
    }
  },
});
