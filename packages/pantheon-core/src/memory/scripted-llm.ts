import { errorMessage, PantheonError } from '../core/errors.ts';
import type { ILlmPort, Timers } from '../core/ports.ts';
import type { LlmChunk, LlmRequest, Message, ToolSpec } from '../core/types.ts';
import { bounded, isAborted, requireTimeout } from './bounded.ts';
import { hostTimers } from '../adapter/host-timers.ts';
import type { HostSignal } from './host.ts';
import { frozenCopy } from './frozen-copy.ts';
import { isThenable } from '../core/thenable.ts';

/**
 * What the model answers to one call: a message of the assistant, or its text; an error that the call fails with; or a function
 * that makes the answer from the request, at once or later.
 */
export type ScriptedAnswer =
  | Message
  | string
  | Error
  | ((request: LlmRequest) => Message | string | Promise<Message | string>);

/** Settings of `makeScriptedLlm`. */
export interface ScriptedLlmOptions {
  /** For the `timeoutMs` of requests. Default: the process's monotonic clock and timers. */
  readonly timers?: Timers | undefined;
}

/** A model that answers by a script. */
export interface ScriptedLlm extends ILlmPort {
  /** Every request that took an answer, in order, as it was when it came. */
  readonly calls: readonly LlmRequest[];
  readonly stream: (request: LlmRequest) => AsyncIterable<LlmChunk>;
  readonly close: () => Promise<void>;
}

/**
 * Answers the n-th call with the n-th entry of the script, and rejects with `script-exhausted` when there is none left. An answer that
 * no model may give (empty, or with calls of tools that were not offered) rejects with `llm-malformed`, as it would with a real model.
 *
 * A call that is refused (no messages, an aborted signal, a closed port) takes no entry.
 */
export const makeScriptedLlm = (
  script: readonly ScriptedAnswer[],
  options: ScriptedLlmOptions = {},
): ScriptedLlm => {
  const { timers = hostTimers } = options;
  const answers = [...script];
  const calls: LlmRequest[] = [];
  const open = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  const take = (request: LlmRequest): unknown => {
    const answer = answers[calls.length];
    calls.push({ ...request, messages: [...request.messages] });
    if (answer === undefined) {
      throw new PantheonError(
        'script-exhausted',
        `The script has ${answers.length} answers and this is call ${calls.length}; add an answer, or call less often.`,
      );
    }
    if (answer instanceof Error) throw answer;
    return typeof answer === 'function' ? answer(request) : answer;
  };

  const answerTo = async (request: LlmRequest): Promise<Message> => {
    if (closing !== undefined) throw new PantheonError('closed', 'The scripted model is closed.');
    if (!Array.isArray(request.messages) || request.messages.length === 0) {
      throw new PantheonError('option-invalid', 'messages must have at least one message.');
    }
    const timeoutMs = request.timeoutMs ?? Infinity;
    requireTimeout(timeoutMs, 'timeoutMs');
    if (isAborted(request)) throw cancelledError();
    try {
      let answer = take(request);
      if (isThenable(answer)) {
        answer = await bounded(answer, {
          timers,
          timeoutMs,
          signal: request.signal as HostSignal | undefined,
          timeoutError: () =>
            new PantheonError('timeout', `The model did not answer within ${timeoutMs} ms.`, {
              retryable: true,
            }),
          abortError: cancelledError,
        });
      }
      return messageOf(answer, request.tools ?? []);
    } catch (error) {
      if (PantheonError.is(error)) throw error;
      throw new PantheonError('llm-failed', `The model failed: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  };

  const complete = (request: LlmRequest): Promise<Message> => {
    const pending = answerTo(request);
    open.add(pending);
    const done = (): void => void open.delete(pending);
    pending.then(done, done);
    return pending;
  };

  return {
    calls,
    complete,
    stream: async function* (request) {
      const message = await complete(request);
      // Word by word, so that whoever joins the pieces carelessly is found out.
      for (const text of message.content.match(/\s*\S+\s*$|\s*\S+|^\s+$/g) ?? []) {
        if (request.signal?.aborted === true) throw cancelledError();
        yield { type: 'text', text };
      }
      yield { type: 'message', message };
    },
    close: () => {
      closing ??= Promise.allSettled(open).then(() => undefined);
      return closing;
    },
  };
};

const cancelledError = (): PantheonError =>
  new PantheonError('tick-cancelled', 'The call of the model was cancelled.');

const malformed = (problem: string): PantheonError =>
  new PantheonError('llm-malformed', `The model's answer ${problem}.`);

/** The answer as a message, where it is one that a model may give. */
const messageOf = (answer: unknown, tools: readonly ToolSpec[]): Message => {
  if (typeof answer === 'string') {
    if (answer === '') throw malformed('has neither content nor tool calls');
    return Object.freeze({ role: 'assistant', content: answer });
  }
  const message = frozenCopy(answer, 'llm-malformed', "The model's answer") as Message;
  if (typeof message !== 'object' || message === null) throw malformed('is no message');
  if (message.role !== 'assistant') throw malformed(`has the role ${String(message.role)}`);
  if (typeof message.content !== 'string') throw malformed('has a content that is no string');
  const toolCalls = message.toolCalls ?? [];
  if (message.content === '' && toolCalls.length === 0)
    throw malformed('has neither content nor tool calls');
  const ids = new Set<string>();
  for (const { id, name, args } of toolCalls) {
    if (typeof id !== 'string' || id === '' || ids.has(id))
      throw malformed(`has the tool call id ${JSON.stringify(id)} twice or none`);
    if (!tools.some((tool) => tool.name === name))
      throw malformed(`calls the tool "${name}", which was not offered`);
    if (typeof args !== 'object' || args === null || Array.isArray(args))
      throw malformed(`calls the tool "${name}" with arguments that are no object`);
    ids.add(id);
  }
  return message;
};
