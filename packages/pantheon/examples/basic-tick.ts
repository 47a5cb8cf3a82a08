/**
 * Basic tick: an orchestrator from its eight dependencies, one actor, and single execution cycles of it.
 * To see: with a user's message the active and the persistent behavior run, without one the passive and the persistent.
 * What an actor does leaves as messages on the bus; what happened is in the report.
 */
import assert from 'node:assert/strict';
import { makeActorFactory, makeOrchestrator } from '@promethean/pantheon-core';
import * as memory from '@promethean/pantheon-core/memory';

const messageBus = memory.makeMemoryBus();

// Create orchestrator with dependencies
const orchestrator = makeOrchestrator({
  now: () => Date.now(),
  log: console.log,
  context: memory.makeMemoryContext(),
  tools: memory.makeMemoryTools(),
  llm: memory.makeScriptedLlm([]),
  bus: messageBus,
  schedule: memory.makeMemoryScheduler(),
  state: memory.makeMemoryState(),
});

const { createActor, createBehavior, createTalent } = makeActorFactory();
const greet = createBehavior('greet', 'active', ({ userMessage, goal }) => ({
  actions: [{ type: 'message', content: `You said "${userMessage}". I am here to ${goal}.` }],
}));
const tidy = createBehavior('tidy', 'passive', () => ({ actions: [] }));
const count = createBehavior('count', 'persistent', () => ({ actions: [] }));

const actor = createActor(
  { name: 'greeter', contextSources: [], talents: [createTalent('manners', [greet, tidy, count])] },
  ['greet people', 'be brief'],
);

const answered = new Promise<string>((resolve) => {
  messageBus.subscribe(({ content }) => resolve(content), { to: 'user' });
});

// Execute a single tick
const report = await orchestrator.tickActor(actor, { userMessage: 'Hello' });
console.log('to the user:', await answered);
assert.equal(report.status, 'ok');
assert.deepEqual(
  report.behaviors.map(({ name }) => name),
  ['greet', 'count'],
);
assert.equal(await answered, 'You said "Hello". I am here to greet people; be brief.');

const { behaviors, actions } = await orchestrator.tickActor(actor);
const ran = behaviors.map(({ name, mode }) => `${name} (${mode})`);
console.log('without input ran:', ran.join(', '));
assert.deepEqual(ran, ['tidy (passive)', 'count (persistent)']);
assert.deepEqual(actions, []);
