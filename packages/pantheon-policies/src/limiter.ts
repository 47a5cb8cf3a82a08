import { PantheonError, type Timers } from '@promethean/pantheon-core';
import type { Entry } from './gated.ts';
import { cancelledError, describeCall, type PortCall } from './port-call.ts';
import { isTimeLimit } from './require-option.ts';

export interface LimiterOptions {
  readonly calls: number;
  readonly intervalMs: number;
  readonly concurrency: number;
  readonly maxWaitMs: number;
  readonly maxQueue: number;
  readonly timers: Timers;
}

/** Lets calls begin first come, first served. */
export interface Limiter {
  readonly enter: (call: PortCall<unknown>) => Entry | Promise<Entry>;
  /** Refuses those that wait with `closed`, and limits nothing from then on. */
  readonly end: () => void;
}

interface Waiting {
  readonly begin: () => void;
  readonly refuse: (error: PantheonError) => void;
}

export const makeLimiter = (options: LimiterOptions): Limiter => {
  const { calls, intervalMs, concurrency, maxWaitMs, maxQueue, timers } = options;
  /** When the last `calls` calls began, oldest first. Empty where there is no limit by time. */
  const begun: number[] = [];
  const queue = new Set<Waiting>();
  let running = 0;
  let timer: unknown;
  let ended = false;

  /** When the n-th call from now can begin as far as time goes, n from 0. Exact where no call waits for a place. */
  const earliest = (n: number, now: number): number => {
    if (calls === Infinity) return now;
    const before = begun[begun.length - calls + (n % calls)];
    const rounds = Math.floor(n / calls) * intervalMs;
    return Math.max(now, before === undefined ? now : before + intervalMs) + rounds;
  };
  const begin = (now: number): void => {
    running += 1;
    if (calls === Infinity) return;
    begun.push(now);
    if (begun.length > calls) begun.shift();
  };

  const leave = (): void => {
    running -= 1;
    admit();
  };
  const clear = (): void => {
    if (timer !== undefined) timers.clear(timer);
    timer = undefined;
  };
  const admit = (): void => {
    clear();
    if (ended) return;
    for (const waiting of queue) {
      if (running >= concurrency) return;
      const now = timers.now();
      const waitMs = earliest(0, now) - now;
      if (waitMs > 0) {
        timer = timers.set(admit, Math.ceil(waitMs));
        return;
      }
      queue.delete(waiting);
      begin(now);
      waiting.begin();
    }
  };

  const refusal = (call: PortCall<unknown>, why: string, place: number): PantheonError => {
    const now = timers.now();
    const retryAfterMs = Math.ceil(earliest(place, now) - now);
    return new PantheonError(
      'unavailable',
      `${describeCall(call)} was not made: ${why}. Try again in ${retryAfterMs} ms or later.`,
      { retryable: true, details: { retryAfterMs, waiting: queue.size } },
    );
  };

  const wait = (call: PortCall<unknown>): Promise<Entry> =>
    new Promise((resolve, reject) => {
      const since = timers.now();
      const { timeoutMs } = call;
      const limitMs = Math.min(maxWaitMs, isTimeLimit(timeoutMs) ? timeoutMs : Infinity);
      const signal = call.signal();
      const place = queue.size;
      if (signal?.aborted === true) {
        reject(cancelledError(call, signal));
        return;
      }
      if (place >= maxQueue) {
        reject(refusal(call, `${place} calls wait already`, place));
        return;
      }
      if (earliest(place, since) - since > limitMs) {
        reject(refusal(call, `its turn would not come within ${limitMs} ms`, place));
        return;
      }

      let late: unknown;
      const settle = (): void => {
        queue.delete(waiting);
        if (late !== undefined) timers.clear(late);
        signal?.removeEventListener('abort', onAbort);
      };
      const waiting: Waiting = {
        begin: () => {
          settle();
          // The time in the queue is part of the call's own limit.
          const left = timeoutMs === undefined ? Infinity : timeoutMs - (timers.now() - since);
          resolve({ leave, ...(left !== Infinity && { bounds: { timeoutMs: left } }) });
        },
        refuse: (error) => {
          settle();
          reject(error);
          // The first of the queue may have been what the timer was for.
          admit();
        },
      };
      const onAbort = (): void => waiting.refuse(cancelledError(call, signal));
      queue.add(waiting);
      signal?.addEventListener('abort', onAbort, { once: true });
      if (limitMs !== Infinity) {
        late = timers.set(
          () => waiting.refuse(refusal(call, `its turn did not come within ${limitMs} ms`, 0)),
          limitMs,
        );
      }
      admit();
    });

  return {
    enter: (call) => {
      if (ended) return { leave: () => undefined };
      const now = timers.now();
      if (queue.size > 0 || running >= concurrency || earliest(0, now) > now) return wait(call);
      begin(now);
      return { leave };
    },
    end: () => {
      ended = true;
      clear();
      for (const waiting of queue) {
        waiting.refuse(new PantheonError('closed', 'The port was closed before this call began.'));
      }
    },
  };
};
