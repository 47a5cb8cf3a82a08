import { malformed, toMessage } from '@promethean/llm-calls';
import type { CallParts } from '@promethean/llm-calls';
import type { Message } from '@promethean/pantheon-core';
import { asRecord, cutOffBy, refused, requireNoError } from './answer.ts';
import type { Question } from './question.ts';

type Item = Readonly<Record<string, unknown>>;

/** The message in an answer of the Responses API. Throws `llm-malformed` or `llm-truncated` for everything that is none. */
export const readResponse = (answer: unknown, question: Question): Message => {
  requireNoError(answer);
  const response = asRecord(answer);
  const output: unknown = response?.['output'];
  if (!Array.isArray(output)) throw malformed('body.output', 'must be a list');
  // Reasoning and whatever else comes to the list is the server's business.
  const calls = output.flatMap((item, index) => toCallParts(asRecord(item), `output[${index}]`));
  requireComplete(response ?? {}, calls.length);
  const parts = output.flatMap((item, index) =>
    partsOf(asRecord(item), `output[${index}].content`),
  );
  const refusal = parts.find(({ type }) => type === 'refusal');
  if (calls.length === 0 && refusal !== undefined) throw refused('refusal', refusal.text);
  const texts = parts.filter(({ type }) => type === 'output_text');
  const content = {
    value: texts.map(({ text }) => text).join(''),
    path: texts[0]?.path ?? 'output',
  };
  return toMessage(content, calls, 'output', question);
};

const requireComplete = (response: Item, calls: number): void => {
  const { status, incomplete_details: details } = response;
  if (status === 'incomplete') {
    const reason = asRecord(details)?.['reason'];
    const path = calls > 0 ? 'output' : 'incomplete_details.reason';
    throw cutOffBy(reason === 'content_filter' ? 'filter' : 'length', path);
  }
  if (status !== 'completed') throw malformed('status', 'must be completed or incomplete');
};

const toCallParts = (item: Item | undefined, path: string): readonly CallParts[] =>
  item?.['type'] === 'function_call'
    ? [
        {
          id: { value: item['call_id'], path: `${path}.call_id` },
          name: { value: item['name'], path: `${path}.name` },
          args: { value: item['arguments'], path: `${path}.arguments` },
        },
      ]
    : [];

interface Part {
  readonly type: 'output_text' | 'refusal';
  readonly text: string;
  readonly path: string;
}

const partsOf = (item: Item | undefined, path: string): readonly Part[] => {
  if (item?.['type'] !== 'message') return [];
  const { content } = item;
  if (!Array.isArray(content)) throw malformed(path, 'must be a list');
  return content.flatMap((value, index): readonly Part[] => {
    const part = asRecord(value);
    const type = part?.['type'];
    if (type !== 'output_text' && type !== 'refusal') return [];
    const text = part?.[type === 'refusal' ? 'refusal' : 'text'];
    const partPath = `${path}[${index}].text`;
    if (typeof text !== 'string') throw malformed(partPath, 'must be a text');
    return [{ type, text, path: partPath }];
  });
};
