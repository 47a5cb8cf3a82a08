/**
 * User interaction: a user's line goes to an actor, its answer comes back over the bus.
 * To see: the host greets, remembers what was said, and recalls it at the second line. First as the specification has it, then by
 * `deliver`, which does the same and says so when there is no such actor.
 */
import assert from 'node:assert/strict';
import { defineScript, makePantheon, PantheonError } from '@promethean/pantheon';

const host = defineScript({
  name: 'host',
  contextSources: [{ id: 'conversation', label: 'What was said so far' }],
  talents: [
    {
      name: 'hosting',
      behaviors: [
        {
          name: 'answer',
          mode: 'active',
          plan: ({ context, userMessage = '' }) => {
            const before = context.map(({ content }) => content);
            const content =
              before.length === 0
                ? `Welcome! You said: ${userMessage}`
                : `Before that you said: ${before.join('; ')}`;
            return {
              actions: [
                { type: 'message', content },
                { type: 'remember', entries: [{ role: 'user', content: userMessage }] },
              ],
            };
          },
        },
      ],
    },
  ],
});

const pantheon = makePantheon({ actors: [{ script: host, goals: ['make people feel at home'] }] });
const { orchestrator, ports: deps } = pantheon;

/** The next message to the user. */
const nextAnswer = (): Promise<string> =>
  new Promise((resolve) => {
    const unsubscribe = deps.bus.subscribe(
      ({ from, content }) => {
        unsubscribe();
        console.log(`${from}: ${content}`);
        resolve(content);
      },
      { to: 'user' },
    );
  });

// Handle user input
async function handleUserInput(actorId: string, message: string) {
  const actor = await deps.state.get(actorId);
  if (actor) {
    await orchestrator.tickActor(actor, { userMessage: message });
  }
}

await pantheon.start();
const [first] = await Promise.all([nextAnswer(), handleUserInput('host', 'My name is Ada.')]);
assert.equal(first, 'Welcome! You said: My name is Ada.');

const [second] = await Promise.all([nextAnswer(), orchestrator.deliver('host', 'Who am I?')]);
assert.equal(second, 'Before that you said: My name is Ada.');

await assert.rejects(orchestrator.deliver('ghost', 'Boo?'), (error) => {
  console.log('refused:', error instanceof Error ? error.message : error);
  return PantheonError.is(error, 'actor-unknown');
});
await pantheon.stop();
