/**
 * Monitoring: `observe` receives a typed event for everything of note, `stats()` the figures of the moment.
 * To see: every event of two ticks with its cause, and a small metric made of them. An observer that throws changes
 * nothing, and what `redact` names reaches neither the log nor the observer.
 */
import assert from 'node:assert/strict';
import { makeActorFactory, makeOrchestrator } from '@promethean/pantheon-core';
import type { PantheonEvent } from '@promethean/pantheon-core';
import * as memory from '@promethean/pantheon-core/memory';

/** An action is in the log's line, in events of its own, and twice in the report of its tick. */
const events: PantheonEvent[] = [];
const latencies = new Map<string, number[]>();
const tools = memory.makeMemoryTools();
tools.register({ name: 'login', invoke: () => 'welcome' });

const orchestrator = makeOrchestrator(
  {
    now: () => Date.now(),
    log: () => {},
    observe: (event) => {
      events.push(event);
      if (event.type === 'plan-ended') {
        const known = latencies.get(event.behavior) ?? [];
        latencies.set(event.behavior, [...known, event.durationMs]);
      }
      console.log(event.type, event.type === 'action-started' ? event.action : event.actorId);
      throw new Error('an observer cannot do harm');
    },
    context: memory.makeMemoryContext(),
    tools,
    llm: memory.makeScriptedLlm([]),
    bus: memory.makeMemoryBus(),
    schedule: memory.makeMemoryScheduler(),
    state: memory.makeMemoryState(),
  },
  { redact: ['action.args.password'] },
);

const { createActor, createBehavior, createTalent } = makeActorFactory();
const enter = createBehavior('enter', 'persistent', () => ({
  actions: [
    { type: 'tool', name: 'login', args: { user: 'ada', password: 'hunter2' } },
    { type: 'message', content: 'I am in.' },
  ],
}));
const talents = [createTalent('entering', [enter])];
const actor = createActor({ name: 'guest', contextSources: [], talents }, ['enter']);
await orchestrator.tickActor(actor);
await orchestrator.tickActor(actor, { userMessage: 'again' });

const kinds = events.map(({ type }) => type);
assert.deepEqual(kinds.slice(0, kinds.length / 2), [
  'tick-started',
  'context-compiled',
  'plan-ended',
  'action-started',
  'action-ended',
  'action-started',
  'message-sent',
  'action-ended',
  'tick-ended',
]);
for (const [name, times] of latencies) {
  console.log(`${name}: ${times.length} plans, the slowest took ${Math.max(...times)} ms`);
}
assert.equal(latencies.get('enter')?.length, 2);
assert.ok(JSON.stringify(events).includes('[redacted]'));
assert.ok(!JSON.stringify(events).includes('hunter2'));

const { ticks, messagesSent, running } = orchestrator.stats();
console.log('stats:', { ticks, messagesSent, running });
assert.equal(ticks.ok, 2);
assert.equal(messagesSent, 2);
assert.equal(running, 0);
