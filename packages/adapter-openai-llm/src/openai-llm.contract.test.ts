import { importSuite, llmSuite, makeManualTimers } from '@promethean/pantheon-testkit';
import type { LlmAnswer, LlmHarness } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { functionCall, message, respond, response, textDelta } from '../test/wire-responses.ts';
import { delta, hang, json, lines, startWireServer, status, until } from '../test/wire-server.ts';
import type { Answer } from '../test/wire-server.ts';
import { makeOpenAiLlm } from './openai-llm.ts';

/** What both APIs are told to say: the text, the calls with their arguments as text, and whether a limit cut it off. */
interface Said {
  readonly text: string;
  readonly calls: readonly { readonly id: string; readonly name: string; readonly args: string }[];
  readonly isCut: boolean;
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number } | undefined;
}

const saidBy = (answer: Exclude<LlmAnswer, 'hang' | 'error' | 'stall'>): Said => {
  const { text = '', toolCalls = [], usage } = typeof answer === 'string' ? {} : answer;
  const isCut = answer === 'truncated';
  return {
    text: isCut ? 'to be or' : text,
    calls: toolCalls.map(({ id, name, args }, index) => ({
      id: id ?? `call_${index}`,
      name,
      args: typeof args === 'string' ? args : JSON.stringify(args),
    })),
    isCut,
    usage,
  };
};

const chatAnswer = ({ text, calls, isCut, usage }: Said): Answer => {
  const finish = isCut ? 'length' : calls.length > 0 ? 'tool_calls' : 'stop';
  const toolCalls = calls.map(({ id, name, args }, index) => ({
    index,
    id,
    type: 'function',
    function: { name, arguments: args },
  }));
  const said = {
    role: 'assistant',
    content: text,
    ...(calls.length > 0 && { tool_calls: toolCalls }),
  };
  const wireUsage = usage && {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
  };
  return (target, request) => {
    if (request.body.stream !== true) {
      const choices = [{ index: 0, message: said, finish_reason: finish }];
      return json({ choices, usage: wireUsage })(target, request);
    }
    const half = Math.ceil(text.length / 2);
    return lines([
      delta({ ...said, content: text.slice(0, half) }),
      delta({ content: text.slice(half) }),
      delta({}, finish),
      `data: ${JSON.stringify({ choices: [], usage: wireUsage ?? null })}\n\n`,
      'data: [DONE]\n\n',
    ])(target, request);
  };
};

const responsesAnswer = ({ text, calls, isCut, usage }: Said): Answer =>
  respond(
    response(
      [
        ...(text === '' ? [] : [message(text)]),
        ...calls.map(({ id, name, args }) => functionCall(id, name, args)),
      ],
      {
        usage: usage && { input_tokens: usage.inputTokens, output_tokens: usage.outputTokens },
        ...(isCut && {
          status: 'incomplete',
          incomplete_details: { reason: 'max_output_tokens' },
        }),
      },
    ),
  );

const APIS = {
  chat: { answer: chatAnswer, firstText: delta({ content: 'to be' }) },
  responses: { answer: responsesAnswer, firstText: textDelta('to be') },
} as const;

for (const api of ['chat', 'responses'] as const) {
  const { answer: wireAnswer, firstText } = APIS[api];
  const stall: Answer = (target, request) =>
    request.body.stream === true
      ? lines([firstText], 'leave')(target, request)
      : target.writeHead(200, { 'content-type': 'application/json' }).write('{"choices":[');
  const answerOf = (answer: LlmAnswer): Answer => {
    if (answer === 'hang') return hang;
    if (answer === 'error') return status(400);
    if (answer === 'stall') return stall;
    return wireAnswer(saidBy(answer));
  };

  describeContract(`the OpenAI LLM (${api})`, llmSuite, async (): Promise<LlmHarness> => {
    const server = await startWireServer();
    const timers = makeManualTimers();
    const llm = makeOpenAiLlm({
      model: 'test',
      api,
      apiKey: 'sk-of-the-contract',
      baseURL: server.url,
      timers,
    });
    server.answer(answerOf({ text: 'hello' }));
    let before = 0;
    return {
      llm,
      supports: ['scriptable', 'tools', 'usage', 'stream', 'stall', 'close'],
      advance: timers.advance,
      pending: timers.pending,
      answerWith: (answer) => {
        before = server.requests.length;
        server.answer(answerOf(answer)); // It stays, for the repair as well.
      },
      received: () => until(() => server.requests.length > before, 'the server got the request'),
      close: server.close,
    };
  });
}

describeContract('the import of the OpenAI LLM', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: ['--conditions=@promethean/source'],
}));
