import type { ILlmPort } from '@promethean/pantheon-core';
import { AzureOpenAI, OpenAI } from 'openai';
import { makeOpenAiLlm } from './index.ts';
import type { OpenAiClient } from './index.ts';

const port: ILlmPort = makeOpenAiLlm({ model: 'm', apiKey: async () => 'key' });
export const required: Required<ILlmPort> = makeOpenAiLlm({ model: 'm', apiKey: 'key' });
export const clients: OpenAiClient[] = [new OpenAI(), new AzureOpenAI()];

// The slice is small enough for a fake.
const asResponse = async (): Promise<Response> => new Response('{}');
makeOpenAiLlm({
  model: 'm',
  client: { chat: { completions: { create: () => ({ asResponse }) } } },
});

makeOpenAiLlm({ model: 'm', api: 'responses', azure: { deployment: 'd' } });

// @ts-expect-error no such API
makeOpenAiLlm({ model: 'm', api: 'assistants' });
// @ts-expect-error a key of Azure is the option apiKey
makeOpenAiLlm({ model: 'm', azure: { apiKey: 'key' } });
// @ts-expect-error a model is required
makeOpenAiLlm({});
// @ts-expect-error the model is a text
makeOpenAiLlm({ model: 1 });
// @ts-expect-error no such clock
makeOpenAiLlm({ model: 'm', timeouts: { bodyMs: 1 } });
// @ts-expect-error a client must have chat completions
makeOpenAiLlm({ model: 'm', client: {} });
// @ts-expect-error no such field
makeOpenAiLlm({ model: 'm', maxTokensField: 'maxTokens' });
// @ts-expect-error messages are required
void port.complete({ tools: [] });
