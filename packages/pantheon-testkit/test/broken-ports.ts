/**
 * A suite is worth what it finds. Each row breaks one promise of a port that keeps all others; the suite must fail in the cases of
 * exactly the named rules.
 */
import { PantheonError } from '@promethean/pantheon-core';
import { planSuite, type Harness, type Suite } from '@promethean/pantheon-testkit';
import { describe, expect, test } from 'vitest';
import type { Decorate } from '../src/memory-harnesses.ts';

/** Breaks one promise of a port that keeps all others. */
export type Wrap<Port> = Decorate<Port, Port>;

/** What is broken, the rules that must fail, and how. */
export type Broken<Port> = readonly [what: string, rules: readonly string[], breakIt: Wrap<Port>];

/** Long for a case on memory ports, on a slow machine too; a case that hangs need not be waited for longer. */
const LIMITS = { timeoutMs: 1_000, undeclaredTimeoutMs: 100, quietMs: 200 };

/** The cases that a harness fails. */
const failedBy = async <H extends Harness>(
  suite: Suite<H>,
  makeHarness: () => H,
): Promise<readonly string[]> => {
  const failed: string[] = [];
  for (const { id, run } of planSuite(suite, makeHarness, LIMITS)) {
    const { status } = await run();
    if (status === 'failed') failed.push(id);
  }
  return failed;
};

/** The rules of cases; `bus:6b` is of `bus:6`. */
const rulesOf = (ids: readonly string[]): readonly string[] =>
  [...new Set(ids.map((id) => id.replace(/[a-z]$/, '')))].toSorted();

/** The rules that a harness fails. */
export const failsOf = async <H extends Harness>(
  suite: Suite<H>,
  makeHarness: () => H,
): Promise<readonly string[]> => rulesOf(await failedBy(suite, makeHarness));

/** What the rows of this test file have proved of a suite. */
const proofs = new Map<unknown, { rows: number; run: number; readonly failed: Set<string> }>();

/** One test for every row. */
export const describeBroken = <H extends Harness, Port>(
  name: string,
  suite: Suite<H>,
  makeHarness: (wrap: Wrap<Port>) => H,
  table: readonly Broken<Port>[],
): void => {
  const proof = proofs.get(suite) ?? { rows: 0, run: 0, failed: new Set() };
  proofs.set(suite, proof);
  proof.rows += table.length;
  describe(name, () => {
    test.each(table)('that %s fails %j', { timeout: 60_000 }, async (_, rules, breakIt) => {
      const failed = await failedBy(suite, () => makeHarness(breakIt));
      proof.run += 1;
      for (const id of failed) proof.failed.add(id);
      expect(rulesOf(failed)).toEqual([...rules].toSorted());
    });
  });
};

/** A case that no broken port fails has never been seen to find anything. Comes after all tables of the suite. */
export const describeProved = <H extends Harness>(suite: Suite<H>): void => {
  test('every case is failed by a row', (context) => {
    const { rows, run, failed } = proofs.get(suite) ?? { rows: 0, run: 0, failed: new Set() };
    if (run < rows) context.skip('not all rows were run');
    expect(suite.cases.map(({ id }) => id).filter((id) => !failed.has(id))).toEqual([]);
  });
};

export const codeOf = (error: unknown): string | undefined =>
  PantheonError.is(error) ? error.code : undefined;

/** Gives something else where the port rejects with that code. */
export const insteadOf = <T>(
  promise: Promise<T>,
  code: string,
  otherwise: () => T | Promise<T>,
): Promise<T> =>
  promise.catch((error: unknown) => {
    if (codeOf(error) === code) return otherwise();
    throw error;
  });
