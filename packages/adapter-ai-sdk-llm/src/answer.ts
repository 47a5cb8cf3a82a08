import { cutOff, malformed, toMessage } from '@promethean/llm-calls';
import type { CallParts, Expected } from '@promethean/llm-calls';
import { PantheonError } from '@promethean/pantheon-core';
import type { Message, Usage } from '@promethean/pantheon-core';
import type { Content, StreamPart } from './ai-sdk-model.ts';

type Finish = Extract<StreamPart, { type: 'finish' }>;

/** What came of an answer so far, whole or in pieces. */
export interface Answer {
  text: string;
  readonly calls: Extract<Content, { type: 'tool-call' }>[];
  finish: Finish['finishReason']['unified'] | undefined;
  raw: string | undefined;
  usage: Usage | undefined;
}

export const emptyAnswer = (): Answer => ({
  text: '',
  calls: [],
  finish: undefined,
  raw: undefined,
  usage: undefined,
});

/** What a model says of itself and for the provider only, such as reasoning and sources, is left out. */
export const addContent = (answer: Answer, part: Content): void => {
  if (part.type === 'text') answer.text += part.text;
  // What the provider runs itself is none of our tools.
  if (part.type === 'tool-call' && part.providerExecuted !== true) answer.calls.push(part);
};

export const addFinish = (answer: Answer, { finishReason, usage }: Omit<Finish, 'type'>): void => {
  answer.finish = finishReason?.unified;
  answer.raw = finishReason?.raw;
  const inputTokens = usage?.inputTokens?.total;
  const outputTokens = usage?.outputTokens?.total ?? 0;
  if (inputTokens === undefined) return;
  answer.usage = { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
};

/** The message in an answer. Throws `llm-malformed` or `llm-truncated` for everything that is none. */
export const readMessage = (answer: Answer, expected: Expected): Message => {
  requireFinish(answer);
  const content = { value: answer.text, path: 'content' };
  return toMessage(content, answer.calls.map(toParts), 'toolCalls', expected);
};

const requireFinish = ({ finish, raw, calls }: Answer): void => {
  const told = raw === undefined ? String(finish) : `${String(finish)} (${raw.slice(0, 100)})`;
  switch (finish) {
    case 'stop':
      return;
    case 'tool-calls':
      if (calls.length === 0) throw malformed('toolCalls', 'must have an element');
      return;
    case 'length': {
      const path = calls.length > 0 ? 'toolCalls' : 'finishReason';
      throw malformed(path, 'was cut off by the limit of tokens (maxTokens)', 'llm-truncated');
    }
    case 'content-filter':
      throw malformed('finishReason', `is ${told}: the model was stopped`, 'llm-truncated');
    case 'interrupted':
    case undefined:
      throw cutOff('it ended without a reason to finish');
    case 'error':
      throw new PantheonError('llm-failed', `The model stopped because of an error: ${told}`, {
        retryable: true,
      });
    default:
      throw malformed('finishReason', `is ${told}; an answer is complete with stop or tool-calls`);
  }
};

const toParts = (call: Answer['calls'][number], index: number): CallParts => {
  const { toolCallId, toolName, input }: Readonly<Record<string, unknown>> = { ...call };
  const path = `toolCalls[${index}]`;
  // The interface says that it is a text; an object would be a defect of the provider.
  if (input !== undefined && typeof input !== 'string') {
    throw malformed(`${path}.args`, 'must be a text that is JSON');
  }
  return {
    id: { value: toolCallId, path: `${path}.id` },
    name: { value: toolName, path: `${path}.name` },
    args: { value: input ?? '', path: `${path}.args` },
  };
};
