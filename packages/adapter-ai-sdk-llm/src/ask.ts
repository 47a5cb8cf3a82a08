import { malformed } from '@promethean/llm-calls';
import type { Call } from '@promethean/llm-calls';
import type { ProviderModel } from './ai-sdk-model.ts';
import { addContent, addFinish } from './answer.ts';
import type { Answer } from './answer.ts';
import { throwCutOff } from './failure.ts';
import type { Question } from './question.ts';

interface Ask {
  readonly model: ProviderModel;
  readonly question: Question;
  readonly streaming: boolean;
  readonly maxBodyBytes: number;
}

/** Sends one request, reads its answer into `answer`, and yields the texts of a stream. */
export async function* ask(
  { model, question, streaming, maxBodyBytes }: Ask,
  call: Call,
  answer: Answer,
): AsyncGenerator<string, void> {
  const options = { ...question.options, abortSignal: call.signal };
  if (!streaming) {
    const whole = await call.race(start(() => model.doGenerate(options)));
    addFinish(answer, whole);
    if (!Array.isArray(whole.content)) throw malformed('answer', 'must have a list of content');
    for (const part of whole.content) addContent(answer, part);
    requireSize(answer, maxBodyBytes);
    // A provider that corrects itself says which of its texts is the JSON.
    if (question.isJson) answer.text = whole.structuredOutputText ?? answer.text;
    return;
  }
  call.watch('firstContentMs');
  const { stream } = await call.race(start(() => model.doStream(options)));
  if (!(stream instanceof ReadableStream)) throw malformed('answer', 'must have a stream');
  const reader = stream.getReader();
  let failed: { readonly error: unknown } | undefined;
  try {
    for (;;) {
      const { value: part, done } = await call.race(reader.read().catch(throwCutOff));
      if (done || part.type === 'finish') {
        // What comes after an error is at most what it cost; what could break after the end says nothing.
        if (part?.type === 'finish') addFinish(answer, part);
        if (failed !== undefined) throw failed.error;
        return;
      }
      if (failed !== undefined) continue;
      switch (part.type) {
        case 'text-delta':
          if (part.delta === '') break;
          answer.text += part.delta;
          requireSize(answer, maxBodyBytes);
          call.watch(); // A slow reader is not the provider's fault.
          yield part.delta;
          call.watch('idleMs');
          break;
        case 'tool-call':
          addContent(answer, part);
          requireSize(answer, maxBodyBytes);
          call.watch('idleMs');
          break;
        case 'error':
          failed = { error: part.error };
          call.watch('idleMs');
          break;
        case 'ping':
        case 'raw':
        case 'stream-start':
        case 'response-metadata':
          break;
        default:
          call.watch('idleMs'); // Reasoning, sources, pieces of a tool call.
      }
    }
  } finally {
    // Closes the connection, unless the stream was read to its end.
    reader.cancel().catch(() => undefined);
  }
}

/** What a provider throws before its first await is a rejection like any other. */
const start = async <T>(call: () => PromiseLike<T>): Promise<T> => call();

const requireSize = ({ text, calls }: Answer, limit: number): void => {
  const size = calls.reduce((sum, { input }) => sum + String(input).length, text.length);
  if (size > limit)
    throw malformed('answer', `must have at most ${limit} characters (maxBodyBytes)`);
};
