/** Group I, in the process: what a long life leaves behind. */
import { noteFigures } from '@promethean/services/figures';
import { makeMemoryBus, makeMemoryScheduler } from '@promethean/pantheon-core/memory';
import { expect, test } from 'vitest';
import { actorOf, behavior, heapBytes, makeDesk } from './desk.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('I1: a million messages in the process', async (context) => {
  const bus = makeMemoryBus();
  const seen = new Uint8Array(1_000_000);
  let received = 0;
  bus.subscribe(
    ({ content }) => {
      seen[Number(content)]! += 1;
      received += 1;
    },
    { group: 'workers' },
  );
  const began = performance.now();
  const sendUntil = async (from: number, until: number): Promise<void> => {
    for (let n = from; n < until; n += 1)
      await bus.send({ from: 'ada', to: `r${n % 100}`, content: `${n}` });
    while (received < until) await turn();
  };
  await sendUntil(0, 500_000);
  const half = heapBytes();
  await sendUntil(500_000, 1_000_000);
  const slope = (heapBytes() - half) / 5 / 1024;
  const seconds = (performance.now() - began) / 1_000;
  const once = seen.reduce((count, times) => count + (times === 1 ? 1 : 0), 0);
  noteFigures(context, 'I1', {
    received,
    once,
    perSecond: Math.round(received / seconds),
    heapSlopeKiBPer100k: Math.round(slope),
  });
  expect([received, once]).toEqual([1_000_000, 1_000_000]);
  expect(slope).toBeLessThan(1_024);
  await bus.close();
}, 60_000);

test('I2: ten thousand loops and subscriptions, a thousand buses', async (context) => {
  const resources = (): number =>
    process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = resources();
  const schedule = makeMemoryScheduler();
  const { orchestrator, deps } = makeDesk({ schedule });
  let ticks = 0;
  const plan = behavior('count', () => {
    ticks += 1;
    return { actions: [] };
  });
  const stops = Array.from({ length: 10_000 }, (_, n) =>
    orchestrator.startActorLoop(actorOf([plan], `a${n}`), 60_000),
  );
  const unsubscribes = Array.from({ length: 10_000 }, (_, n) =>
    deps.bus.subscribe(() => {}, { to: `a${n}` }),
  );
  const during = resources();
  for (const stop of stops) stop();
  for (const unsubscribe of unsubscribes) unsubscribe();
  for (let n = 0; n < 1_000; n += 1) {
    const bus = makeMemoryBus();
    bus.subscribe(() => {}, { group: 'g' });
    await bus.send({ from: 'a', to: 'b', content: 'x' });
    await bus.close();
  }
  await orchestrator.stop();
  await schedule.close();
  await turn();
  const after = resources();
  noteFigures(context, 'I2', {
    ticks,
    timersDuring: during - before,
    timersAfter: after - before,
    loops: orchestrator.stats().loops,
  });
  expect([ticks, orchestrator.stats().loops]).toEqual([0, 0]);
  expect(during - before).toBeLessThanOrEqual(2);
  expect(after - before).toBeLessThanOrEqual(0);
});
