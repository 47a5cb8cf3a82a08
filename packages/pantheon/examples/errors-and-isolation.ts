/**
 * Errors and isolation: what fails is told and stays where it is.
 * To see: a failing action does not stop the next one, a failing behavior not the next one, a failing tick not its loop.
 * The report has every error with a code; a supervised actor that keeps failing is paused, not retried for ever.
 */
import assert from 'node:assert/strict';
import { makeActorFactory, makeOrchestrator, PantheonError } from '@promethean/pantheon-core';
import * as memory from '@promethean/pantheon-core/memory';
import { makeManualScheduler } from '@promethean/pantheon-testkit';

const scheduler = makeManualScheduler();
const state = memory.makeMemoryState();
const tools = memory.makeMemoryTools();
const lines: string[] = [];
tools.register({
  name: 'print',
  invoke: () => {
    throw new Error('the printer is on fire');
  },
});
const orchestrator = makeOrchestrator({
  now: scheduler.now,
  log: (line, meta) => {
    lines.push(line);
    if (/fail|error/i.test(line)) console.log(line, meta);
  },
  context: memory.makeMemoryContext(),
  tools,
  llm: memory.makeScriptedLlm([]),
  bus: memory.makeMemoryBus(),
  schedule: scheduler,
  state,
});
const { createActor, createBehavior, createTalent } = makeActorFactory();

const print = createBehavior('print', 'persistent', () => ({
  actions: [
    { type: 'tool', name: 'print', args: {} },
    { type: 'message', content: 'the second action runs all the same' },
  ],
}));
const broken = createBehavior('broken', 'persistent', () => {
  throw new PantheonError('unavailable', 'no plan today', { retryable: true });
});
const fine = createBehavior('fine', 'persistent', () => ({
  actions: [{ type: 'message', content: 'the next behavior runs all the same' }],
}));
const talents = [createTalent('trying', [print, broken, fine])];
const actor = createActor({ name: 'trier', contextSources: [], talents }, ['try']);

const report = await orchestrator.tickActor(actor);
for (const { action, status } of report.outcomes) console.log(`  ${action.type}: ${status}`);
assert.equal(report.status, 'partial');
assert.deepEqual(
  report.outcomes.map(({ status }) => status),
  ['failed', 'ok', 'ok'],
);
assert.equal(report.outcomes[0]?.error?.code, 'tool-failed');
assert.deepEqual(
  report.behaviors.map(({ error }) => error?.code),
  [undefined, 'unavailable', undefined],
);
assert.ok(lines.includes('Behavior broken failed'));

// An actor all of whose behaviors fail, in a loop, under supervision.
const hopeless = await state.spawn(
  {
    name: 'hopeless',
    contextSources: [],
    talents: [createTalent('failing', [broken])],
    supervision: { maxFailures: 3, withinMs: 60_000, backoffMs: 1 },
  },
  'never give up',
);
orchestrator.startActorLoop(hopeless, 1_000);
await scheduler.advance(10_000);
const { ticks } = orchestrator.stats();
const after = await state.get(hopeless.id);
console.log(`${hopeless.id}: ${ticks.failed} failed ticks, then ${after?.state}`);
assert.equal(ticks.failed, 3);
assert.equal(after?.state, 'paused');
await orchestrator.stop();
