/** The contract once more, with a server in the model's place that other people wrote after the real one. */
import { LLMock } from '@copilotkit/aimock';
import { llmSuite, makeManualTimers } from '@promethean/pantheon-testkit';
import type { LlmAnswer, LlmHarness } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { makeOpenAiLlm } from '../src/openai-llm.ts';
import { until } from './wire-server.ts';

type Fixture = Parameters<LLMock['on']>;

const fixtureOf = (
  answer: Exclude<LlmAnswer, 'stall' | 'hang'>,
): readonly [Fixture[1], Fixture[2]?] => {
  switch (answer) {
    case 'error':
      return [{ error: { message: 'no', type: 'invalid_request_error' }, status: 400 }];
    case 'empty':
      return [{ content: '' }];
    case 'truncated':
      return [{ content: 'to be or', finishReason: 'length' }];
    default: {
      const { text = '', toolCalls = [], usage } = answer;
      const calls = toolCalls.map(({ id, name, args }) => ({
        name,
        arguments: typeof args === 'string' ? args : JSON.stringify(args),
        ...(id !== undefined && { id }),
      }));
      const wireUsage = usage && {
        prompt_tokens: usage.inputTokens,
        completion_tokens: usage.outputTokens,
        total_tokens: usage.inputTokens + usage.outputTokens,
      };
      return [
        {
          content: text,
          ...(calls.length > 0 && { toolCalls: calls }),
          ...(wireUsage && { usage: wireUsage }),
        },
        { chunkSize: 4 },
      ];
    }
  }
};

describeContract('the OpenAI LLM on aimock', llmSuite, async (): Promise<LlmHarness> => {
  const mock = await LLMock.create({ port: 0, host: '127.0.0.1', logLevel: 'silent' });
  const timers = makeManualTimers();
  const llm = makeOpenAiLlm({
    model: 'gpt-4o',
    apiKey: 'sk-of-the-contract',
    baseURL: `${mock.url}/v1`,
    timers,
  });
  let isAsked = false;
  const any = { predicate: (): boolean => (isAsked = true) };
  const answerWith = (answer: LlmAnswer): void => {
    if (answer === 'stall') throw new Error('aimock sends nothing, or all of an answer');
    isAsked = false;
    mock.clearFixtures();
    if (answer === 'hang') mock.on(any, () => new Promise<never>(() => {}));
    else mock.on(any, ...fixtureOf(answer));
  };
  answerWith({ text: 'hello' });
  return {
    llm,
    supports: ['scriptable', 'tools', 'usage', 'stream', 'close'],
    advance: timers.advance,
    pending: timers.pending,
    answerWith,
    received: () => until(() => isAsked, 'the server got the request'),
    close: async () => {
      await llm.close();
      await mock.stop();
    },
  };
});
