/**
 * Manual action: one action, executed as an actor, outside of any plan.
 * To see: each action resolves to its value (the sent message, the tool's result, the spawned actor), and what cannot be
 * done rejects with an error that has a code.
 */
import assert from 'node:assert/strict';
import { makeActorFactory, makeOrchestrator, PantheonError } from '@promethean/pantheon-core';
import type { Action, ActorScript, BusMessage } from '@promethean/pantheon-core';
import * as memory from '@promethean/pantheon-core/memory';

const tools = memory.makeMemoryTools();
tools.register({
  name: 'add',
  parameters: {
    properties: { a: { type: 'number' }, b: { type: 'number' } },
    required: ['a', 'b'],
  },
  invoke: ({ a, b }) => Number(a) + Number(b),
});
const state = memory.makeMemoryState();
const orchestrator = makeOrchestrator({
  now: () => Date.now(),
  log: console.log,
  context: memory.makeMemoryContext(),
  tools,
  llm: memory.makeScriptedLlm([]),
  bus: memory.makeMemoryBus(),
  schedule: memory.makeMemoryScheduler(),
  state,
});
const script: ActorScript = { name: 'clerk', contextSources: [], talents: [] };
const actor = makeActorFactory().createActor(script, ['do as told']);

// Execute a specific action
const action: Action = {
  type: 'message',
  content: 'Hello, world!',
  target: 'user',
};

const sent = await orchestrator.executeAction(action, actor);
console.log('sent:', sent);
const { from, to, content } = sent as BusMessage; // What it resolves to depends on the type of the action.
assert.equal(`${from} -> ${to}: ${content}`, 'clerk-1 -> user: Hello, world!');

const sum = await orchestrator.executeAction(
  { type: 'tool', name: 'add', args: { a: 2, b: 3 } },
  actor,
);
console.log('the tool returned:', sum);
assert.equal(sum, 5);

await orchestrator.executeAction({ type: 'spawn', actor: script, goal: 'help out' }, actor);
const children = await state.list({ parentId: actor.id });
console.log('children:', children.length);
assert.deepEqual(
  children.map(({ goals }) => goals),
  [['help out']],
);

const mistake: Action = { type: 'tool', name: 'add', args: { a: 2 } };
await assert.rejects(orchestrator.executeAction(mistake, actor), (error) => {
  console.log('refused:', error instanceof Error ? error.message : error);
  return PantheonError.is(error, 'action-invalid');
});
