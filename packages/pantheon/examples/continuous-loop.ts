/**
 * Continuous loop: an actor that works by itself, every three seconds, until it is stopped.
 * To see: three turns in nine seconds, none after the stop. The time is a manual clock, so nobody waits for it;
 * an application takes `makeMemoryScheduler()` or `makeCronScheduler()` instead.
 */
import assert from 'node:assert/strict';
import { makeActorFactory, makeOrchestrator } from '@promethean/pantheon-core';
import * as memory from '@promethean/pantheon-core/memory';
import { makeManualScheduler } from '@promethean/pantheon-testkit';

const scheduler = makeManualScheduler();
const seconds = (): number => scheduler.now() / 1_000;

const orchestrator = makeOrchestrator({
  now: scheduler.now,
  log: () => {},
  context: memory.makeMemoryContext(),
  tools: memory.makeMemoryTools(),
  llm: memory.makeScriptedLlm([]),
  bus: memory.makeMemoryBus(),
  schedule: scheduler,
  state: memory.makeMemoryState(),
});

const turns: number[] = [];
const { createActor, createBehavior, createTalent } = makeActorFactory();
const watch = createBehavior('watch', 'passive', ({ goal }) => {
  turns.push(seconds());
  console.log(`at ${seconds()} s: ${goal}`);
  return { actions: [] };
});
const actor = createActor(
  { name: 'watchman', contextSources: [], talents: [createTalent('watching', [watch])] },
  ['look after the house'],
);

// Start an actor loop with custom interval
const stopLoop = orchestrator.startActorLoop(actor, 3000);
await scheduler.advance(9_000);
assert.deepEqual(turns, [3, 6, 9]);
assert.equal(orchestrator.stats().loops, 1);

// Later, stop the loop
stopLoop();
await scheduler.advance(9_000);
console.log(`at ${seconds()} s: ${turns.length} turns, ${scheduler.pending()} tasks scheduled`);
assert.equal(turns.length, 3);
assert.equal(scheduler.pending(), 0);
