import { malformed } from '@promethean/llm-calls';
import { asRecord, requireNoError } from './answer.ts';
import type { Merger } from './wire-api.ts';

/** More parallel calls than any model makes. */
const MAX_TOOL_CALLS = 128;
const CALLS = 'choices[0].message.tool_calls';

interface StreamedCall {
  id: unknown;
  function: { name: unknown; arguments: unknown };
}

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';

/** Puts the chunks of a streamed chat completion together. */
export const makeChatMerger = (): Merger => {
  const calls: StreamedCall[] = [];
  const byIndex = new Map<unknown, StreamedCall>();
  let content = '';
  let refusal = '';
  let finishReason: unknown;
  let usage: unknown;

  /** The call that a piece belongs to, a new one where it begins one. */
  const callOf = (index: unknown, id: unknown, name: unknown): StreamedCall => {
    const known = index === undefined ? calls.at(-1) : byIndex.get(index);
    // Some servers leave the index out or give all calls the same one; another id with a name is another call.
    const isOther = isText(known?.id) && isText(id) && isText(name) && id !== known?.id;
    if (known !== undefined && !isOther) return known;
    // Calls begin one after the other, so a new one's index is not beyond their number.
    const isNext =
      index === undefined ||
      (Number.isInteger(index) && (index as number) >= 0 && (index as number) <= calls.length);
    if (!isNext || calls.length >= MAX_TOOL_CALLS) {
      throw malformed(CALLS, 'has an index that is not the next one');
    }
    const call = { id: undefined, function: { name: undefined, arguments: '' } };
    calls.push(call);
    byIndex.set(index, call);
    return call;
  };

  const addCall = (value: unknown): void => {
    const delta = asRecord(value);
    const { name, arguments: args = '' } = asRecord(delta?.['function']) ?? {};
    const call = callOf(delta?.['index'], delta?.['id'], name);
    call.id ||= delta?.['id'];
    call.function.name ||= name;
    const before = call.function.arguments;
    if (typeof args === 'string' && typeof before === 'string') {
      call.function.arguments = before + args;
    } else if (before === '' && args !== null) {
      call.function.arguments = args; // The object itself, which is checked with the whole message.
    } else if (args !== null) {
      throw malformed(CALLS, 'has arguments that are no text');
    }
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
          message: { content, refusal, tool_calls: calls },
        },
      ],
    }),
  };
};
