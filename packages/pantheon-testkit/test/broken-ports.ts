/**
 * A suite is worth what it finds. Each row breaks one promise of a port that keeps all others; the suite must fail in the cases of
 * exactly the named rules.
 */
import { PantheonError } from '@promethean/pantheon-core';
import { planSuite, type Harness, type Suite } from '@promethean/pantheon-testkit';
import { describe, expect, test } from 'vitest';
import type { Wrap } from './memory-harnesses.ts';

/** What is broken, the rules that must fail, and how. */
export type Broken<Port> = readonly [what: string, rules: readonly string[], breakIt: Wrap<Port>];

/** Long for a case on memory ports, on a slow machine too; a case that hangs need not be waited for longer. */
const LIMITS = { timeoutMs: 1_000, undeclaredTimeoutMs: 100, quietMs: 200 };

/** The rules that a harness fails; `bus:6b` is of `bus:6`. */
export const failsOf = async <H extends Harness>(
  suite: Suite<H>,
  makeHarness: () => H,
): Promise<readonly string[]> => {
  const failed = new Set<string>();
  for (const { id, run } of planSuite(suite, makeHarness, LIMITS)) {
    const { status } = await run();
    if (status === 'failed') failed.add(id.replace(/[a-z]$/, ''));
  }
  return [...failed].toSorted();
};

/** One test for every row. */
export const describeBroken = <H extends Harness, Port>(
  name: string,
  suite: Suite<H>,
  makeHarness: (wrap: Wrap<Port>) => H,
  table: readonly Broken<Port>[],
): void => {
  describe(name, () => {
    test.each(table)('that %s fails %j', { timeout: 60_000 }, async (_, rules, breakIt) => {
      expect(await failsOf(suite, () => makeHarness(breakIt))).toEqual([...rules].toSorted());
    });
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
