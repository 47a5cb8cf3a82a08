import { PantheonError } from '@promethean/pantheon-core';
import type { LuaScript } from './lua-script.ts';
import type { OpenedClient } from './redis-client.ts';
import {
  failureOf,
  isScriptMissing,
  outcomeUnknown,
  type RedisWrite,
  refused,
  unreachable,
} from './redis-failure.ts';

/** How often a command goes out when connections break under it. */
const ATTEMPTS = 3;
/** A connection that does not end by itself is left to ioredis, which destroys it. */
const MAX_END_MS = 3_000;

/** What a write came to. */
export interface Written<T> {
  readonly answer: T;
  /** An earlier attempt was sent and its answer lost: it may have been carried out. */
  readonly isRepeated: boolean;
}

/** A client with a bound on every wait, and errors that tell what is known. */
export interface RedisConnection {
  /** Runs a job, whatever calls it makes. Rejects with `closed` after `close()`; what was accepted before it ends as usual. */
  readonly accept: <T>(job: () => Promise<T>) => Promise<T>;
  /** Rejects with `unavailable` where Redis cannot be used. */
  readonly ready: () => Promise<void>;
  readonly get: (key: string) => Promise<string | null>;
  readonly mget: (keys: readonly string[]) => Promise<readonly (string | null)[]>;
  readonly read: (
    script: LuaScript,
    keys: readonly string[],
    args?: readonly string[],
  ) => Promise<unknown>;
  /** Sent again when its answer was lost: the script must be such that carrying it out again does no harm. */
  readonly write: (
    write: RedisWrite,
    script: LuaScript,
    keys: readonly string[],
    args: readonly string[],
  ) => Promise<Written<unknown>>;
  /** Waits for what was accepted; then ends the connection, where it is ours. */
  readonly close: () => Promise<void>;
}

/** Settings of `makeRedisConnection`. */
export interface RedisConnectionOptions {
  /** What is closed by `close`, for the error: `state port`. */
  readonly port: string;
  /** What is kept in Redis, for the error: `actors`. */
  readonly keeps: string;
  /** Milliseconds for a whole call. */
  readonly timeoutMs: number;
  /** Accept a Redis that drops keys when its memory is full. */
  readonly allowEviction: boolean;
  /** Gets what an operator should know, once. Default: nobody is told, and nothing is asked. */
  readonly onWarning?: ((sentence: string) => void) | undefined;
}

/** When a call has to end, and how many milliseconds it had. */
interface Limit {
  readonly at: number;
  readonly ms: number;
}

/** Refuses a Redis that drops records when its memory is full. */
const requireNoEviction = (info: string, keeps: string): void => {
  const limit = /^maxmemory:(\d+)/m.exec(info)?.[1] ?? '0';
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'noeviction';
  if (limit === '0' || policy === 'noeviction') return;
  throw new PantheonError(
    'unavailable',
    `This Redis drops ${keeps} when its memory is full (maxmemory-policy ${policy}). Set it to noeviction, or accept it with allowEviction: true.`,
    { details: { policy } },
  );
};

/** A connection on a client of `openRedisClient`. It connects at the first call. */
export const makeRedisConnection = (
  { client, own }: OpenedClient,
  { port, keeps, timeoutMs, allowEviction, onWarning }: RedisConnectionOptions,
): RedisConnection => {
  let isChecked = allowEviction && onWarning === undefined;
  let isClosed = false;
  let running = 0;
  let onIdle: (() => void) | undefined;

  let lastError: Error | undefined;
  const waiters = new Set<(problem?: unknown) => void>();
  const onReady = (): void => waiters.forEach((settle) => settle());
  const onEnd = (): void => waiters.forEach((settle) => settle(new Error('the client was closed')));
  const onError = (error: Error): void => {
    lastError = error;
  };
  const listen = (how: 'on' | 'off'): void => {
    client[how]('ready', onReady);
    client[how]('end', onEnd);
    client[how]('error', onError);
  };

  const connected = ({ at, ms }: Limit): Promise<void> =>
    new Promise((resolve, reject) => {
      if (waiters.size === 0) {
        lastError = undefined;
        listen('on');
      }
      const settle = (problem?: unknown): void => {
        clearTimeout(timer);
        waiters.delete(settle);
        if (waiters.size === 0) listen('off');
        if (problem === undefined) resolve();
        else reject(unreachable(ms, lastError ?? problem));
      };
      const timer = setTimeout(
        () => settle(new Error('no answer')),
        Math.max(0, at - performance.now()),
      );
      waiters.add(settle);
      const { status } = client;
      // What goes wrong comes as an event.
      if (status === 'wait' || (status === 'end' && own)) client.connect().catch(() => undefined);
      else if (status === 'end') onEnd();
    });

  const within = <T>(answer: Promise<T>, { at, ms }: Limit): Promise<T> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no answer within ${ms} ms`)),
        Math.max(0, at - performance.now()),
      );
      answer.then(
        (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        (error: unknown) => {
          clearTimeout(timer);
          reject(error);
        },
      );
    });

  const warn = (): void => {
    try {
      onWarning?.(
        `Redis runs without appendonly: a crash of Redis loses the ${keeps} since its last snapshot.`,
      );
    } catch {
      // Whoever is told has failed; there is nobody left to tell.
    }
  };

  const usable = async (limit: Limit): Promise<void> => {
    if (client.status !== 'ready') await connected(limit);
    if (isChecked) return;
    const [memory, persistence] = await within(
      Promise.all([
        allowEviction ? '' : client.info('memory'),
        onWarning === undefined ? '' : client.info('persistence'),
      ]),
      limit,
    );
    requireNoEviction(memory, keeps);
    if (isChecked) return;
    isChecked = true;
    if (/^aof_enabled:0/m.test(persistence)) warn();
  };

  /** Sends until there is an answer, no attempt or no time left. */
  const attempt = async <T>(
    write: RedisWrite | undefined,
    send: () => Promise<T>,
  ): Promise<Written<T>> => {
    const ms = Math.min(timeoutMs, write?.timeoutMs ?? timeoutMs);
    const limit = { at: performance.now() + ms, ms };
    let isRepeated = false;
    for (let left = ATTEMPTS - 1; ; left -= 1) {
      let isSending = false;
      try {
        if (!isChecked || client.status !== 'ready') await usable(limit);
        isSending = true;
        return { answer: await within(send(), limit), isRepeated };
      } catch (error) {
        const failure = PantheonError.is(error) ? 'told' : failureOf(error);
        if (isSending && failure === 'broken') isRepeated = true;
        const isOver = failure === 'told' || failure === 'answer';
        if (!isOver && left > 0 && performance.now() < limit.at) {
          // The client learns of the end of its connection in a later turn of the event loop.
          await new Promise((resolve) => {
            setImmediate(resolve);
          });
          continue;
        }
        if (write !== undefined && isRepeated) throw outcomeUnknown(write, error);
        if (PantheonError.is(error)) throw error;
        throw failure === 'answer' ? refused(error) : unreachable(ms, error);
      }
    }
  };

  const accept = async <T>(job: () => Promise<T>): Promise<T> => {
    if (isClosed) throw new PantheonError('closed', `The ${port} is closed.`);
    running += 1;
    try {
      return await job();
    } finally {
      running -= 1;
      if (running === 0) onIdle?.();
    }
  };

  const run = async (
    { sha, text }: LuaScript,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> => {
    try {
      return await client.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      // A restart or SCRIPT FLUSH forgets scripts; this one has not run.
      if (!isScriptMissing(error)) throw error;
      return client.eval(text, keys.length, ...keys, ...args);
    }
  };

  const end = async (): Promise<void> => {
    if (running > 0) {
      await new Promise<void>((resolve) => {
        onIdle = resolve;
      });
    }
    if (!own || client.status === 'end') return;
    // Between two attempts to connect there is nothing whose end could be awaited.
    const isConnected = client.status !== 'reconnecting' && client.status !== 'wait';
    const ended = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, isConnected ? MAX_END_MS : 0);
      client.on('end', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    client.disconnect();
    await ended;
  };
  let ending: Promise<void> | undefined;

  return {
    accept,
    ready: async () => {
      await attempt(undefined, async () => undefined);
    },
    get: async (key) => (await attempt(undefined, () => client.get(key))).answer,
    mget: async (keys) => (await attempt(undefined, () => client.mget(...keys))).answer,
    read: async (script, keys, args = []) =>
      (await attempt(undefined, () => run(script, keys, args))).answer,
    write: (write, script, keys, args) => attempt(write, () => run(script, keys, args)),
    close: () => {
      isClosed = true;
      ending ??= end();
      return ending;
    },
  };
};
