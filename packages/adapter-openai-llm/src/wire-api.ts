import type { Message } from '@promethean/pantheon-core';
import { makeChatMerger } from './chat-stream.ts';
import { readChat } from './chat-answer.ts';
import { writeChat } from './chat-request.ts';
import type { OpenAiClient, RequestOptions, Sent } from './openai-client.ts';
import type { Question } from './question.ts';
import { readResponse } from './responses-answer.ts';
import { writeResponses } from './responses-request.ts';
import { makeResponsesMerger } from './responses-stream.ts';

/** What an event brought. */
interface Progress {
  /** New content. */
  readonly text: string;
  /** Whether it brought anything of the answer. */
  readonly isProgress: boolean;
  /** Whether nothing follows. */
  readonly isEnd: boolean;
}

/** Puts the events of a streamed answer together. */
export interface Merger {
  readonly add: (event: unknown) => Progress;
  /** Whether the model said that it was done. */
  readonly isFinished: () => boolean;
  /** What a server that does not stream would have sent; of a stream that broke off, what came of it. */
  readonly answer: () => unknown;
}

/** A question that is written down. */
export interface WireRequest {
  readonly body: unknown;
  readonly send: (client: OpenAiClient, options: RequestOptions) => Sent;
}

/** One of the vendor's APIs: how it is asked, and how its answers are read. */
export interface WireApi {
  readonly write: (question: Question) => WireRequest;
  readonly makeMerger: () => Merger;
  /** The message of an answer that is whole; throws `llm-malformed` and `llm-truncated`. */
  readonly read: (answer: unknown, question: Question) => Message;
}

const chat: WireApi = {
  write: (question) => {
    const body = writeChat(question);
    return { body, send: (client, options) => client.chat.completions.create(body, options) };
  },
  makeMerger: makeChatMerger,
  read: readChat,
};

const responses: WireApi = {
  write: (question) => {
    const body = writeResponses(question);
    return {
      body,
      send: (client, options) => {
        // Checked when the adapter was made, but a client of the caller's can change.
        if (client.responses === undefined) throw new TypeError('The client has no "responses"');
        return client.responses.create(body, options);
      },
    };
  },
  makeMerger: makeResponsesMerger,
  read: readResponse,
};

export const WIRE_APIS: Readonly<Record<'chat' | 'responses', WireApi>> = { chat, responses };
