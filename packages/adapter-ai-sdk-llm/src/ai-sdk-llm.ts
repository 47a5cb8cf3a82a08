import { PantheonError } from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';
import type {
  ILlmPort,
  LlmChunk,
  LlmRequest,
  Message,
  Timers,
  Usage,
} from '@promethean/pantheon-core';
import { toProviderModel } from './ai-sdk-model.ts';
import type { AiSdkModel, CallOptions, ProviderModel } from './ai-sdk-model.ts';
import { emptyAnswer, isRepairable, readMessage } from './answer.ts';
import { ask } from './ask.ts';
import { openBounds } from './bounds.ts';
import { asFailure, isRepeatable, waitMs } from './failure.ts';
import { toQuestion, withRepair } from './question.ts';
import { invalid, requireCount, requireDuration, requireNumber } from './require-option.ts';
import { makeTurnstile } from './turnstile.ts';

/** Milliseconds, 1 to 2,147,483,647; `Infinity` switches a clock off. Nothing is repeated after one of them. */
export interface AiSdkTimeouts {
  /** Of a stream: from the request to the first content; pings do not count. Default 60,000. */
  readonly firstContentMs?: number | undefined;
  /** Of a stream: from one piece of content to the next. Default 30,000. */
  readonly idleMs?: number | undefined;
  /** The whole call, waiting and repetitions included; a request's own `timeoutMs` takes its place. Default 120,000. */
  readonly totalMs?: number | undefined;
}

export interface AiSdkLlmOptions {
  /** Used where a request names no model, or this one. */
  readonly model: AiSdkModel;
  /** Makes the model that a request names. An AI SDK provider is such a function. Default: other names are refused. */
  readonly provider?: ((modelId: string) => AiSdkModel) | undefined;
  /** 0 to 2. Default: the model's. */
  readonly temperature?: number | undefined;
  /** Default: the model's. */
  readonly maxTokens?: number | undefined;
  /** Handed to the provider with every request, under the provider's name. Default: none. */
  readonly providerOptions?: CallOptions['providerOptions'] | undefined;
  readonly timeouts?: AiSdkTimeouts | undefined;
  /** Repetitions after a failure that may pass. Default 3. */
  readonly maxRetries?: number | undefined;
  /**
   * Ask once more, with the reason, when the model's message is of no use: broken tool calls, no content, not the JSON that
   * was asked for. Never after a part of a stream was delivered. Default `true`.
   */
  readonly repair?: boolean | undefined;
  /** Requests at a time, of all actors together. Default 8. */
  readonly maxConcurrent?: number | undefined;
  /** Bytes of a request's texts, and characters of an answer, at most. Default 8 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** 0 to 1, for the jitter of waits. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  readonly timers?: Timers | undefined;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** The port with all its optional members. */
export type AiSdkLlm = Required<ILlmPort>;

/** An `ILlmPort` on any language model of the AI SDK. Connects with the first call. Throws `option-invalid`. */
export const makeAiSdkLlm = (options: AiSdkLlmOptions): AiSdkLlm => {
  const {
    provider,
    temperature,
    maxTokens,
    providerOptions,
    maxRetries = 3,
    repair = true,
    maxConcurrent = 8,
    maxBodyBytes = 8 * 1_024 * 1_024,
    random = Math.random,
    timers = hostTimers,
    now = Date.now,
  } = options;
  const { firstContentMs = 60_000, idleMs = 30_000, totalMs = 120_000 } = options.timeouts ?? {};
  const limits = { firstContentMs, idleMs, totalMs };
  for (const [name, ms] of Object.entries(limits)) requireDuration(`timeouts.${name}`, ms);
  requireSampling(options);
  requireCount('maxRetries', maxRetries, 0);
  requireCount('maxConcurrent', maxConcurrent, 1);
  requireCount('maxBodyBytes', maxBodyBytes, 1);
  const model = toProviderModel('model', options.model);

  const models = new Map([[model.modelId, model]]);
  const defaults = { temperature, maxTokens, providerOptions, maxBodyBytes };
  const turnstile = makeTurnstile(maxConcurrent, timers, now);
  const live = new Set<Promise<void>>();
  let closed = false;

  const modelOf = (id: string = model.modelId): ProviderModel => {
    const known = models.get(id);
    if (known !== undefined) return known;
    if (provider === undefined) {
      throw invalid('model', `"${id}" cannot be made; give the option "provider", or leave it out`);
    }
    const made = toProviderModel(`provider("${id}")`, provider(id));
    models.set(id, made);
    return made;
  };

  async function* converse(request: LlmRequest, streaming: boolean): AsyncGenerator<LlmChunk> {
    if (closed) throw new PantheonError('closed', 'This adapter is closed; make a new one');
    requireSampling(request);
    requireDuration('timeoutMs', request.timeoutMs);
    let question = toQuestion(request, defaults);
    const asked = modelOf(request.model);
    const bounds = openBounds(
      request.signal,
      { ...limits, totalMs: request.timeoutMs ?? totalMs },
      timers,
    );
    live.add(bounds.ended);
    void bounds.ended.then(() => live.delete(bounds.ended));

    let message: Message | undefined;
    let usage: Usage | undefined;
    let delivered = false;
    let repairsLeft = repair ? 1 : 0;
    try {
      for (let attempt = 0; message === undefined; attempt += 1) {
        const pass = await turnstile.enter(bounds, attempt > 0);
        const answer = emptyAnswer();
        let failure: PantheonError;
        try {
          for await (const text of ask(
            { model: asked, question, streaming, maxBodyBytes },
            bounds,
            answer,
          )) {
            delivered = true;
            yield { type: 'text', text };
          }
          message = readMessage(answer, question);
          pass.leave(true);
          continue;
        } catch (thrown) {
          failure = asFailure(bounds.reason() ?? thrown, now);
        } finally {
          bounds.watch();
          usage = addUsage(usage, answer.usage);
        }
        const ms = waitMs(failure, attempt, random);
        const isTooMuch = failure.code === 'llm-rate-limited' && failure.retryable;
        const isUseless = !delivered && repairsLeft > 0 && isRepairable(failure);
        if (isTooMuch) pass.shut(ms);
        else pass.leave(isUseless);
        if (isUseless) {
          repairsLeft -= 1;
          question = withRepair(question, failure.message);
          continue;
        }
        if (delivered || !isRepeatable(failure)) throw failure;
        if (attempt >= maxRetries || timers.now() + ms > bounds.deadline) {
          throw withDetails(failure, { retryAt: Math.ceil(now() + ms) });
        }
        if (!isTooMuch) await bounds.pause(ms); // Otherwise the turnstile makes it wait.
      }
    } catch (thrown) {
      throw withDetails(asFailure(thrown, now), usage && { usage });
    } finally {
      bounds.end();
    }
    yield { type: 'message', message: usage ? { ...message, usage } : message };
  }

  return {
    complete: async (request) => {
      for await (const chunk of converse(request, false)) {
        if (chunk.type === 'message') return chunk.message;
      }
      // Not reached: `converse` ends with its message, or throws.
      throw new PantheonError('llm-truncated', 'There was no message');
    },
    stream: (request) => converse(request, true),
    close: async () => {
      closed = true;
      await Promise.all(live);
    },
  };
};

const requireSampling = ({
  temperature,
  maxTokens,
}: Pick<LlmRequest, 'temperature' | 'maxTokens'>): void => {
  requireNumber('temperature', temperature, { least: 0, most: 2 });
  requireCount('maxTokens', maxTokens, 1);
};

const addUsage = (sum: Usage | undefined, one: Usage | undefined): Usage | undefined =>
  sum && one
    ? {
        inputTokens: sum.inputTokens + one.inputTokens,
        outputTokens: sum.outputTokens + one.outputTokens,
        totalTokens: sum.totalTokens + one.totalTokens,
      }
    : (sum ?? one);

const withDetails = (error: PantheonError, more: Readonly<Record<string, unknown>> | undefined) =>
  more === undefined
    ? error
    : new PantheonError(error.code, error.message, {
        retryable: error.retryable,
        cause: error.cause,
        details: { ...error.details, ...more },
      });
