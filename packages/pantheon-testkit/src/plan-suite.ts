import assert from 'node:assert/strict';
import { quietResources, type Resources, resourcesBeyond } from './resources.ts';
import {
  bounded,
  type CaseResult,
  closeBounded,
  makeBounded,
  runCase,
  type RunCaseOptions,
} from './run-case.ts';
import { capabilitiesOf, type Case, type Harness, type Suite } from './suite.ts';

/** How long a plan waits. */
export interface PlanSuiteOptions extends RunCaseOptions {
  /** Milliseconds that `harness:2` gives to what ends by itself after `close`. Default 10,000. */
  readonly quietMs?: number | undefined;
}

/** A case that is ready to run. */
export interface PlannedCase {
  readonly id: string;
  readonly title: string;
  /** Runs the case on a fresh harness. Never rejects. */
  readonly run: () => Promise<CaseResult>;
}

/** What the cases of one plan tell each other. */
interface Ledger<H> {
  /** By any harness so far. */
  readonly declared: Set<string>;
  /** Whose case passed. What a failed case leaves behind says nothing. */
  readonly closed: H[];
  /** After the first harness was closed: what all harnesses share has been opened by then. */
  before?: Resources;
}

const quoted = (names: Iterable<string>): string =>
  [...names].map((name) => `"${name}"`).join(', ') || 'none';

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** What comes from JavaScript can be anything. */
const requireHarness = <H extends Harness>(harness: H, port: (keyof H & string) | undefined) => {
  if (!isObject(harness))
    throw new TypeError(
      `The function that makes a harness must give an object, not ${String(harness)}.`,
    );
  if (port !== undefined && !isObject(harness[port]))
    throw new TypeError(
      `The harness has no "${port}", the port that this suite is for; it has ${quoted(Object.keys(harness))}.`,
    );
  const { supports = [] } = harness;
  if (!Array.isArray(supports))
    throw new TypeError(
      `supports of the harness must be a list of names, not ${JSON.stringify(supports)}.`,
    );
};

/** What is left of the harnesses and in the process, looked at again until nothing is or the time is up. */
const leftAfter = async <H extends Harness>(
  { closed, before }: Ledger<H>,
  quietMs: number,
): Promise<readonly string[]> => {
  const deadline = performance.now() + quietMs;
  let open: readonly H[] = closed;
  for (;;) {
    const left: string[] = [];
    const next: H[] = [];
    for (const harness of open) {
      const own = await bounded(
        async () => harness.leftovers?.() ?? [],
        'leftovers() of the harness',
        quietMs,
      );
      if (own.length > 0) next.push(harness);
      left.push(...own);
    }
    open = next;
    if (before !== undefined) left.push(...(await resourcesBeyond(before)));
    if (left.length === 0 || performance.now() > deadline) return left;
  }
};

/**
 * The cases of a suite in the order in which they must run, one after the other: first those that look at the harness
 * (`harness:1`, `harness:3`), then the port's, then the one that looks for what is left (`harness:2`).
 */
export const planSuite = <H extends Harness>(
  suite: Suite<H>,
  makeHarness: () => H | Promise<H>,
  options: PlanSuiteOptions = {},
): readonly PlannedCase[] => {
  const { timeoutMs = 30_000, undeclaredTimeoutMs = 2_000, quietMs = 10_000 } = options;
  const { isolation, port } = suite;
  const known = capabilitiesOf(suite);
  const ledger: Ledger<H> = { declared: new Set(), closed: [] };

  const makeChecked = async (): Promise<H> => {
    const harness = await makeHarness();
    requireHarness(harness, port);
    return harness;
  };
  const onMade = ({ supports = [] }: H, requires?: string): void => {
    if (requires !== undefined && !supports.includes(requires) && ledger.declared.has(requires))
      assert.fail(
        `The case would be skipped although "${requires}" is supported: another harness of this suite declares it. ` +
          'Give every harness the same supports.',
      );
    for (const capability of supports) ledger.declared.add(capability);
  };
  const onClosed = async (harness: H): Promise<void> => {
    ledger.closed.push(harness);
    ledger.before ??= await quietResources();
  };
  const planned = (one: Case<H>): PlannedCase => ({
    id: one.id,
    title: one.title,
    run: () =>
      runCase(one, makeChecked, {
        timeoutMs,
        undeclaredTimeoutMs,
        onMade: (harness) => onMade(harness, one.requires),
        onClosed,
      }),
  });

  const isolated: Case<H> = {
    id: 'harness:1',
    title: 'two harnesses that are alive at once see nothing of each other',
    run: async (first) => {
      const second = await makeBounded(makeChecked, timeoutMs);
      try {
        assert.notEqual(second, first, 'every call makes a harness of its own');
        await isolation?.(first, second);
      } finally {
        await closeBounded(second, timeoutMs);
      }
    },
  };
  const honest: Case<H> = {
    id: 'harness:3',
    title: 'supports names capabilities of the suite only, and all that the port has',
    run: async (harness) => {
      const { supports = [] } = harness;
      const unknown = supports.filter((capability) => !known.includes(capability));
      assert.ok(
        unknown.length === 0,
        `supports names ${quoted(unknown)}; the capabilities of this suite are: ${quoted(known)}.`,
      );
      // Callers look for the member: a port that has it claims it, whatever its harness says.
      const has = port === undefined ? {} : (harness[port] as Readonly<Record<string, unknown>>);
      const hidden = known.filter(
        (capability) => has[capability] !== undefined && !supports.includes(capability),
      );
      assert.ok(
        hidden.length === 0,
        `the port has ${quoted(hidden)}: name it in supports, or leave it out of the port.`,
      );
    },
  };
  const clean: PlannedCase = {
    id: 'harness:2',
    title: 'nothing is left after the harnesses were closed',
    run: async () => {
      const startedAt = performance.now();
      const ended = (): number => Math.round(performance.now() - startedAt);
      try {
        // Where this case runs alone, the first harness sets the measure and the second is measured.
        for (let count = 0; count < 2; count += 1) {
          const harness = await makeBounded(makeChecked, timeoutMs);
          await closeBounded(harness, timeoutMs);
          await onClosed(harness);
        }
        const left = await leftAfter(ledger, quietMs);
        assert.ok(
          left.length === 0,
          `After close() there is still: ${left.slice(0, 10).join('; ')}${left.length > 10 ? `; and ${left.length - 10} more` : ''}.`,
        );
        return { status: 'passed', durationMs: ended() };
      } catch (error) {
        return { status: 'failed', durationMs: ended(), error };
      }
    },
  };

  return [
    ...(isolation === undefined ? [] : [planned(isolated)]),
    planned(honest),
    ...suite.cases.map(planned),
    clean,
  ];
};
