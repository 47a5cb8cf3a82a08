/**
 * Waiting with an end. A tick is written as a generator that yields what it waits for; a drive runs it, and nothing that it waits
 * for is waited for without a bound in time and a way to cancel it. A promise that never settles is left behind.
 *
 * Why not async functions: one that awaits a deaf promise cannot be resumed, so every await would need a promise, a listener and a
 * timer of its own around it. Here a step that is given up is an exception thrown into the generator, and a whole tick costs
 * one promise.
 *
 * Most steps end within the macrotask in which they began; a timer for each would cost more than the tick. So a step gets its timer
 * only when it is still open at the next macrotask: one `once(0)` asks all open drives then.
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

/** A generator that yields the promises it waits for, is sent their values, and has their rejections thrown into it. */
export type Course<T> = Generator<PromiseLike<unknown>, T, unknown>;

/** What the clockwork asks for its timers. */
interface Watched {
  /** Its place among the watched; -1 when it is not watched. */
  position: number;
  readonly arm: () => void;
}

/** Arms the timers of drives that outlive their macrotask. One per orchestrator. */
export class Clockwork {
  readonly #schedule: IScheduler;
  #fresh: (Watched | undefined)[] = [];
  #open = 0;
  #sweeping = false;
  /** Values that arrived after nobody waited for them any more. */
  lateResults = 0;
  readonly late = (): void => {
    this.lateResults += 1;
  };

  constructor(schedule: IScheduler) {
    this.#schedule = schedule;
  }

  watch(drive: Watched): void {
    if (!this.#sweeping) {
      this.#schedule.once(0, () => this.#sweep());
      this.#sweeping = true;
    }
    drive.position = this.#open;
    this.#fresh[this.#open] = drive;
    this.#open += 1;
  }

  unwatch(drive: Watched): void {
    // Take the last one into the gap, so that leaving costs the same whatever else is open.
    this.#open -= 1;
    const last = this.#fresh[this.#open] as Watched;
    this.#fresh[drive.position] = last;
    last.position = drive.position;
    this.#fresh[this.#open] = undefined;
    drive.position = -1;
  }

  /** A timer, or none where there is no limit. */
  after(limitMs: number, run: () => void): (() => void) | undefined {
    return limitMs === Infinity ? undefined : this.#schedule.once(limitMs, run);
  }

  #sweep(): void {
    this.#sweeping = false;
    const open = this.#fresh.slice(0, this.#open) as Watched[];
    this.#fresh = [];
    this.#open = 0;
    for (const drive of open) {
      drive.position = -1;
      drive.arm();
    }
  }
}

/** One thing that a drive waits for: a plan, an action. It owns the signal that its work is given. */
export class Step {
  readonly limitMs: number;
  readonly #what: string;
  readonly #name: string;
  readonly #drive: { readonly abandonedFor: PantheonError | undefined };
  #controller: AbortControllerLike | undefined = undefined;
  /** Why this step was given up, where it was. */
  #reason: PantheonError | undefined = undefined;

  constructor(
    drive: { readonly abandonedFor: PantheonError | undefined },
    what: string,
    name: string,
    limitMs: number,
  ) {
    this.#drive = drive;
    this.#what = what;
    this.#name = name;
    this.limitMs = limitMs;
  }

  /** Aborts when this step is given up. Made when somebody asks for it: it costs more than the rest of a tick. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new HostAbortController();
      // Foreign code may ask late, when this has been given up and even the whole has ended.
      const reason = this.#reason ?? this.#drive.abandonedFor;
      if (reason !== undefined) this.#controller.abort(reason);
    }
    return this.#controller.signal;
  }

  abort(error: PantheonError): void {
    this.#reason = error;
    this.#controller?.abort(error);
  }

  timedOut(): PantheonError {
    return new PantheonError(
      'timeout',
      `${this.#what} ${this.#name} did not end within ${this.limitMs} ms`,
      { retryable: true, details: { limitMs: this.limitMs } },
    );
  }
}

const nothing = (): void => {};

/** Runs one course. Used once. */
export class Drive<T> {
  /** Why this was given up; undefined as long as it was not. */
  failure: PantheonError | undefined = undefined;
  /** Why this was ever given up; stays after it was concluded. */
  abandonedFor: PantheonError | undefined = undefined;
  /** The clockwork's own note. */
  position = -1;
  readonly #clockwork: Clockwork;
  readonly #whole: Step;
  #step: Step;
  #course: Course<T> | undefined = undefined;
  #resolve: (value: T) => void = nothing;
  #reject: (error: unknown) => void = nothing;
  #onValue: (value: unknown) => void = nothing;
  #onError: (error: unknown) => void = nothing;
  #generation = 0;
  #isWaiting = false;
  /** Whether the whole has outlived a macrotask, and has its timer. */
  #isSlow = false;
  #isConcluded = false;
  #cancelWhole: (() => void) | undefined = undefined;
  #cancelStep: (() => void) | undefined = undefined;
  #below: Set<{ readonly abandon: (error: PantheonError) => void }> | undefined = undefined;

  /** `what` and `name` say in an error what did not end in time. */
  constructor(clockwork: Clockwork, what: string, name: string, limitMs: number) {
    this.#clockwork = clockwork;
    this.#whole = new Step(this, what, name, limitMs);
    this.#step = this.#whole;
  }

  /** Begins a step. What the course yields until the next one is bounded by it. */
  step(what: string, name: string, limitMs: number): Step {
    this.#step = new Step(this, what, name, limitMs);
    return this.#step;
  }

  /** A drive of its own that is given up together with this one; of one that was given up before, it runs nothing. */
  fork<U>(what: string, name: string, limitMs: number): Drive<U> {
    const fork = new Drive<U>(this.#clockwork, what, name, limitMs);
    fork.failure = this.abandonedFor;
    (this.#below ??= new Set()).add(fork);
    return fork;
  }

  /** Runs the course to its end. */
  run(course: Course<T>): Promise<T> {
    this.#course = course;
    this.#listen();
    return new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#go(this.failure !== undefined, this.failure);
    });
  }

  /** Gives up: aborts what runs and throws the error at whatever the course waits for, now and from now on. */
  abandon(error: PantheonError): void {
    if (this.failure !== undefined || this.#isConcluded) return;
    this.failure = error;
    this.abandonedFor = error;
    for (const fork of this.#below ?? []) fork.abandon(error);
    this.#giveUp(error);
  }

  /** Ends the bounded part: from here on the course tidies up, and is no longer given up. */
  conclude(): void {
    this.#cancelWhole?.();
    this.#cancelWhole = undefined;
    this.failure = undefined;
    this.#below = undefined;
    this.#isConcluded = true;
  }

  /** Called by the clockwork when this has outlived a macrotask. */
  arm(): void {
    if (!this.#isSlow) {
      this.#isSlow = true;
      if (!this.#isConcluded) {
        const { limitMs } = this.#whole;
        this.#cancelWhole = this.#clockwork.after(limitMs, () =>
          this.abandon(this.#whole.timedOut()),
        );
      }
    }
    const step = this.#step;
    if (!this.#isWaiting || step === this.#whole) return;
    this.#cancelStep = this.#clockwork.after(step.limitMs, () => this.#giveUp(step.timedOut()));
  }

  /** Throws the error into the course where it waits. Where its own code runs, that code will see it at its next wait. */
  #giveUp(error: PantheonError): void {
    this.#step.abort(error);
    if (!this.#isWaiting) return;
    // What was waited for may still settle; from now on it speaks to nobody.
    this.#listen();
    this.#settled(true, error);
  }

  #listen(): void {
    this.#generation += 1;
    const generation = this.#generation;
    const onValue = (value: unknown): void => {
      if (generation === this.#generation) this.#settled(false, value);
      else this.#clockwork.lateResults += 1;
    };
    const onError = (error: unknown): void => {
      if (generation === this.#generation) this.#settled(true, error);
      else this.#clockwork.lateResults += 1;
    };
    // Not assigned where they are written: V8 puts such a function into the old space, and all that it holds with it.
    this.#onValue = onValue;
    this.#onError = onError;
  }

  #settled(isError: boolean, value: unknown): void {
    this.#isWaiting = false;
    this.#cancelStep?.();
    this.#cancelStep = undefined;
    this.#go(isError, value);
  }

  #go(isError: boolean, value: unknown): void {
    const course = this.#course as Course<T>;
    for (;;) {
      let result: IteratorResult<PromiseLike<unknown>, T>;
      try {
        result = isError ? course.throw(value) : course.next(value);
      } catch (error) {
        this.#end();
        this.#reject(error);
        return;
      }
      if (result.done === true) {
        this.#end();
        this.#resolve(result.value);
        return;
      }
      // Through a promise of the host: a foreign thenable may call back twice, or throw.
      const promise = Promise.resolve(result.value);
      const failure = this.failure ?? this.#watched();
      if (failure === undefined) {
        this.#isWaiting = true;
        promise.then(this.#onValue, this.#onError);
        return;
      }
      const { late } = this.#clockwork;
      promise.then(late, late);
      isError = true;
      value = failure;
    }
  }

  /** Sees to it that a wait that gets long has a timer; the reason where it cannot have one: the scheduler has been closed. */
  #watched(): unknown {
    try {
      if (this.position === -1) this.#clockwork.watch(this);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  #end(): void {
    if (this.position !== -1) this.#clockwork.unwatch(this);
    this.#cancelWhole?.();
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
