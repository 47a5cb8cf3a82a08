export type { AiSdkModel } from './ai-sdk-model.ts';
export { makeAiSdkLlm } from './ai-sdk-llm.ts';
export type { AiSdkLlm, AiSdkLlmOptions, AiSdkTimeouts } from './ai-sdk-llm.ts';
