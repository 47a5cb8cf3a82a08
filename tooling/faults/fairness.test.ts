/** R-MB-5 and I7: who waits how long, counted in turns of the clock and not in wall time. */
import { noteFigures } from '@promethean/services/figures';
import { makeManualTimers } from '@promethean/pantheon-core/memory';
import { expect, test } from 'vitest';
import { actorOf, behavior, makeDesk } from './desk.ts';

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const p99 = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1] ?? 0;
const round = (value: number): number => Math.round(value * 100) / 100;

const WORK_MS = 10;

/** Actors whose ticks take ten milliseconds each; resolves to how long an input waited for its tick. */
const makeCrowd = (maxConcurrentTicks: number) => {
  const timers = makeManualTimers({ startMs: 1_000 });
  const { deps, orchestrator } = makeDesk({}, { maxConcurrentTicks }, timers);
  const started = new Map<string, number>();
  const work = behavior('work', async ({ userMessage = '' }) => {
    started.set(userMessage, timers.now());
    await new Promise<void>((resolve) => deps.schedule.once(WORK_MS, resolve));
    return { actions: [] };
  });
  let inputs = 0;
  const ask = (id: string): (() => number) => {
    const text = `input ${(inputs += 1)}`;
    const askedAt = timers.now();
    void orchestrator.tickActor(actorOf([work], id), { userMessage: text });
    return () => (started.get(text) ?? Infinity) - askedAt;
  };
  return { timers, orchestrator, ask };
};

test('R-MB-5 of 1,000 busy actors none waits longer than three times the mean', async (context) => {
  const ACTORS = 1_000;
  const INPUTS = 5;
  const { timers, orchestrator, ask } = makeCrowd(16);
  const waits = range(INPUTS).flatMap(() => range(ACTORS).map((n) => [n, ask(`a${n}`)] as const));
  // Each actor's inputs run one after the other, so all of them take so many turns of sixteen.
  await timers.advance((ACTORS * INPUTS * WORK_MS) / 16 + 1_000);
  expect(orchestrator.stats()).toMatchObject({ running: 0, waiting: 0 });
  const perActor = range(ACTORS).map((n) =>
    mean(waits.filter(([actor]) => actor === n).map(([, waited]) => waited())),
  );
  const [average, longest] = [mean(perActor), Math.max(...perActor)];
  noteFigures(context, 'R-MB-5', {
    actors: ACTORS,
    meanMs: round(average),
    longestMs: round(longest),
    ratio: round(longest / average),
  });
  expect(longest / average).toBeLessThan(3);
  const single = waits.map(([, waited]) => waited());
  expect(Math.max(...single) / mean(single)).toBeLessThan(3);
});

test('I7 one actor that is flooded does not keep 99 quiet ones waiting', async (context) => {
  const measure = async (flood: number): Promise<number> => {
    const { timers, ask } = makeCrowd(4);
    for (const _ of range(flood)) ask('flooded');
    const waits: (() => number)[] = [];
    for (const turn of range(20)) {
      for (const n of range(99)) if (n % 20 === turn) waits.push(ask(`quiet ${n}`));
      for (const _ of range(flood === 0 ? 0 : 20)) ask('flooded');
      await timers.advance(WORK_MS);
    }
    await timers.advance(10_000);
    return p99(waits.map((waited) => waited() + WORK_MS));
  };
  const [quiet, flooded] = [await measure(0), await measure(500)];
  noteFigures(context, 'I7', {
    quietP99Ms: quiet,
    floodP99Ms: flooded,
    ratio: round(flooded / quiet),
  });
  expect(flooded / quiet).toBeLessThan(5);
});
