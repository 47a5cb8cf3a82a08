import type { ILlmPort } from '@promethean/pantheon-core';
import { makeOfflineLlm } from './index.ts';

makeOfflineLlm() satisfies ILlmPort;
const llm = makeOfflineLlm({ maxAnswerLength: 500 });
void llm.complete({ messages: [{ role: 'user', content: 'Hello' }] });
llm.stream({ messages: [] }) satisfies AsyncIterable<unknown>;

// @ts-expect-error There is no model to name.
makeOfflineLlm({ model: 'large' });
// @ts-expect-error A length is a number.
makeOfflineLlm({ maxAnswerLength: 'long' });
// @ts-expect-error Messages are required.
void llm.complete({});
