/**
 * Event-driven: actors are ticked by the messages that the bus carries to them.
 * To see: first the pattern by hand, one subscription for one actor; then `listen()`, which does it for all actors of the
 * state port. The question goes from the user to the desk, on to the expert, back to the desk, and to the user.
 */
import assert from 'node:assert/strict';
import { defineScript, makeActorFactory, makeOrchestrator } from '@promethean/pantheon-core';
import type { Behavior } from '@promethean/pantheon-core';
import * as memory from '@promethean/pantheon-core/memory';

const deps = {
  now: () => Date.now(),
  log: () => {},
  context: memory.makeMemoryContext(),
  tools: memory.makeMemoryTools(),
  llm: memory.makeScriptedLlm([]),
  bus: memory.makeMemoryBus(),
  schedule: memory.makeMemoryScheduler(),
  state: memory.makeMemoryState(),
};
const orchestrator = makeOrchestrator(deps);
const { createActor, createBehavior, createTalent } = makeActorFactory();

const route: string[] = [];
deps.bus.subscribe(({ from, to, content }) => {
  route.push(`${from} -> ${to}`);
  console.log(`${from} -> ${to}: ${content}`);
});
/** Sends a user's text to an actor and resolves to the next message to the user. */
const ask = async (to: string, text: string): Promise<string> => {
  const answer = new Promise<string>((resolve) => {
    const unsubscribe = deps.bus.subscribe(
      ({ content }) => {
        unsubscribe();
        resolve(content);
      },
      { to: 'user' },
    );
  });
  await deps.bus.send({ from: 'user', to, content: text });
  return answer;
};
const scriptOf = (name: string, behavior: Behavior) =>
  defineScript({ name, contextSources: [], talents: [createTalent(name, [behavior])] });

// One actor, by hand.
const shout = createBehavior('shout', 'active', ({ userMessage = '' }) => ({
  actions: [{ type: 'message', content: userMessage.toUpperCase() }],
}));
const actor = createActor(scriptOf('shouter', shout), ['be heard']);

// Subscribe to message bus for inter-agent communication
const unsubscribe = deps.bus.subscribe(async (msg) => {
  if (msg.to === actor.id) {
    await orchestrator.tickActor(actor, { userMessage: msg.content });
  }
});
assert.equal(await ask(actor.id, 'hello'), 'HELLO');
unsubscribe();

// All actors of the state port. `message` tells who asked.
const refer = createBehavior('refer', 'active', ({ message, userMessage = '' }) => ({
  actions: [
    { type: 'message', content: userMessage, target: message?.from === 'user' ? 'expert' : 'user' },
  ],
}));
const explain = createBehavior('explain', 'active', ({ message }) => ({
  actions: [{ type: 'message', content: 'It is 42.', target: message?.from ?? 'user' }],
}));
await deps.state.spawn(scriptOf('desk', refer), 'find who knows', { id: 'desk' });
await deps.state.spawn(scriptOf('expert', explain), 'know', { id: 'expert' });
orchestrator.listen();

route.length = 0;
assert.equal(await ask('desk', 'What is the answer?'), 'It is 42.');
assert.deepEqual(route, ['user -> desk', 'desk -> expert', 'expert -> desk', 'desk -> user']);
await orchestrator.stop();
