import { PantheonError } from '@promethean/pantheon-core';
import type { Timers } from '@promethean/pantheon-core';
import type { Call } from './call.ts';

/** Accepted requests after which one more may run at a time. Faster growth meets the same limit again at once. */
const GROW_AFTER = 8;

/** The right to have one request at the server. */
interface Slot {
  /** Gives the slot back. `accepted`: the server took the request. Again has no effect. */
  readonly leave: (accepted: boolean) => void;
  /** Gives the slot back and closes the gate for everybody, since the server said that it is too much. */
  readonly refuse: (closedMs: number) => void;
}

/** One per key of a provider, so that its actors do not all run into the same limit. */
export interface Gate {
  /** Resolves when a request may be sent. `again`: before those that have not tried yet. */
  readonly enter: (call: Call, again: boolean) => Promise<Slot>;
  readonly isClosed: () => boolean;
  /** Forgets a refusal: it was meant for another key. */
  readonly reopen: () => void;
}

interface Waiter {
  readonly deadline: number;
  readonly admit: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Admits `maxConcurrent` requests at a time, first come first served. A refusal closes the gate; after that it admits one request at a
 * time, and one more whenever `GROW_AFTER` were accepted.
 */
export const makeGate = (maxConcurrent: number, timers: Timers, now: () => number): Gate => {
  const waiting: Waiter[] = [];
  let closedUntil = -Infinity;
  let timer: unknown;
  let running = 0;
  // Requests from before a refusal tell nothing about the limit after it, so they are counted apart.
  let age = 0;
  let runningOfAge = 0;
  let limit = maxConcurrent;
  let accepted = 0;

  const tooLate = (): PantheonError => {
    const closedMs = closedUntil - timers.now();
    return new PantheonError(
      'llm-rate-limited',
      `The model's server takes no request for ${Math.ceil(closedMs)} ms, longer than this call may last`,
      { retryable: true, details: { retryAt: Math.ceil(now() + closedMs) } },
    );
  };

  const admitNext = (): void => {
    if (timer !== undefined) timers.clear(timer);
    timer = undefined;
    const closedMs = closedUntil - timers.now();
    if (closedMs > 0) {
      if (waiting.length > 0) timer = timers.set(admitNext, Math.ceil(closedMs));
      return;
    }
    while (running < maxConcurrent && runningOfAge < limit && waiting.length > 0) {
      waiting.shift()?.admit();
    }
  };

  const takeSlot = (call: Call): Slot => {
    const ageOfSlot = age;
    let left = false;
    running += 1;
    runningOfAge += 1;
    const leave = (wasAccepted: boolean): void => {
      if (left) return;
      left = true;
      running -= 1;
      if (ageOfSlot === age) {
        runningOfAge -= 1;
        if (wasAccepted) accepted += 1;
        if (accepted >= GROW_AFTER) {
          limit = Math.min(limit + 1, maxConcurrent);
          accepted = 0;
        }
      }
      admitNext();
    };
    // However the call ends: an answer that nobody reads to its end is closed by its total clock.
    void call.closed.then(() => leave(false));
    return {
      leave,
      refuse: (closedMs) => {
        if (ageOfSlot === age) {
          age += 1;
          runningOfAge = 0;
          limit = 1;
          accepted = 0;
        }
        closedUntil = Math.max(closedUntil, timers.now() + closedMs);
        for (const waiter of waiting.filter(({ deadline }) => deadline < closedUntil)) {
          waiter.reject(tooLate());
        }
        leave(false);
      },
    };
  };

  return {
    enter: (call, again) =>
      new Promise((resolve, reject) => {
        const { signal, deadline } = call;
        if (signal.aborted) return reject(signal.reason as Error);
        if (deadline < closedUntil) return reject(tooLate());
        const abort = (): void => waiter.reject(signal.reason);
        const waiter: Waiter = {
          deadline,
          admit: () => {
            signal.removeEventListener('abort', abort);
            resolve(takeSlot(call));
          },
          reject: (error) => {
            signal.removeEventListener('abort', abort);
            waiting.splice(waiting.indexOf(waiter), 1);
            admitNext(); // Which stops the timer when nobody waits.
            reject(error);
          },
        };
        signal.addEventListener('abort', abort, { once: true });
        if (again) waiting.unshift(waiter);
        else waiting.push(waiter);
        admitNext();
      }),
    isClosed: () => timers.now() < closedUntil,
    reopen: () => {
      closedUntil = -Infinity;
      limit = maxConcurrent;
      admitNext();
    },
  };
};
