/** What the tests of faults came to, fault by fault. */
import type { Fault } from './catalogue.ts';

/** A test of a fault that was run, or should have been. */
export interface FaultTest {
  readonly file: string;
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  /** The server that it needs and that is not there. */
  readonly missingServer?: string | undefined;
  /** What it noted its figures under, such as `C1 redis`. */
  readonly noted?: string | undefined;
  readonly figures?: Readonly<Record<string, number | string>> | undefined;
}

/**
 * - `held`: it was injected, and what must hold held; `violated`: it did not;
 * - `not proven`: its test did not run, or noted nothing; `not covered`: there is none, for a reason that is known.
 */
type Verdict = 'held' | 'violated' | 'not proven' | 'not covered';

export interface Row {
  readonly id: string;
  readonly what: string;
  readonly verdict: Verdict;
  /** Figures, or the reason. */
  readonly detail: string;
  readonly file: string;
}

const ID = /\b[A-K]\d{1,2}\b/g;

const idsOf = ({ name, noted = '' }: FaultTest): ReadonlySet<string> =>
  new Set(`${noted} ${name}`.match(ID) ?? []);

/** Figures that are 0 wherever nothing went wrong; how a test spells them is no matter. */
const SAFETY =
  /^(lost|lostupdates|duplicated|leaks|forged|polluted|pollution|overlaps|paidtwice|orphans|falsesuccesses|falsesuccess|differences|mismatches|foreign|unclassified|late(actions|ticks))$/;
/** A test that shows that the harness sees what goes wrong. */
const MUST_FAIL = /, must fail$/;

/** The safety figures of a test that are not 0: a test that passes with them has not looked at them. */
const unsafe = (
  { noted = '', figures = {} }: FaultTest,
  allowed: readonly string[],
): readonly string[] =>
  MUST_FAIL.test(noted)
    ? []
    : Object.entries(figures).flatMap(([key, value]) => {
        const isSafety = SAFETY.test(key.toLowerCase().replace(/[^a-z]/g, ''));
        return isSafety && Number(value) !== 0 && !allowed.includes(key) ? [key] : [];
      });

const readTest = (
  test: FaultTest,
  allowed: readonly string[] = [],
): Pick<Row, 'verdict' | 'detail'> => {
  const { name, state, missingServer, noted, figures } = test;
  const told = Object.entries(figures ?? {}).map(([key, value]) => `${key} ${value}`);
  const title =
    noted !== undefined && ![...noted.matchAll(ID)].some(([id]) => id === noted) ? noted : name;
  const detail = told.length > 0 ? `${title}: ${told.join(', ')}` : name;
  if (state === 'failed') return { verdict: 'violated', detail };
  const wrong = unsafe(test, allowed);
  if (wrong.length > 0)
    return { verdict: 'violated', detail: `${detail} (${wrong.join(', ')} must be 0)` };
  if (state === 'passed') return { verdict: 'held', detail };
  return { verdict: 'not proven', detail: `${detail} (needs ${missingServer ?? 'to be run'})` };
};

/** One row for each test of a fault, in the order of the catalogue; what is not in the catalogue comes last. */
export const judge = (catalogue: readonly Fault[], tests: readonly FaultTest[]): readonly Row[] => {
  const known = new Set(catalogue.map(({ id }) => id));
  const rows = catalogue.flatMap(({ id, what, missing, allowed }): readonly Row[] => {
    const own = tests.filter((test) => idsOf(test).has(id));
    // A test that shares its figures with others may note nothing itself.
    const telling = own.filter(({ state, noted }) => state !== 'passed' || noted !== undefined);
    if (telling.length > 0)
      return telling.map((test) => ({
        id,
        what,
        ...readTest(test, allowed),
        file: test.file,
      }));
    if (missing !== undefined)
      return [{ id, what, verdict: 'not covered', detail: missing, file: '' }];
    return [{ id, what, verdict: 'not proven', detail: 'no test has noted figures', file: '' }];
  });
  const others = tests.filter(
    (test) =>
      !Array.from(idsOf(test)).some((id) => known.has(id)) &&
      (test.noted !== undefined || test.state === 'failed'),
  );
  return [
    ...rows,
    ...others.map((test) => ({ id: '', what: test.name, ...readTest(test), file: test.file })),
  ];
};

/** Whether everything that can be proven was; of nothing, nothing is. */
export const isProven = (rows: readonly Row[]): boolean =>
  rows.some(({ verdict }) => verdict === 'held') &&
  rows.every(({ verdict }) => verdict === 'held' || verdict === 'not covered');

/** The rows as text, and a last line that counts them. */
export const formatRows = (rows: readonly Row[]): string => {
  const lines = rows.map(
    ({ id, what, verdict, detail, file }) =>
      `${id.padEnd(4)} ${verdict.padEnd(11)} ${what} | ${detail}${file === '' ? '' : ` | ${file}`}`,
  );
  const count = (verdict: Verdict): string =>
    `${rows.filter((row) => row.verdict === verdict).length} ${verdict}`;
  const total = (['held', 'violated', 'not proven', 'not covered'] as const).map(count).join(', ');
  return [...lines, '', total].join('\n');
};
