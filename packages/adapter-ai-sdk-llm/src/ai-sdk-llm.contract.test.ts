import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { importSuite, llmSuite, makeManualTimers } from '@promethean/pantheon-testkit';
import type { LlmAnswer, LlmHarness } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { refuse, say, silence, stall, startModelServer, until } from '../test/model-server.ts';
import type { Reply } from '../test/model-server.ts';
import { makeAiSdkLlm } from './ai-sdk-llm.ts';

const replyOf = (answer: LlmAnswer): Reply => {
  if (answer === 'hang') return silence;
  if (answer === 'error') return refuse(400);
  if (answer === 'stall') return stall;
  if (answer === 'empty') return say({ content: '' });
  if (answer === 'truncated') return say({ content: 'to be or', finish: 'length' });
  const { text, toolCalls, usage } = answer;
  return say({
    ...(text !== undefined && { content: text }),
    ...(toolCalls && { calls: toolCalls }),
    ...(usage && { usage: [usage.inputTokens, usage.outputTokens] }),
  });
};

// A real provider of the AI SDK, over a real connection.
describeContract('the AI SDK LLM', llmSuite, async (): Promise<LlmHarness> => {
  const server = await startModelServer();
  const timers = makeManualTimers();
  const provider = createOpenAICompatible({ name: 'test', baseURL: server.baseURL });
  const llm = makeAiSdkLlm({ model: provider('test-model'), timers });
  server.reply(say({ content: 'hello' }));
  let before = 0;
  return {
    llm,
    supports: ['scriptable', 'tools', 'usage', 'stream', 'stall', 'close'],
    advance: timers.advance,
    pending: timers.pending,
    answerWith: (answer) => {
      before = server.asked.length;
      server.reply(replyOf(answer)); // It stays, for the repair as well.
    },
    received: () => until(() => server.asked.length > before, 'the server got the request'),
    close: server.close,
  };
});

describeContract('the import of the AI SDK LLM', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: ['--conditions=@promethean/source'],
}));
