/** Reads what the counter has seen and what the workers have noted, and counts what must not be. */
import type { Call } from './counter.ts';
import type { HistoryLine } from './history.ts';
import { EFFECTS } from './settings.ts';

/** What happened. */
export interface Evidence {
  /** The ids of all orders that the bus has accepted. */
  readonly orders: readonly string[];
  readonly calls: readonly Call[];
  readonly history: readonly HistoryLine[];
  /** When workers were killed, by their names. */
  readonly deaths: ReadonlyMap<string, number>;
  /** The orders that answers named; each one as often as an answer came. */
  readonly answers: readonly string[];
}

/** `type` and not `interface`: it is printed as figures. */
export type Findings = {
  /** Effects that happened. */
  readonly effects: number;
  /** Effects that did not. */
  readonly lost: number;
  /** Effects beyond the first with another key: the tools' server cannot know that they are the same. */
  readonly duplicated: number;
  /** Ticks of an actor that began while another worker had one of that actor open. */
  readonly overlaps: number;
  /** Plans that were made although one had been recorded. */
  readonly paidTwice: number;
  /** Plans beyond the first of an order: also those of a worker that died before its plan was recorded. */
  readonly plannedAgain: number;
  /** Calls with a key that had been used. */
  readonly repeatedCalls: number;
  /** Answers that did not come, or came twice. */
  readonly wrongAnswers: number;
  /** Ticks that a death interrupted. */
  readonly interrupted: number;
};

const groups = <T>(
  items: readonly T[],
  keyOf: (item: T) => string,
): ReadonlyMap<string, readonly T[]> => {
  const map = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = map.get(key);
    if (group === undefined) map.set(key, [item]);
    else group.push(item);
  }
  return map;
};

const beyondFirst = (counts: readonly number[]): number =>
  counts.reduce((sum, count) => sum + Math.max(0, count - 1), 0);

/** The time that a worker had a tick open. */
interface Span {
  readonly worker: string;
  readonly from: number;
  readonly until: number;
}

const readSpans = (
  lines: readonly HistoryLine[],
  deaths: ReadonlyMap<string, number>,
): { readonly spans: readonly Span[]; readonly interrupted: number } => {
  const spans: Span[] = [];
  const open = new Map<string, HistoryLine>();
  for (const line of lines) {
    const key = `${line.worker} ${line.tick}`;
    if (line.event === 'began') open.set(key, line);
    if (line.event !== 'ended') continue;
    const began = open.get(key);
    open.delete(key);
    if (began !== undefined) spans.push({ worker: line.worker, from: began.at, until: line.at });
  }
  let interrupted = 0;
  for (const { worker, at } of open.values()) {
    const until = deaths.get(worker);
    if (until === undefined) continue;
    interrupted += 1;
    spans.push({ worker, from: at, until });
  }
  return { spans, interrupted };
};

/** How often a worker began while another one was not done. */
const countOverlaps = (spans: readonly Span[]): number => {
  let [overlaps, latest]: [number, Span | undefined] = [0, undefined];
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    if (latest !== undefined && latest.worker !== span.worker && span.from < latest.until)
      overlaps += 1;
    if (latest === undefined || span.until > latest.until) latest = span;
  }
  return overlaps;
};

export const check = ({ orders, calls, history, deaths, answers }: Evidence): Findings => {
  const effects = calls.filter(({ kind }) => kind === 'effect');
  const plans = calls.filter(({ kind }) => kind === 'plan');
  const byEffect = groups(effects, ({ order, what }) => `${order} ${what}`);
  const expected = orders.flatMap((order) => EFFECTS.map((what) => `${order} ${what}`));
  const keysOf = (some: readonly Call[]): number => new Set(some.map(({ key }) => key)).size;
  let [overlaps, interrupted] = [0, 0];
  for (const lines of groups(history, ({ actor }) => actor).values()) {
    const read = readSpans(lines, deaths);
    overlaps += countOverlaps(read.spans);
    interrupted += read.interrupted;
  }
  const recorded = new Map<string, number>();
  for (const { event, order, at } of history)
    if (event === 'planned' && !recorded.has(order)) recorded.set(order, at);
  const answered = groups(answers, (order) => order);
  return {
    effects: byEffect.size,
    lost: expected.filter((effect) => !byEffect.has(effect)).length,
    duplicated: beyondFirst(Array.from(byEffect.values(), keysOf)),
    overlaps: overlaps + calls.filter(({ isOverlapping }) => isOverlapping).length,
    paidTwice: plans.filter(({ order, at }) => at > (recorded.get(order) ?? Infinity)).length,
    plannedAgain: beyondFirst(
      Array.from(groups(plans, ({ order }) => order).values(), ({ length }) => length),
    ),
    repeatedCalls: effects.length - keysOf(effects),
    wrongAnswers:
      orders.filter((order) => !answered.has(order)).length +
      beyondFirst(Array.from(answered.values(), ({ length }) => length)),
    interrupted,
  };
};
