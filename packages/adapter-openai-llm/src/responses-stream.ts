import { malformed } from '@promethean/llm-calls';
import { asRecord, requireNoError } from './answer.ts';
import type { Merger } from './wire-api.ts';

/** More items than any answer has. */
const MAX_ITEMS = 1_024;
/** Events that say that the server is there, and nothing of the answer. */
const SIGNS_OF_LIFE: ReadonlySet<unknown> = new Set([
  'response.created',
  'response.queued',
  'response.in_progress',
  'keepalive',
]);
/** Each brings the whole answer, or why there is none. */
const ENDS: ReadonlySet<unknown> = new Set([
  'response.completed',
  'response.incomplete',
  'response.failed',
]);

/** Puts the events of a streamed answer of the Responses API together. */
export const makeResponsesMerger = (): Merger => {
  const items: unknown[] = [];
  let content = '';
  let last: Readonly<Record<string, unknown>> | undefined;

  const finish = (response: unknown): void => {
    last = asRecord(response);
    if (last === undefined) throw malformed('response', 'must be an object');
    requireNoError(last);
    if (textOf(answer()) !== content && last['status'] === 'completed') {
      throw malformed('response', 'has another text than its events');
    }
  };
  // Some compatible servers leave the list of their last event empty.
  const answer = (): unknown => {
    const output: unknown = last?.['output'];
    return Array.isArray(output) && output.length > 0 ? last : { ...last, output: items };
  };

  return {
    add: (value) => {
      const event = asRecord(value);
      if (event === undefined) throw malformed('body', 'has an event that is no JSON object');
      const { type, delta, item, response } = event;
      requireNoError(type === 'error' ? { error: event['error'] ?? event } : event);
      let text = '';
      if (type === 'response.output_text.delta') {
        if (typeof delta !== 'string') throw malformed('delta', 'must be a text');
        text = delta;
        content += text;
      }
      if (type === 'response.output_item.done') {
        if (items.length >= MAX_ITEMS) throw malformed('body', `has more than ${MAX_ITEMS} items`);
        items.push(item);
      }
      const isEnd = ENDS.has(type);
      if (isEnd) finish(response);
      return { text, isProgress: !SIGNS_OF_LIFE.has(type) && delta !== '', isEnd };
    },
    isFinished: () => last !== undefined,
    answer,
  };
};

/** The texts of an answer that has not been checked yet. */
const textOf = (answer: unknown): string => {
  const output: unknown = asRecord(answer)?.['output'];
  const parts = Array.isArray(output)
    ? output.flatMap((item): unknown => asRecord(item)?.['content'] ?? [])
    : [];
  return parts
    .map(asRecord)
    .map((part) => (part?.['type'] === 'output_text' ? String(part['text']) : ''))
    .join('');
};
