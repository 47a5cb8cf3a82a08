import { llmSuite, makeManualTimers } from '@promethean/pantheon-testkit';
import type { LlmAnswer, LlmHarness } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { delta, hang, json, lines, startWireServer, status, until } from '../test/wire-server.ts';
import type { Answer } from '../test/wire-server.ts';
import { makeOpenAiLlm } from './openai-llm.ts';

/** What a server would send, as it was asked: whole or in pieces. */
const wireAnswer = (answer: LlmAnswer): Answer => {
  if (answer === 'hang') return hang;
  if (answer === 'error') return status(400);
  if (answer === 'stall') {
    return (response, request) =>
      request.body.stream === true
        ? lines([delta({ content: 'to be' })], 'leave')(response, request)
        : response.writeHead(200, { 'content-type': 'application/json' }).write('{"choices":[');
  }
  const { text = '', toolCalls = [], usage } = typeof answer === 'string' ? {} : answer;
  const finish = answer === 'truncated' ? 'length' : toolCalls.length > 0 ? 'tool_calls' : 'stop';
  const calls = toolCalls.map(({ id, name, args }, index) => ({
    index,
    id: id ?? `call_${index}`,
    type: 'function',
    function: { name, arguments: typeof args === 'string' ? args : JSON.stringify(args) },
  }));
  const message = {
    role: 'assistant',
    content: answer === 'truncated' ? 'to be or' : text,
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  const wireUsage = usage && {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.totalTokens,
  };
  return (response, request) => {
    if (request.body.stream !== true) {
      return json({ choices: [{ index: 0, message, finish_reason: finish }], usage: wireUsage })(
        response,
        request,
      );
    }
    const half = Math.ceil(message.content.length / 2);
    return lines([
      delta({ ...message, content: message.content.slice(0, half) }),
      delta({ content: message.content.slice(half) }),
      delta({}, finish),
      `data: ${JSON.stringify({ choices: [], usage: wireUsage ?? null })}\n\n`,
      'data: [DONE]\n\n',
    ])(response, request);
  };
};

describeContract('the OpenAI LLM', llmSuite, async (): Promise<LlmHarness> => {
  const server = await startWireServer();
  const timers = makeManualTimers();
  const llm = makeOpenAiLlm({
    model: 'test',
    apiKey: 'sk-of-the-contract',
    baseURL: server.url,
    timers,
  });
  server.answer(wireAnswer({ text: 'hello' }));
  let before = 0;
  return {
    llm,
    supports: ['scriptable', 'tools', 'usage', 'stream', 'stall', 'close'],
    advance: timers.advance,
    pending: timers.pending,
    answerWith: (answer) => {
      before = server.requests.length;
      server.answer(wireAnswer(answer)); // It stays, for the repair as well.
    },
    received: () => until(() => server.requests.length > before, 'the server got the request'),
    close: server.close,
  };
});
