export { type CheckAnswer, compileAnswerSchema } from './answer-schema.ts';
export { type CallParts, cutOff, type Expected, malformed, toMessage } from './answer.ts';
export { type CallSettings, type LlmCallOptions, readCallOptions } from './call-options.ts';
export type { Call, Clocks } from './call.ts';
export { type Exchange, type LlmDialect, makeLlmPort } from './llm-port.ts';
export { invalid, MAX_TIMER_MS, requireInteger } from './require-option.ts';
export { retryAfterMs, statusFailure } from './status-failure.ts';
export { withoutUserInfo } from './user-info.ts';
