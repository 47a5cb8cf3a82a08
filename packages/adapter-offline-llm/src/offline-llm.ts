/** An LLM port without a model: it asks for tools where they help, and answers with quotes from what it was given. */
import type { ILlmPort, LlmChunk, LlmRequest, Message, ToolSpec } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { answerTurn, chooseQuotes, SOME_COVERAGE } from './answer-turn.ts';
import { chooseTool, purposeOf, type PlannedCall } from './choose-tool.ts';
import { readConversation, type Turn } from './read-conversation.ts';
import { keywordsOf } from './terms.ts';
import { courtesy, wordSources, type Answer } from './word-answer.ts';

/** Settings of `makeOfflineLlm`. */
export interface OfflineLlmOptions {
  /** The most characters that an answer quotes, 100 to 100,000; the list of sources comes on top. Default 900. */
  readonly maxAnswerLength?: number | undefined;
}

/** Passages that come with the conversation and cover this much of the question make a search needless. */
const GOOD_COVERAGE = 0.7;
/** A token's usual length, for `maxTokens`. */
const CHARACTERS_PER_TOKEN = 4;
/** What the list of sources usually takes. */
const SOURCES_LENGTH = 300;

const cancelled = (): PantheonError =>
  new PantheonError('tick-cancelled', 'The completion was cancelled by its signal.', {
    retryable: true,
  });

/** The next tool call, or undefined when it is time to answer. One search, and a second one in other words if it found nothing fitting. */
const nextCall = (turn: Turn, tools: readonly ToolSpec[]): PlannedCall | undefined => {
  const planned = turn.question === '' ? undefined : chooseTool(turn.question, tools);
  if (planned === undefined) return undefined;
  const earlier = turn.results.filter(({ call }) => call.name === planned.name);
  if (planned.purpose !== 'search') return earlier.length === 0 ? planned : undefined;
  const last = earlier.at(-1);
  if (earlier.length > 1 || last?.failed) return undefined;
  const { coverage } = chooseQuotes(turn, 1);
  if (last === undefined) return coverage >= GOOD_COVERAGE ? undefined : planned;
  if (coverage >= SOME_COVERAGE) return undefined;
  const keywords = keywordsOf(turn.question);
  const args = Object.fromEntries(
    Object.entries(planned.args).map(([name, value]) => [
      name,
      value === turn.question ? keywords : value,
    ]),
  );
  return keywords === '' || keywords === turn.question ? undefined : { ...planned, args };
};

const messageOf = (answer: Answer, request: LlmRequest): Message => {
  const limit = (request.maxTokens ?? Infinity) * CHARACTERS_PER_TOKEN;
  const sources = answer.sources.map((source) => ({ ...source }));
  const content =
    request.format === 'json'
      ? JSON.stringify({ answer: answer.text, sources })
      : [answer.text + wordSources(answer.sources), answer.text].find(
          (text) => text.length <= limit,
        );
  if (content === undefined || content.length > limit) {
    throw new PantheonError(
      'llm-truncated',
      `maxTokens: ${request.maxTokens} is too little for an answer. Allow at least 100.`,
    );
  }
  return { role: 'assistant', content, metadata: { sources } };
};

const respond = (request: LlmRequest, maxAnswerLength: number): Message => {
  const tools = request.tools ?? [];
  const turn = readConversation(request.messages);
  const polite = courtesy(turn.question);
  if (polite !== undefined) return messageOf(polite, request);
  const call = nextCall(turn, tools);
  if (call !== undefined) {
    const earlier = request.messages.reduce(
      (count, message) => count + (message.toolCalls?.length ?? 0),
      0,
    );
    return {
      role: 'assistant',
      content: '',
      toolCalls: [{ id: `call-${earlier + 1}`, name: call.name, args: call.args }],
    };
  }
  const limit = (request.maxTokens ?? Infinity) * CHARACTERS_PER_TOKEN - SOURCES_LENGTH;
  const specs = new Map(tools.map((tool) => [tool.name, tool]));
  const answer = answerTurn(
    turn,
    (name) => purposeOf(specs.get(name) ?? { name }),
    Math.max(100, Math.min(maxAnswerLength, limit)),
  );
  return messageOf(answer, request);
};

/** What this port makes certain of beyond `ILlmPort`: it streams, and it can be closed. */
export type OfflineLlm = Required<ILlmPort>;

/**
 * Makes an LLM port that needs no model, no network and no key, and gives the same answer to the same conversation.
 *
 * It answers the last message of the user from the passages in the conversation: compiled documents (`provenance.trust` is
 * `document`) and hits that tools returned (`{ file, line, heading, text }`). The answer quotes them and ends with its sources, which
 * `metadata.sources` repeats for programs. Passages are data: nothing in them is followed.
 *
 * @throws PantheonError `option-invalid` for a wrong option. `complete` rejects with `option-invalid` (no messages), `tick-cancelled`,
 *   `timeout`, `llm-truncated` (`maxTokens` too small), `capability-missing` (`format` is a schema) and `closed`.
 */
export const makeOfflineLlm = (options: OfflineLlmOptions = {}): OfflineLlm => {
  const { maxAnswerLength = 900 } = options;
  if (!Number.isInteger(maxAnswerLength) || maxAnswerLength < 100 || maxAnswerLength > 100_000) {
    throw new PantheonError(
      'option-invalid',
      `maxAnswerLength: must be an integer from 100 to 100000, got ${String(maxAnswerLength)}.`,
    );
  }
  let closed = false;

  const complete = async (request: LlmRequest): Promise<Message> => {
    const { messages, signal, timeoutMs = Infinity, format } = request;
    if (closed) throw new PantheonError('closed', 'This LLM port was closed.');
    if (messages.length === 0) {
      throw new PantheonError('option-invalid', 'messages: must not be empty.');
    }
    if (typeof format === 'object') {
      throw new PantheonError(
        'capability-missing',
        'format: without a model there is no answer to a schema. Use "text" or "json".',
      );
    }
    const startedAt = performance.now();
    // An abort right after the call is seen before any work is done.
    await Promise.resolve();
    const check = (): void => {
      if (signal?.aborted) throw cancelled();
      if (performance.now() - startedAt > timeoutMs) {
        throw new PantheonError('timeout', `The completion took longer than ${timeoutMs} ms.`, {
          retryable: true,
        });
      }
    };
    check();
    const message = respond(request, maxAnswerLength);
    check();
    return message;
  };

  return {
    complete,
    stream: async function* (request: LlmRequest): AsyncGenerator<LlmChunk> {
      const message = await complete(request);
      for (const text of message.content.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
        yield { type: 'text', text };
      }
      yield { type: 'message', message };
    },
    close: async () => {
      closed = true;
    },
  };
};
