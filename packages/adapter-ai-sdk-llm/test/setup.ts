import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { LlmChunk, LlmRequest, PantheonError } from '@promethean/pantheon-core';
import { makeManualTimers } from '@promethean/pantheon-testkit';
import type { ManualTimers } from '@promethean/pantheon-testkit';
import { afterEach, beforeEach, expect } from 'vitest';
import type { AiSdkModel, ProviderModel } from '../src/ai-sdk-model.ts';
import { makeAiSdkLlm } from '../src/ai-sdk-llm.ts';
import type { AiSdkLlm, AiSdkLlmOptions } from '../src/ai-sdk-llm.ts';
import { startModelServer, until } from './model-server.ts';
import type { ModelServer } from './model-server.ts';

export const HELLO: LlmRequest = { messages: [{ role: 'user', content: 'hello' }] };
export const TOOL: LlmRequest = { ...HELLO, tools: [{ name: 'add' }] };

interface Setup {
  readonly server: ModelServer;
  readonly timers: ManualTimers;
  /** The delays of all timers that were set. */
  readonly delays: readonly number[];
  readonly provider: (modelId: string) => AiSdkModel;
  /** An adapter on the server, with a clock that stands still and a jitter of one half. */
  readonly make: (options?: Partial<AiSdkLlmOptions>) => AiSdkLlm;
  /** Waits until a timer of this delay is set, and passes it. */
  readonly pass: (delayMs: number) => Promise<void>;
}

/** Registers the hooks of a test file; what it returns is new in every test. */
export const useSetup = (): Setup => {
  const current = {} as { -readonly [Key in keyof Setup]: Setup[Key] };
  beforeEach(async () => {
    const server = await startModelServer();
    const manual = makeManualTimers();
    const delays: number[] = [];
    const timers: ManualTimers = {
      ...manual,
      set: (run, delayMs) => {
        delays.push(delayMs);
        return manual.set(run, delayMs);
      },
    };
    const provider = createOpenAICompatible({
      name: 'test',
      baseURL: server.baseURL,
      apiKey: 'key-of-the-tests',
      includeUsage: true,
      supportsStructuredOutputs: true,
    });
    Object.assign(current, {
      server,
      timers,
      delays,
      provider,
      make: (options) =>
        makeAiSdkLlm({
          model: provider('small'),
          timers,
          now: () => 1_000_000 + timers.now(),
          random: () => 0.5,
          ...options,
        }),
      pass: async (delayMs) => {
        await until(() => delays.includes(delayMs), `a wait of ${delayMs} ms`);
        await timers.advance(delayMs);
      },
    } satisfies Setup);
  });
  afterEach(() => current.server.close());
  return current;
};

/** The error of a call that must fail. */
export const failure = async (call: Promise<unknown>): Promise<PantheonError> => {
  const [result] = await Promise.allSettled([call]);
  expect(result.status, 'the call must fail').toBe('rejected');
  return (result as PromiseRejectedResult).reason as PantheonError;
};

/** Reads a stream to its end. */
export const collect = async (llm: AiSdkLlm, request: LlmRequest): Promise<readonly LlmChunk[]> => {
  const chunks: LlmChunk[] = [];
  for await (const chunk of llm.stream(request)) chunks.push(chunk);
  return chunks;
};

type Generated = Awaited<ReturnType<ProviderModel['doGenerate']>>;

/** A whole answer of a provider, for what no server can make one say. */
export const generated = (change: Partial<Generated> = {}): Generated => ({
  content: [{ type: 'text', text: 'hi' }],
  finishReason: { unified: 'stop', raw: 'stop' },
  usage: {
    inputTokens: { total: 3, noCache: 3, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 2, text: 2, reasoning: 0 },
  },
  warnings: [],
  ...change,
});
