export { makeOfflineLlm } from './offline-llm.ts';
export type { OfflineLlm, OfflineLlmOptions } from './offline-llm.ts';
export type { Source } from './word-answer.ts';
