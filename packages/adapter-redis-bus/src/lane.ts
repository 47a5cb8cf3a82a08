/** A recipient of a group in the hands of this process. */
import type { BusMessage } from '@promethean/pantheon-core';
import type { Entry } from './plain-subscriptions.ts';

/** What becomes of a recipient with the next call: work-script.ts says what the letters mean. */
export interface Ending {
  readonly kind: 'm' | 'x' | 'd' | 'r';
  readonly extra: readonly (string | number)[];
}

/** A recipient of a group that this process holds. Ids are encoded. */
export interface Lane {
  readonly group: string;
  readonly to: string;
  /** Taken and not begun. */
  entries: readonly Entry[];
  next: number;
  /** Failed deliveries of the entry that was the first when it was taken. */
  attempts: number;
  firstFailure: number;
  problem: string;
  /** Handled, and not told to the server. */
  done: string[];
  ending: Ending | undefined;
  /** The message whose handler runs. */
  running: BusMessage | undefined;
  /** Settles when the handler that began last has ended. */
  ended: Promise<void> | undefined;
  /** Somebody else has it, or may have it. */
  isLost: boolean;
  /** A call about it may have been made: what the server says to the repetition proves nothing. */
  isDoubtful: boolean;
}

/** A recipient as Redis hands it out. */
export type Taken = readonly [
  group: string,
  to: string,
  attempts: number | string,
  firstFailure: number | string,
  problem: string,
  entries: readonly Entry[],
];

/** Names a recipient of a group; encoded ids have no spaces. */
export const keyOf = (group: string, to: string): string => `${group} ${to}`;

export const makeLane = ([group, to, attempts, firstFailure, problem, entries]: Taken): Lane => ({
  group,
  to,
  entries,
  next: 0,
  attempts: Number(attempts),
  firstFailure: Number(firstFailure),
  problem,
  done: [],
  ending: undefined,
  running: undefined,
  ended: undefined,
  isLost: false,
  isDoubtful: false,
});

/** Gives a lane its next entries; none of them has failed yet. */
export const fill = (lane: Lane, entries: readonly Entry[]): void => {
  lane.entries = entries;
  lane.next = 0;
  lane.attempts = 0;
  lane.firstFailure = 0;
  lane.problem = '';
};
