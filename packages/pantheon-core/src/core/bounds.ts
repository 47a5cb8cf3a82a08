/**
 * Waiting with an end. Nothing in a tick is awaited without a bound in time and a way to cancel it, and a promise that never
 * settles is left behind rather than waited for.
 *
 * Most waits end within the macrotask in which they began; a timer for each would cost more than the tick. So a wait gets its
 * timer only when it is still open at the next macrotask: one `once(0)` asks all open waits then.
 */
import { PantheonError } from './errors.ts';
import type { IScheduler } from './ports.ts';

interface AbortControllerLike {
  readonly signal: AbortSignal;
  readonly abort: (reason: unknown) => void;
}
const { AbortController: HostAbortController } = globalThis as unknown as {
  readonly AbortController: new () => AbortControllerLike;
};

interface ListeningSignal extends AbortSignal {
  readonly reason: unknown;
  readonly addEventListener: (type: 'abort', listener: () => void) => void;
  readonly removeEventListener: (type: 'abort', listener: () => void) => void;
}

export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as { then?: unknown }).then === 'function';

/** Arms the timers of waits that outlive their macrotask. One per orchestrator. */
export class Clockwork {
  readonly #schedule: IScheduler;
  #fresh: Wait[] = [];
  #sweeping = false;
  /** Values that arrived after their wait had been given up. */
  lateResults = 0;

  constructor(schedule: IScheduler) {
    this.#schedule = schedule;
  }

  watch(wait: Wait): void {
    wait.position = this.#fresh.push(wait) - 1;
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#schedule.once(0, () => this.#sweep());
  }

  unwatch(wait: Wait): void {
    if (wait.position !== -1) {
      // Take the last one into the gap, so that leaving costs the same whatever else is open.
      const last = this.#fresh.pop() as Wait;
      if (last !== wait) {
        this.#fresh[wait.position] = last;
        last.position = wait.position;
      }
      wait.position = -1;
    }
    wait.cancelTimer?.();
    wait.cancelTimer = undefined;
  }

  #sweep(): void {
    this.#sweeping = false;
    const open = this.#fresh;
    this.#fresh = [];
    for (const wait of open) {
      wait.position = -1;
      if (wait.limitMs !== Infinity) {
        wait.cancelTimer = this.#schedule.once(wait.limitMs, () => wait.expire());
      }
    }
  }
}

/**
 * One thing that is waited for: a plan, an action, a whole tick. It has a limit in time, belongs to a parent that may cancel
 * it, and owns the signal that its work is given.
 */
export class Wait {
  readonly limitMs: number;
  readonly #what: string;
  readonly #clockwork: Clockwork;
  readonly #parent: Wait | undefined;
  #children: Wait[] | undefined;
  #controller: AbortControllerLike | undefined;
  #giveUp: ((error: PantheonError) => void) | undefined;
  /** Why this was given up; undefined as long as it was not. */
  failure: PantheonError | undefined;
  /** The clockwork's own notes. */
  position = -1;
  cancelTimer: (() => void) | undefined;

  constructor(clockwork: Clockwork, what: string, limitMs: number, parent?: Wait) {
    this.#clockwork = clockwork;
    this.#what = what;
    this.limitMs = limitMs;
    this.#parent = parent;
    this.failure = parent?.failure;
  }

  /** Aborts when this wait is given up. Made when somebody asks for it. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new HostAbortController();
      if (this.failure !== undefined) this.#controller.abort(this.failure);
      else this.#open();
    }
    return this.#controller.signal;
  }

  /** Starts the clock without waiting for a particular promise; `close` ends it. */
  start(): void {
    this.#clockwork.watch(this);
  }

  /** Ends the clock and leaves the parent. What follows, a late abort included, no longer reaches the work. */
  close(): void {
    this.#clockwork.unwatch(this);
    const siblings = this.#parent === undefined ? undefined : this.#parent.#children;
    if (siblings !== undefined) {
      const index = siblings.indexOf(this);
      if (index !== -1) siblings.splice(index, 1);
    }
    this.#giveUp = undefined;
  }

  /** The value of `promise`, or the failure of this wait, whichever comes first. */
  for<T>(promise: PromiseLike<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let open = true;
      const settle = (): boolean => {
        if (!open) {
          this.#clockwork.lateResults += 1;
          return false;
        }
        open = false;
        this.close();
        return true;
      };
      if (this.failure === undefined) {
        this.#giveUp = (error) => {
          open = false;
          reject(error);
        };
        this.#open();
        this.#clockwork.watch(this);
      } else {
        open = false;
        reject(this.failure);
      }
      promise.then(
        (value) => {
          if (settle()) resolve(value);
        },
        (error: unknown) => {
          if (settle()) reject(error as Error);
        },
      );
    });
  }

  expire(): void {
    this.abandon(
      new PantheonError('timeout', `${this.#what} did not end within ${this.limitMs} ms`, {
        retryable: true,
        details: { limitMs: this.limitMs },
      }),
    );
  }

  /** Gives up: aborts the signal, rejects whoever waits, and does the same to everything below. */
  abandon(error: PantheonError): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    const giveUp = this.#giveUp;
    const children = this.#children?.slice() ?? [];
    this.close();
    this.#controller?.abort(error);
    for (const child of children) child.abandon(error);
    giveUp?.(error);
  }

  #open(): void {
    const parent = this.#parent;
    if (parent === undefined) return;
    if (parent.#children === undefined) parent.#children = [this];
    else if (!parent.#children.includes(this)) parent.#children.push(this);
  }
}

/**
 * Calls `listener` when `signal` aborts (at once, if it has), and returns the function that stops listening. Linked and unlinked
 * by hand: `AbortSignal.any` keeps its sources alive.
 */
export const onAbort = (signal: AbortSignal, listener: () => void): (() => void) => {
  const listening = signal as ListeningSignal;
  if (listening.aborted) {
    listener();
    return () => {};
  }
  listening.addEventListener('abort', listener);
  return () => listening.removeEventListener('abort', listener);
};

/** The reason of an aborted signal, as far as it has one. */
export const abortReason = (signal: AbortSignal): unknown => (signal as ListeningSignal).reason;
