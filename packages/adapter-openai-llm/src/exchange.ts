import { cutOff, malformed, MAX_TIMER_MS } from '@promethean/llm-calls';
import type { Call } from '@promethean/llm-calls';
import { PantheonError } from '@promethean/pantheon-core';
import { readEvents } from './events.ts';
import type { OpenAiClient } from './openai-client.ts';
import type { Merger, WireApi, WireRequest } from './wire-api.ts';

/** Where an exchange puts the answer; what came of it, when it breaks off. */
export interface Seen {
  answer: unknown;
}

/** One request of either API. */
interface Asking {
  readonly load: () => Promise<OpenAiClient>;
  readonly wire: WireRequest;
  readonly api: WireApi;
  readonly maxBytes: number;
}

/** Sends one request and reads its answer under the call's clocks; yields the texts of a stream. */
export async function* exchange(
  { load, wire, api, maxBytes }: Asking,
  call: Call,
  seen: Seen,
): AsyncGenerator<string, void> {
  // Before the clock of the server's headers: to load the client is not the server's time.
  const client = await call.race(load());
  call.watch('headersMs');
  // The vendor's own clock must not run out before ours.
  const sent = wire.send(client, { signal: call.signal, maxRetries: 0, timeout: MAX_TIMER_MS });
  const response = await call.race(sent.asResponse());
  call.watch('firstDeltaMs');
  const chunks = readBody(response, call, maxBytes);
  // What was asked for is one thing, what a compatible server sends another.
  if (response.headers.get('content-type')?.includes('text/event-stream') === true) {
    yield* readStream(chunks, api.makeMerger(), call, seen);
  } else {
    seen.answer = await readWhole(chunks, call);
  }
}

const readWhole = async (chunks: AsyncIterable<string>, call: Call): Promise<unknown> => {
  let text = '';
  for await (const chunk of chunks) {
    text += chunk;
    // Blanks keep a connection alive and say nothing.
    if (/\S/.test(chunk)) call.watch('idleMs');
  }
  return parseJson(text);
};

async function* readStream(
  chunks: AsyncIterable<string>,
  merger: Merger,
  call: Call,
  seen: Seen,
): AsyncGenerator<string, void> {
  try {
    for await (const event of readEvents(chunks)) {
      if (event === '[DONE]') break;
      const { text, isProgress, isEnd } = merger.add(parseJson(event));
      if (text !== '') {
        call.watch(); // A slow reader is not the server's fault.
        yield text;
      }
      if (isEnd) break;
      if (isProgress) call.watch('idleMs');
    }
  } catch (error) {
    // What breaks after the last word costs at most the usage.
    if (!PantheonError.is(error, 'llm-truncated') || !merger.isFinished()) throw error;
  } finally {
    seen.answer = merger.answer();
  }
  if (!merger.isFinished()) throw cutOff('it ended without saying that it was done');
}

/** The body as text, up to its end or the abort. */
async function* readBody(
  response: Response,
  call: Call,
  maxBytes: number,
): AsyncGenerator<string, void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  const decoder = new TextDecoder();
  let size = 0;
  try {
    for (;;) {
      const read = reader.read().catch((error: unknown) => {
        throw cutOff('the connection broke', error);
      });
      const { value, done } = await call.race(read);
      if (done) return;
      size += value.byteLength;
      if (size > maxBytes)
        throw malformed('body', `must have at most ${maxBytes} bytes (maxBodyBytes)`);
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    // Closes the socket, unless the body was read to its end.
    reader.cancel().catch(() => undefined);
  }
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed(
      'body',
      `must be JSON, and begins with ${JSON.stringify(text.trim().slice(0, 60))}`,
    );
  }
};
