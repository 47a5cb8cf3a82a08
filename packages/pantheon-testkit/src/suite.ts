/**
 * What a contract suite is: data. A suite knows no test runner; `planSuite` makes of it what any runner can run.
 */

/** The version of the ports' contract that the suites of this package prove. */
export const contractVersion = 1;

/** One case. `id` is the number of the rule in the ports' documentation that it proves. */
export interface Case<Harness> {
  readonly id: string;
  readonly title: string;
  /**
   * A capability that a harness may declare in `supports`. Where it is not declared, the case must reject on a port that lacks it:
   * one that passes says that the capability is there and was hidden.
   */
  readonly requires?: string;
  /** Rejects when the rule is broken. */
  readonly run: (harness: Harness) => Promise<void>;
}

/**
 * What every harness has, whatever the port. A fresh one is made for every case.
 *
 * - harness:1 Two harnesses that are alive at once see nothing of each other.
 * - harness:2 After `close` nothing is left: `leftovers` is empty, and the process holds no more timers, sockets and other handles,
 *   and no more listeners, than before. What was unref'ed cannot be seen from outside: `leftovers` tells of it.
 * - harness:3 `supports` names what the port can do: capabilities of the suite only, none left out, the same in every harness.
 */
export interface Harness {
  /** The optional capabilities that this port claims. */
  readonly supports?: readonly string[];
  /** Ends everything that the harness started. */
  readonly close?: () => Promise<void>;
  /** Called after `close`: what is still there of this harness (keys, rows, timers, sockets, handlers), each in words. */
  readonly leftovers?: () => Promise<readonly string[]> | readonly string[];
}

/** The contract of one port. */
export interface Suite<H extends Harness> {
  /** The member of the harness that is the port. Absent: the harness has none. */
  readonly port?: keyof H & string;
  readonly cases: readonly Case<H>[];
  /** Rejects when one of two harnesses that are alive at once sees something of the other. Absent: there is nothing to see. */
  readonly isolation?: (first: H, second: H) => Promise<void>;
}

/** The capabilities that a suite knows. */
export const capabilitiesOf = <H extends Harness>({ cases }: Suite<H>): readonly string[] => [
  ...new Set(cases.flatMap(({ requires }) => requires ?? [])),
];
