export type { AzureSettings, OpenAiClient, OpenAiSettings } from './openai-client.ts';
export { makeOpenAiLlm } from './openai-llm.ts';
export type { OpenAiLlm, OpenAiLlmOptions, OpenAiTimeouts } from './openai-llm.ts';
