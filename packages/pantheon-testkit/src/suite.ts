/**
 * What a contract suite is: data. A suite knows no test runner; `./vitest` hands its cases to vitest, and ten lines do the
 * same for any other.
 */

/** One case. `id` is the number of the rule in the ports' documentation that it proves. */
export interface Case<Harness> {
  readonly id: string;
  readonly title: string;
  /** A capability that the harness must declare in `supports`; otherwise the case does not apply. */
  readonly requires?: string;
  /** Rejects when the rule is broken. */
  readonly run: (harness: Harness) => Promise<void>;
}

/** What every harness has, whatever the port. A fresh one is made for every case. */
export interface Harness {
  /** The optional capabilities that this port claims. */
  readonly supports?: readonly string[];
  /** Ends everything that the harness started. */
  readonly close?: () => Promise<void>;
}

/** The cases of one port. */
export type Suite<H extends Harness> = readonly Case<H>[];
