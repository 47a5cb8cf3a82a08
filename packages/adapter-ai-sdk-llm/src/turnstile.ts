import { PantheonError } from '@promethean/pantheon-core';
import type { Timers } from '@promethean/pantheon-core';
import type { Bounds } from './bounds.ts';

/** Faster growth runs into the same limit again, until somebody has no repetition left. */
const STEP = 8;

/** The right to have one request at the provider. */
interface Pass {
  /** Gives the pass back. Again has no effect. */
  readonly leave: (accepted: boolean) => void;
  /** Gives it back and closes the turnstile for everybody, for that long. */
  readonly shut: (ms: number) => void;
}

interface Waiting {
  readonly bounds: Bounds;
  readonly admit: (pass: Pass) => void;
  readonly refuse: (error: PantheonError) => void;
}

/**
 * Lets `maxConcurrent` requests through at a time, first come first served. When the provider says that it is too much, nobody passes
 * until it is over; then one, and with every `STEP` requests that are accepted one more at a time.
 */
export const makeTurnstile = (
  maxConcurrent: number,
  timers: Timers,
  now: () => number,
): { readonly enter: (bounds: Bounds, again: boolean) => Promise<Pass> } => {
  let queue: readonly Waiting[] = [];
  let opensAt = -Infinity;
  let alarm: unknown;
  let inside = 0;
  // Requests from before a refusal may last long; the first one after it does not wait for them.
  let round = 0;
  let insideOfRound = 0;
  /** Requests that were accepted since the last refusal. */
  let trust = Infinity;

  const tooLate = (): PantheonError => {
    const waitMs = opensAt - timers.now();
    return new PantheonError(
      'llm-rate-limited',
      `The provider takes no request for ${Math.ceil(waitMs)} ms, longer than this call may last`,
      { retryable: true, details: { retryAt: Math.ceil(now() + waitMs) } },
    );
  };

  const makePass = (bounds: Bounds): Pass => {
    const mine = round;
    let left = false;
    const leave = (accepted: boolean): void => {
      if (left) return;
      left = true;
      inside -= 1;
      if (mine === round) {
        insideOfRound -= 1;
        if (accepted) trust += 1;
      }
      advance();
    };
    // However the call ends, also when its reader walked away.
    void bounds.ended.then(() => leave(false));
    return {
      leave,
      shut: (ms) => {
        if (mine === round) [round, insideOfRound, trust] = [round + 1, 0, 0];
        opensAt = Math.max(opensAt, timers.now() + ms);
        const late = queue.filter(({ bounds: { deadline } }) => deadline < opensAt);
        queue = queue.filter((waiting) => !late.includes(waiting));
        for (const { refuse } of late) refuse(tooLate());
        leave(false);
      },
    };
  };

  const advance = (): void => {
    if (alarm !== undefined) timers.clear(alarm);
    alarm = undefined;
    const hasRoom = (): boolean =>
      inside < maxConcurrent && insideOfRound < 1 + Math.floor(trust / STEP);
    while (queue.length > 0 && hasRoom()) {
      const waitMs = opensAt - timers.now();
      if (waitMs > 0) {
        alarm = timers.set(advance, Math.ceil(waitMs));
        return;
      }
      const [first, ...rest] = queue;
      queue = rest;
      inside += 1;
      insideOfRound += 1;
      first?.admit(makePass(first.bounds));
    }
  };

  return {
    enter: async (bounds, again) => {
      const ended = bounds.reason();
      if (ended !== undefined) throw ended;
      if (bounds.deadline < opensAt) throw tooLate();
      let waiting: Waiting | undefined;
      const turn = new Promise<Pass>((admit, refuse) => {
        waiting = { bounds, admit, refuse };
        // Who has tried before goes first.
        queue = again ? [waiting, ...queue] : [...queue, waiting];
      });
      advance();
      try {
        return await bounds.race(turn);
      } catch (error) {
        queue = queue.filter((each) => each !== waiting);
        advance(); // Which stops the alarm when nobody waits.
        throw error;
      }
    },
  };
};
