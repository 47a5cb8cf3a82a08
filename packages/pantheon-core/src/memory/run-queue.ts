import type { Timers } from '../core/ports.ts';
import { Deque } from '../core/deque.ts';
import { hostTurn } from './host.ts';

const MAX_RUNS = 128;
const MAX_MS = 10;
const settled = Promise.resolve();

/** What to do with an entry, in steps, so that a break can be made between two of them. */
export interface Work<Entry> {
  /** Begins an entry. */
  readonly begin: (entry: Entry) => void;
  /** Does one step of the entry that began last; false when nothing was left to do. */
  readonly step: () => boolean;
  /** The clock has been looked at: at the start, and then after at most eight quick steps or one slow one. */
  readonly onLook: () => void;
  /** The queue has become empty. */
  readonly onIdle: () => void;
  /** The host has had a turn. */
  readonly onTurn: () => void;
}

/**
 * Runs what is handed to it, in order and never inside the call that hands it over. In microtasks, for they are quick, but after 128
 * steps or 10 ms it waits until the host has had a turn: microtasks alone would keep timers and input waiting for ever.
 */
export class RunQueue<Entry> {
  readonly #entries = new Deque<Entry>();
  readonly #work: Work<Entry>;
  readonly #timers: Timers;
  readonly #drain = (): void => this.#run();
  readonly #turn = (): void => this.#onTurn();
  /** How many entries have been handed over. */
  added = 0;
  /** How many entries have begun. */
  begun = 0;
  #scheduled = false;
  #paused = false;
  /** Whether the host's next turn has been asked for. */
  #watching = false;
  #stepsLeft = MAX_RUNS;
  #nextCheck = MAX_RUNS;
  #since = 0;
  #checkedAt = 0;
  /** Whether an entry is under way further down the call stack. */
  isRunning = false;

  constructor(timers: Timers, work: Work<Entry>) {
    this.#timers = timers;
    this.#work = work;
  }

  get length(): number {
    return this.#entries.length;
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
    this.added += 1;
    if (this.#scheduled) return;
    this.#scheduled = true;
    void settled.then(this.#drain);
  }

  #run(): void {
    if (!this.#watching) {
      this.#watching = true;
      this.#stepsLeft = MAX_RUNS;
      this.#nextCheck = MAX_RUNS - 1;
      this.#since = this.#timers.now();
      this.#checkedAt = this.#since;
      hostTurn(this.#turn);
    }
    this.isRunning = true;
    this.#work.onLook();
    for (;;) {
      while (this.#work.step()) {
        this.#stepsLeft -= 1;
        if (this.#stepsLeft <= this.#nextCheck && this.#isOver()) {
          this.#paused = true;
          this.isRunning = false;
          return;
        }
      }
      const entry = this.#entries.shift();
      if (entry === undefined) break;
      this.begun += 1;
      this.#work.begin(entry);
    }
    this.isRunning = false;
    this.#scheduled = false;
    this.#work.onIdle();
  }

  /** Whether the host's turn is due. Reading the clock costs more than a quick step, so quick steps are looked at less often. */
  #isOver(): boolean {
    if (this.#stepsLeft <= 0) return true;
    const time = this.#timers.now();
    const isQuick = time - this.#checkedAt < 0.5;
    this.#checkedAt = time;
    this.#work.onLook();
    const done = MAX_RUNS - this.#stepsLeft;
    this.#nextCheck = Math.max(0, this.#stepsLeft - (isQuick ? Math.min(done, 8) : 1));
    return time - this.#since >= MAX_MS;
  }

  #onTurn(): void {
    this.#watching = false;
    this.#work.onTurn();
    if (!this.#paused) return;
    this.#paused = false;
    this.#run();
  }
}
