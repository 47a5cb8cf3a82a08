/** Senders that do not give up, receivers that count, and what they come to together. */
import { PantheonError, type BusMessage } from '@promethean/pantheon-core';
import type { RedisBus } from '../src/index.ts';
import { letter } from './scene.ts';

export interface Load {
  /** Ids that `send` resolved for, and when it first did. */
  readonly accepted: ReadonlyMap<string, number>;
  /** Attempts that rejected, by code. */
  readonly rejected: ReadonlyMap<string, number>;
  /** The longest that one call of `send` took. */
  readonly longestMs: () => number;
  /** Ends the sending, and waits for the calls that are open. */
  readonly stop: () => Promise<void>;
}

const PAUSE_MS = 2;

/** Sends on and on; a message that was not accepted is sent again with its id. */
export const startLoad = (bus: RedisBus, recipients: number, name = 'load'): Load => {
  const accepted = new Map<string, number>();
  const rejected = new Map<string, number>();
  let longest = 0;
  let goesOn = true;
  const one = async (index: number): Promise<void> => {
    for (let n = 0; goesOn; n += 1) {
      const id = `${name}-${index}-${n}`;
      for (let isDone = false; !isDone;) {
        const since = performance.now();
        try {
          await bus.send(letter(`${n}`, `r${index}`, id));
          accepted.set(id, performance.now());
          isDone = true;
        } catch (error) {
          const code = PantheonError.is(error) ? error.code : 'other';
          rejected.set(code, (rejected.get(code) ?? 0) + 1);
          isDone = code === 'closed';
        }
        longest = Math.max(longest, performance.now() - since);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  };
  const running = Promise.all(Array.from({ length: recipients }, (_, index) => one(index)));
  return {
    accepted,
    rejected,
    longestMs: () => Math.round(longest),
    stop: async () => {
      goesOn = false;
      await running;
    },
  };
};

export interface Tally {
  /** How often each id was handled. */
  readonly handled: ReadonlyMap<string, number>;
  readonly total: () => number;
  /** Ids that were accepted and never handled. */
  readonly lost: (load: Load) => readonly string[];
  /** Deliveries beyond the first. */
  readonly repeated: () => number;
  /** First deliveries that came before the first delivery of an earlier message to the same recipient. */
  readonly disordered: () => number;
  readonly handle: (message: BusMessage) => void;
}

/** Counts what a handler gets. */
export const makeTally = (): Tally => {
  const handled = new Map<string, number>();
  const last = new Map<string, number>();
  let total = 0;
  let disordered = 0;
  return {
    handled,
    total: () => total,
    lost: ({ accepted }) => [...accepted.keys()].filter((id) => !handled.has(id)),
    repeated: () => total - handled.size,
    disordered: () => disordered,
    handle: ({ id, to, content }) => {
      total += 1;
      if (!handled.has(id)) {
        if (Number(content) < (last.get(to) ?? -1)) disordered += 1;
        last.set(to, Number(content));
      }
      handled.set(id, (handled.get(id) ?? 0) + 1);
    },
  };
};
