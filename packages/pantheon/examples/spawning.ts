/**
 * Spawning: an actor delegates parts of its task to children, which answer it when they are done.
 * To see: the head spawns one counter per text and gives each its task; the children report; the head adds up and tells
 * the user. Children are bounded: the third one is refused here, and that is an outcome, not a crash.
 */
import assert from 'node:assert/strict';
import { defineScript, makeActorFactory, makeOrchestrator } from '@promethean/pantheon-core';
import type { Behavior } from '@promethean/pantheon-core';
import * as memory from '@promethean/pantheon-core/memory';

const MAX_CHILDREN = 2;
const bus = memory.makeMemoryBus();
const state = memory.makeMemoryState();
const orchestrator = makeOrchestrator(
  {
    now: () => Date.now(),
    log: () => {},
    context: memory.makeMemoryContext(),
    tools: memory.makeMemoryTools(),
    llm: memory.makeScriptedLlm([]),
    bus,
    schedule: memory.makeMemoryScheduler(),
    state,
  },
  { maxChildren: MAX_CHILDREN },
);

const { createBehavior, createTalent } = makeActorFactory();
const scriptOf = (name: string, plan: Behavior['plan']) => {
  const talents = [createTalent(name, [createBehavior(name, 'active', plan)])];
  const contextSources = [{ id: 'conversation', label: 'What it remembers' }];
  return defineScript({ name, contextSources, talents });
};

const counter = scriptOf('counter', ({ actor, message, userMessage = '' }) => {
  const words = userMessage.split(' ').length;
  console.log(`${actor.goals[0]}: ${words} words`);
  return { actions: [{ type: 'message', content: `${words}`, target: message?.from ?? 'user' }] };
});

// What the head knows from one tick to the next is what it remembers; a behavior keeps nothing itself.
const head = scriptOf('head', ({ context, message, userMessage = '' }) => {
  if (message === undefined) {
    const actions = userMessage.split('\n').map((text, index) => ({
      type: 'spawn' as const,
      actor: counter,
      goal: `count line ${index + 1}`,
      message: text, // The child's first message, sent by its parent.
    }));
    return { actions };
  }
  const counts = [...context.map(({ content }) => Number(content)), Number(userMessage)];
  if (counts.length < MAX_CHILDREN)
    return { actions: [{ type: 'remember', entries: [{ role: 'user', content: userMessage }] }] };
  const sum = counts.reduce((a, b) => a + b);
  return { actions: [{ type: 'message', content: `${sum} words in all` }] };
});

const total = new Promise<string>((resolve) => {
  bus.subscribe(({ content }) => resolve(content), { to: 'user' });
});

orchestrator.listen();
const { id } = await state.spawn(head, 'count words', { id: 'head' });
const text = 'one two three\nfour five\nsix';
const { status, outcomes } = await orchestrator.deliver(id, text);

const results = outcomes.map((outcome) => outcome.error?.code ?? outcome.status);
console.log('outcomes:', results.join(', '));
assert.equal(status, 'partial');
assert.deepEqual(results, ['ok', 'ok', 'spawn-limit']);
console.log('to the user:', await total);
assert.equal(await total, '5 words in all');
const children = await state.list({ parentId: id });
assert.deepEqual(
  children.map(({ goals }) => goals[0]),
  ['count line 1', 'count line 2'],
);
await orchestrator.stop();
