/**
 * Tools with an LLM: a model asks for a tool, the actor runs it, the model sees the result and answers the user.
 * To see: two rounds of one behavior in one tick, the call checked against its schema, and the tokens that it all took.
 * The model is scripted here, so that the example needs no key; see below for a real one.
 */
import assert from 'node:assert/strict';
import { defineScript, defineTool, makeLlmBehavior, makePantheon } from '@promethean/pantheon';
import { makeScriptedLlm } from '@promethean/pantheon-core/memory';
import { z } from 'zod';

const temperature = defineTool({
  name: 'temperature',
  description: 'Tells the temperature of a city in degrees Celsius.',
  input: z.object({ city: z.string() }),
  sideEffect: 'none',
  run: ({ city }) => ({ city, degrees: city === 'Oslo' ? -4 : 21 }),
});

// For a real model take `llm: 'openai'` (the key is OPENAI_API_KEY), or an OpenAI-compatible one of your own:
// `llm: { baseURL: 'http://127.0.0.1:11434/v1', model: 'qwen3' }`.
const llm = makeScriptedLlm([
  {
    role: 'assistant',
    content: '',
    toolCalls: [{ id: 'call-1', name: 'temperature', args: { city: 'Oslo' } }],
    usage: { inputTokens: 40, outputTokens: 9, totalTokens: 49 },
  },
  ({ messages }) => ({
    role: 'assistant',
    content: `I looked it up: ${messages.at(-1)?.content}. Take a coat.`,
    usage: { inputTokens: 60, outputTokens: 14, totalTokens: 74 },
  }),
]);

const adviser = defineScript({
  name: 'adviser',
  contextSources: [],
  talents: [
    {
      name: 'advising',
      behaviors: [
        makeLlmBehavior({ system: 'You advise on clothing. Look the weather up first.' }),
      ],
    },
  ],
});

const pantheon = makePantheon({ actors: [{ script: adviser }], tools: [temperature], llm });
await pantheon.start();
const report = await pantheon.orchestrator.deliver('adviser', 'What do I wear in Oslo today?');
await pantheon.stop();

for (const { round, action, status, value } of report.outcomes) {
  console.log(`round ${round}: ${action.type} ${status}`, value);
}
const [call, answer] = report.actions;
assert.deepEqual(call, {
  type: 'tool',
  name: 'temperature',
  args: { city: 'Oslo' },
  callId: 'call-1',
});
assert.deepEqual(answer, {
  type: 'message',
  content: 'I looked it up: {"city":"Oslo","degrees":-4}. Take a coat.',
  target: 'user',
});

const [first, second] = llm.calls;
assert.deepEqual(
  first?.tools?.map(({ name }) => name),
  ['temperature'],
);
assert.deepEqual(
  second?.messages.map(({ role }) => role),
  ['system', 'user', 'assistant', 'tool'],
);
console.log('tokens:', report.usage);
assert.equal(report.usage.totalTokens, 123);
