import { asRecord, malformed, requireNoError } from './answer.ts';
import type { Merger } from './wire-api.ts';

/** More parallel calls than any model makes. */
const MAX_TOOL_CALLS = 128;
const CALLS = 'choices[0].message.tool_calls';

/** Puts the chunks of a streamed chat completion together. */
export const makeChatMerger = (): Merger => {
  const calls = new Map<number, { id: unknown; function: { name: unknown; arguments: string } }>();
  let content = '';
  let refusal = '';
  let finishReason: unknown;
  let usage: unknown;

  const addCall = (value: unknown): void => {
    const delta = asRecord(value);
    const index = delta?.['index'];
    // Calls begin one after the other, so a new one's index is their number.
    if (
      !Number.isInteger(index) ||
      (index as number) < 0 ||
      (index as number) > calls.size ||
      calls.size > MAX_TOOL_CALLS
    ) {
      throw malformed(CALLS, 'has an index that is not the next one');
    }
    const call = calls.get(index as number) ?? {
      id: undefined,
      function: { name: undefined, arguments: '' },
    };
    calls.set(index as number, call);
    const { name, arguments: text } = asRecord(delta?.['function']) ?? {};
    call.id ??= delta?.['id'];
    call.function.name ??= name;
    if (text !== undefined && text !== null && typeof text !== 'string') {
      throw malformed(CALLS, 'has arguments that are no text');
    }
    call.function.arguments += text ?? '';
  };

  return {
    add: (chunk) => {
      const record = asRecord(chunk);
      if (record === undefined) throw malformed('body', 'has an event that is no JSON object');
      requireNoError(record);
      usage = record['usage'] ?? usage;
      const choices: unknown = record['choices'];
      const choice = Array.isArray(choices) ? asRecord(choices[0]) : undefined;
      finishReason = choice?.['finish_reason'] ?? finishReason;
      const delta = asRecord(choice?.['delta']) ?? {};
      const text = typeof delta['content'] === 'string' ? delta['content'] : '';
      content += text;
      if (typeof delta['refusal'] === 'string') refusal += delta['refusal'];
      if (Array.isArray(delta['tool_calls'])) delta['tool_calls'].forEach(addCall);
      return {
        text,
        // Any field counts, so that a model that sends its reasoning is not taken for dead.
        isProgress: Object.entries({
          ...delta,
          role: null,
          end: choice?.['finish_reason'],
          usage: record['usage'],
        }).some(([, value]) => value !== undefined && value !== null && value !== ''),
        isEnd: false, // The costs come after the reason to finish.
      };
    },
    isFinished: () => finishReason !== undefined,
    answer: () => ({
      usage,
      choices: [
        {
          finish_reason: finishReason,
          message: { content, refusal, tool_calls: [...calls.values()] },
        },
      ],
    }),
  };
};
