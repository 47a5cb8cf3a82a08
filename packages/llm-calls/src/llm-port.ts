import { PantheonError } from '@promethean/pantheon-core';
import type { ILlmPort, LlmChunk, LlmRequest, Message, Usage } from '@promethean/pantheon-core';
import { requireSampling } from './call-options.ts';
import type { CallSettings } from './call-options.ts';
import { openCall } from './call.ts';
import type { Call } from './call.ts';
import { delayMs, isRepeatable } from './repetition.ts';
import { requireMs } from './require-option.ts';

/** One request to the model's server. */
export interface Exchange {
  /** Sends it, and reads the answer to its end under the call's clocks. Yields the texts of a stream. */
  readonly texts: AsyncIterable<string>;
  /** The message in the answer. Throws what is wrong with it. */
  readonly message: () => Message;
  /** What the answer says it cost, also one that broke off; undefined where it does not say. */
  readonly usage: () => Usage | undefined;
}

/** What is special to one kind of server. */
export interface LlmDialect<Question> {
  /** Throws `option-invalid` for what no model could be asked, and `message-too-large`; nothing has been sent then. */
  readonly toQuestion: (request: LlmRequest, stream: boolean) => Question;
  readonly ask: (question: Question, call: Call, stream: boolean) => Exchange;
  /** Translates whatever an exchange throws; leaves a `PantheonError` what it is. */
  readonly toFailure: (thrown: unknown) => PantheonError;
  /** The paths of an answer that the model wrote: told what is wrong there, it could do better. */
  readonly writtenByModel: RegExp;
  /** Told before a call waits at a closed gate: it may be closed for a key that is no longer the one in use. */
  readonly onClosedGate?: () => Promise<unknown>;
}

/**
 * The port on a dialect: each call with its clocks, its place at the gate, its repetitions and one repair. A call that fails carries
 * what it cost in `details.usage`, and `details.retryAt` where waiting would help.
 */
export const makeLlmPort = <Question>(
  { clocks, gate, maxRetries, repair, random, timers, now }: CallSettings,
  { toQuestion, ask, toFailure, writtenByModel, onClosedGate }: LlmDialect<Question>,
): Required<ILlmPort> => {
  const live = new Set<Promise<void>>();
  let closed = false;

  async function* run(request: LlmRequest, stream: boolean): AsyncGenerator<LlmChunk, void> {
    if (closed) throw new PantheonError('closed', 'This adapter is closed; make a new one');
    requireSampling(request);
    const { signal, timeoutMs = clocks.totalMs } = request;
    requireMs('timeoutMs', timeoutMs);
    let question = toQuestion(request, stream);
    const call = openCall(signal, { ...clocks, totalMs: timeoutMs }, timers);
    live.add(call.closed);
    void call.closed.then(() => live.delete(call.closed));

    let message: Message | undefined;
    let usage: Usage | undefined;
    let delivered = false;
    let repaired = !repair;
    try {
      for (let attempt = 0; message === undefined; attempt += 1) {
        if (onClosedGate !== undefined && gate.isClosed()) await call.race(onClosedGate());
        const slot = await gate.enter(call, attempt > 0);
        const exchange = ask(question, call, stream);
        let failure: PantheonError;
        try {
          for await (const text of exchange.texts) {
            delivered = true;
            yield { type: 'text', text };
          }
          message = exchange.message();
          slot.leave(true);
          continue;
        } catch (thrown) {
          failure = toFailure(call.reason() ?? thrown);
        } finally {
          call.watch();
          usage = addUsage(usage, exchange.usage());
        }
        if (!repaired && !delivered && writtenByModel.test(String(failure.details['path']))) {
          slot.leave(true);
          repaired = true;
          try {
            question = toQuestion(withRepair(request, failure.message), stream);
          } catch (error) {
            // Without room for one more turn it stays what it was.
            throw PantheonError.is(error, 'message-too-large') ? failure : error;
          }
          continue;
        }
        const waitMs = delayMs(failure, attempt, random);
        const refused = failure.code === 'llm-rate-limited' && failure.retryable;
        if (refused) slot.refuse(waitMs);
        else slot.leave(false);
        if (delivered || !isRepeatable(failure)) throw failure;
        if (attempt >= maxRetries || timers.now() + waitMs > call.deadline) {
          throw withDetails(failure, { retryAt: Math.ceil(now() + waitMs) });
        }
        if (!refused) await call.sleep(waitMs); // Who was refused waits at the gate.
      }
    } catch (thrown) {
      throw withDetails(toFailure(thrown), usage && { usage });
    } finally {
      call.close();
    }
    // A server that does not stream although it was asked to.
    if (stream && !delivered && message.content !== '') {
      yield { type: 'text', text: message.content };
    }
    yield { type: 'message', message: usage ? { ...message, usage } : message };
  }

  return {
    complete: async (request) => {
      for await (const chunk of run(request, false)) {
        if (chunk.type === 'message') return chunk.message;
      }
      // Not reached: `run` ends with its message, or throws.
      throw new PantheonError('llm-truncated', 'There was no message');
    },
    stream: (request) => run(request, true),
    close: async () => {
      closed = true;
      await Promise.all(live);
    },
  };
};

/** The same request with one more turn, in which the model learns why its answer was of no use. */
const withRepair = (request: LlmRequest, problem: string): LlmRequest => ({
  ...request,
  messages: [
    ...request.messages,
    // The broken answer is not repeated: history that is no valid JSON would be refused.
    { role: 'assistant', content: '(an answer that could not be used)' },
    { role: 'user', content: `${problem}. Answer again.` },
  ],
});

const addUsage = (a: Usage | undefined, b: Usage | undefined): Usage | undefined =>
  a && b
    ? {
        inputTokens: a.inputTokens + b.inputTokens,
        outputTokens: a.outputTokens + b.outputTokens,
        totalTokens: a.totalTokens + b.totalTokens,
      }
    : (a ?? b);

const withDetails = (
  error: PantheonError,
  more: Readonly<Record<string, unknown>> | undefined,
): PantheonError =>
  more === undefined
    ? error
    : new PantheonError(error.code, error.message, {
        retryable: error.retryable,
        cause: error.cause,
        details: { ...error.details, ...more },
      });
