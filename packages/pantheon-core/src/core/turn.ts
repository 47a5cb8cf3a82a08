import type { ActionOutcome, Behavior } from './types.ts';

const NO_OUTCOMES: readonly ActionOutcome[] = [];

/** How far one behavior has come in its tick. */
export class Turn {
  readonly behavior: Behavior;
  readonly index: number;
  readonly startedAt: number;
  isPlanning = false;
  plannedAt = 0;
  /** How often it has planned. */
  rounds = 0;
  /** What the ids of the present round's actions begin with. */
  prefix = '';
  /** Where the outcomes of the present round begin in the tick's. */
  first = 0;
  /** What the previous round came to. */
  outcomes: readonly ActionOutcome[] = NO_OUTCOMES;
  carry: unknown = undefined;
  again = false;
  /** Whether the remaining actions of this round are given up. */
  stopped = false;

  constructor(behavior: Behavior, index: number, startedAt: number) {
    this.behavior = behavior;
    this.index = index;
    this.startedAt = startedAt;
  }
}
