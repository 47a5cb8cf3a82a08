import { malformed, toMessage } from '@promethean/llm-calls';
import type { CallParts } from '@promethean/llm-calls';
import type { Message } from '@promethean/pantheon-core';
import { asRecord, cutOffBy, refused, requireNoError } from './answer.ts';
import type { Question } from './question.ts';

const MESSAGE = 'choices[0].message';

/** The message in a chat completion. Throws `llm-malformed` or `llm-truncated` for everything that is none. */
export const readChat = (answer: unknown, question: Question): Message => {
  requireNoError(answer);
  const choices: unknown = asRecord(answer)?.['choices'];
  const choice = Array.isArray(choices) ? asRecord(choices[0]) : undefined;
  if (choice === undefined) throw malformed('choices', 'must have an element');
  const message = asRecord(choice['message']);
  if (message === undefined) throw malformed('choices[0].message', 'must be an object');
  const calls: unknown = message['tool_calls'] ?? [];
  if (!Array.isArray(calls)) throw malformed(`${MESSAGE}.tool_calls`, 'must be a list');
  requireFinish(choice['finish_reason'], calls.length);

  const { content: said, refusal } = message;
  const content = said ?? '';
  if (typeof content !== 'string') throw malformed(`${MESSAGE}.content`, 'must be a text');
  if (calls.length === 0 && typeof refusal === 'string' && refusal !== '') {
    throw refused('choices[0].refusal', refusal);
  }
  const text = { value: content, path: `${MESSAGE}.content` };
  return toMessage(text, calls.map(toCallParts), MESSAGE, question);
};

const requireFinish = (reason: unknown, toolCalls: number): void => {
  if (reason === 'length' || reason === 'content_filter') {
    const path = toolCalls > 0 ? `${MESSAGE}.tool_calls` : 'choices[0].finish_reason';
    throw cutOffBy(reason === 'length' ? 'length' : 'filter', path);
  }
  if (reason === 'tool_calls' && toolCalls === 0)
    throw malformed(`${MESSAGE}.tool_calls`, 'must have an element');
  if (reason !== 'stop' && reason !== 'tool_calls') {
    throw malformed(
      'choices[0].finish_reason',
      'must be stop, tool_calls, length or content_filter',
    );
  }
};

const toCallParts = (value: unknown, index: number): CallParts => {
  const path = `${MESSAGE}.tool_calls[${index}]`;
  const call = asRecord(value);
  const { name, arguments: text } = asRecord(call?.['function']) ?? {};
  return {
    id: { value: call?.['id'], path: `${path}.id` },
    name: { value: name, path: `${path}.function.name` },
    args: { value: text, path: `${path}.function.arguments` },
  };
};
