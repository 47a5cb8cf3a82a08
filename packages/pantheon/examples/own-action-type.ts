/**
 * Your own action type: a kind of action that Pantheon does not know, typed in plans and run by a handler of yours.
 * To see: the behavior plans `page-operator`, the handler runs it, its value is in the report. An action of a type without
 * a handler does not run; its outcome is `invalid`.
 */
import assert from 'node:assert/strict';
import { makeActorFactory, makeOrchestrator } from '@promethean/pantheon-core';
import * as memory from '@promethean/pantheon-core/memory';

declare module '@promethean/pantheon-core' {
  interface ActionTypes {
    'page-operator': { readonly type: 'page-operator'; readonly reason: string };
    'ring-bell': { readonly type: 'ring-bell' };
  }
}

const paged: string[] = [];
const orchestrator = makeOrchestrator(
  {
    now: () => Date.now(),
    log: console.log,
    context: memory.makeMemoryContext(),
    tools: memory.makeMemoryTools(),
    llm: memory.makeScriptedLlm([]),
    bus: memory.makeMemoryBus(),
    schedule: memory.makeMemoryScheduler(),
    state: memory.makeMemoryState(),
  },
  {
    actions: {
      'page-operator': (action, { actor }) => {
        paged.push(`${actor.id}: ${action.reason}`);
        return { ticket: paged.length };
      },
    },
  },
);

const { createActor, createBehavior, createTalent } = makeActorFactory();
const guard = createBehavior('guard', 'active', ({ userMessage = '' }) => ({
  actions: [
    { type: 'page-operator', reason: userMessage },
    { type: 'ring-bell' }, // Typed, but nobody handles it.
    { type: 'message', content: 'The operator knows.' },
  ],
}));
const talents = [createTalent('guarding', [guard])];
const actor = createActor({ name: 'guard', contextSources: [], talents }, ['guard the door']);

const { outcomes } = await orchestrator.tickActor(actor, { userMessage: 'the door is open' });
for (const { action, status, value } of outcomes) console.log(action.type, status, value ?? '');
assert.deepEqual(paged, ['guard-1: the door is open']);
assert.deepEqual(
  outcomes.map(({ status }) => status),
  ['ok', 'invalid', 'ok'],
);
assert.deepEqual(outcomes[0]?.value, { ticket: 1 });
