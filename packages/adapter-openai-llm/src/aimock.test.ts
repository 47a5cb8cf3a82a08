import { LLMock } from '@copilotkit/aimock';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HELLO, KEY, collect, failure } from '../test/setup.ts';
import { makeOpenAiLlm } from './openai-llm.ts';
import type { OpenAiLlm, OpenAiLlmOptions } from './openai-llm.ts';

// A second opinion on the wire: a server that other people wrote after the real one.

let mock: LLMock;
beforeEach(async () => {
  mock = await LLMock.create({ port: 0, host: '127.0.0.1', logLevel: 'silent' });
});
afterEach(() => mock.stop());

describe.each(['chat', 'responses'] as const)('over %s,', (api) => {
  const make = (options: Partial<OpenAiLlmOptions> = {}): OpenAiLlm =>
    makeOpenAiLlm({
      model: 'gpt-4o',
      api,
      apiKey: KEY,
      baseURL: `${mock.url}/v1`,
      random: () => 0,
      ...options,
    });

  test('a text comes with its usage', async () => {
    mock.onMessage('hello', {
      content: 'Hi there!',
      usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
    });
    expect(await make().complete(HELLO)).toEqual({
      role: 'assistant',
      content: 'Hi there!',
      usage: { inputTokens: 7, outputTokens: 3, totalTokens: 10 },
    });
  });

  test('a stream in many chunks is the text that complete gives', async () => {
    mock.onMessage('hello', { content: 'One two three four.' }, { chunkSize: 3 });
    const chunks = await collect(make(), HELLO);
    const texts = chunks.flatMap((chunk) => (chunk.type === 'text' ? [chunk.text] : []));
    expect(texts.length).toBeGreaterThan(3);
    expect(texts.join('')).toBe('One two three four.');
    const whole = await make().complete(HELLO);
    expect(chunks.at(-1)).toEqual({ type: 'message', message: whole });
  });

  test.each(['complete', 'stream'] as const)(
    'a tool is called and its result is used (%s)',
    async (how) => {
      const tools = [
        {
          name: 'maths/add',
          description: 'Adds.',
          parameters: { type: 'object', properties: { a: { type: 'number' } } },
        },
      ];
      const ask = async (messages: (typeof HELLO)['messages']) => {
        if (how === 'complete') return make().complete({ messages, tools });
        const last = (await collect(make(), { messages, tools })).at(-1);
        return last?.type === 'message' ? last.message : undefined;
      };
      // The name on the wire is the adapter's choice; the mock learns it from the first request.
      mock.on({ userMessage: 'add', hasToolResult: false }, (request) => ({
        toolCalls: [
          { id: 'call_1', name: request.tools?.[0]?.function.name ?? '', arguments: '{"a":1}' },
        ],
      }));
      mock.on({ toolCallId: 'call_1' }, { content: 'It is 2.' });
      const user = { role: 'user', content: 'add one' } as const;
      const call = await ask([user]);
      expect(call?.toolCalls).toEqual([{ id: 'call_1', name: 'maths/add', args: { a: 1 } }]);
      const result = { role: 'tool', content: '2', toolCallId: 'call_1' } as const;
      expect(await ask(call ? [user, call, result] : [])).toMatchObject({ content: 'It is 2.' });
    },
  );

  test('a schema is asked for and JSON comes', async () => {
    // The mock sees the format of Chat Completions only.
    const responseFormat = api === 'chat' ? { responseFormat: 'json_schema' } : {};
    mock.on({ userMessage: 'hello', ...responseFormat }, { content: { name: 'Ada' } });
    const schema = {
      type: 'object',
      properties: { name: { type: 'string' } },
      required: ['name'],
      additionalProperties: false,
    };
    const { content } = await make().complete({ ...HELLO, format: schema });
    expect(JSON.parse(content)).toEqual({ name: 'Ada' });
  });

  test('a failure that passes is not seen; one that stays is', async () => {
    mock.onMessage('hello', { content: 'Hi there!' });
    mock.nextRequestError(500);
    mock.nextRequestError(429, { code: 'rate_limit_exceeded' });
    expect(await make().complete(HELLO)).toMatchObject({ content: 'Hi there!' });
    expect(mock.getRequests()).toHaveLength(3);
    mock.nextRequestError(401, { message: 'bad key' });
    expect(await failure(make().complete(HELLO))).toMatchObject({ code: 'llm-unauthorized' });
    expect(mock.getRequests()).toHaveLength(4);
  });

  test('an answer cut off by the limit of tokens is truncated', async () => {
    mock.onMessage('hello', { content: 'Hi th', finishReason: 'length' });
    expect(await failure(make().complete(HELLO))).toMatchObject({ code: 'llm-truncated' });
    expect(await failure(collect(make(), HELLO))).toMatchObject({ code: 'llm-truncated' });
  });

  test('a stream that breaks off is truncated', async () => {
    mock.onMessage(
      'hello',
      { content: 'One two three four.' },
      { chunkSize: 3, truncateAfterChunks: 3, latency: 5 },
    );
    expect(await failure(collect(make(), HELLO))).toMatchObject({
      code: 'llm-truncated',
      retryable: true,
    });
  });

  test('broken JSON and dropped connections are typed', async () => {
    mock.onMessage('hello', { content: 'Hi there!' });
    mock.setChaos({ malformedRate: 1 });
    expect(await failure(make().complete(HELLO))).toMatchObject({ code: 'llm-malformed' });
    mock.setChaos({ dropRate: 1 });
    expect(await failure(make({ maxRetries: 1 }).complete(HELLO))).toMatchObject({
      code: 'llm-failed',
    });
    mock.setChaos({ disconnectRate: 1 });
    expect(await failure(make({ maxRetries: 1 }).complete(HELLO))).toMatchObject({
      code: 'llm-failed',
    });
  });
});
