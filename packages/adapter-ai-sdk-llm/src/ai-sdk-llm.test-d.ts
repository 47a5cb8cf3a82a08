import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { ILlmPort } from '@promethean/pantheon-core';
import { gateway } from 'ai';
import { MockLanguageModelV3, MockLanguageModelV4 } from 'ai/test';
import { makeAiSdkLlm } from './index.ts';
import type { AiSdkModel } from './index.ts';

const provider = createOpenAICompatible({ name: 'local', baseURL: 'http://127.0.0.1:11434/v1' });
const port: ILlmPort = makeAiSdkLlm({ model: provider('llama'), provider });
export const required: Required<ILlmPort> = makeAiSdkLlm({ model: gateway('openai/gpt-5') });
export const models: AiSdkModel[] = [new MockLanguageModelV3(), new MockLanguageModelV4()];

// @ts-expect-error a model is required
makeAiSdkLlm({});
// @ts-expect-error a name is no model
makeAiSdkLlm({ model: 'openai/gpt-5' });
// @ts-expect-error no such clock
makeAiSdkLlm({ model: provider('llama'), timeouts: { headersMs: 1 } });
// @ts-expect-error repetitions are ours; a provider has none
makeAiSdkLlm({ model: provider('llama'), retries: 1 });
// @ts-expect-error messages are required
void port.complete({ tools: [] });
