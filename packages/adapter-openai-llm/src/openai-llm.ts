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
import { isRepairable, readUsage } from './answer.ts';
import { openCall, orAborted } from './clocks.ts';
import type { Call, Clocks } from './clocks.ts';
import { exchange } from './exchange.ts';
import type { Seen } from './exchange.ts';
import { makeGate } from './gate.ts';
import { makeClient } from './openai-client.ts';
import type { OpenAiClient, OpenAiSettings } from './openai-client.ts';
import { requireBodySize, toQuestion, withRepair } from './question.ts';
import { invalid, requireInteger, requireMs, requireSampling } from './require-option.ts';
import { asFailure, delayMs, isRepeatable } from './retry.ts';
import { withoutSecrets } from './secrets.ts';
import { WIRE_APIS } from './wire-api.ts';

/** Milliseconds, 1 to 2,147,483,647; `Infinity` switches a clock off. None of them is repeated after. */
export interface OpenAiTimeouts {
  /** From the request to the answer's headers. Without streaming, servers send them when the answer is ready. Default 60,000. */
  readonly headersMs?: number | undefined;
  /** From the headers to the first content; comments and blanks do not count. Default 60,000. */
  readonly firstDeltaMs?: number | undefined;
  /** From one piece of content to the next. Default 30,000. */
  readonly idleMs?: number | undefined;
  /** The whole call, waiting and repetitions included; a request's own `timeoutMs` takes its place. Default 120,000. */
  readonly totalMs?: number | undefined;
}

/** Either a client, or the settings to make one from. */
export interface OpenAiLlmOptions extends OpenAiSettings {
  /** Never closed by us. Its own retries are switched off for our calls. */
  readonly client?: OpenAiClient | undefined;
  /** Used where a request names none. */
  readonly model: string;
  /** `responses` for OpenAI's newer API; compatible servers all have `chat`. Default `chat`. */
  readonly api?: 'chat' | 'responses' | undefined;
  /** 0 to 2. Default: the model's. */
  readonly temperature?: number | undefined;
  /** Default: the model's. */
  readonly maxTokens?: number | undefined;
  /** The field of Chat Completions for `maxTokens`; some servers know only `max_tokens`. Default `max_completion_tokens`. */
  readonly maxTokensField?: 'max_completion_tokens' | 'max_tokens' | undefined;
  readonly timeouts?: OpenAiTimeouts | undefined;
  /** Repetitions after a failure that may pass. Default 3. */
  readonly maxRetries?: number | undefined;
  /**
   * Ask once more, with the reason, when the model's message is of no use: broken tool calls, no content, not the JSON that was
   * asked for. Never after a part of a stream was delivered. Default `true`.
   */
  readonly repair?: boolean | undefined;
  /** Requests at a time, of all actors together. Default 8. */
  readonly maxConcurrent?: number | undefined;
  /** Bytes of a request, and of an answer, at most. Default 8 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** 0 to 1, for the jitter of waits. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  readonly timers?: Timers | undefined;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** The port with all its optional members. */
export type OpenAiLlm = Required<ILlmPort>;

/**
 * An `ILlmPort` on Chat Completions or the Responses API, of OpenAI, Azure or a compatible server. Connects with the first call.
 * Throws `option-invalid`.
 */
export const makeOpenAiLlm = (options: OpenAiLlmOptions): OpenAiLlm => {
  const {
    model,
    api: apiName = 'chat',
    temperature,
    maxTokens,
    maxTokensField = 'max_completion_tokens',
    maxRetries = 3,
    repair = true,
    maxConcurrent = 8,
    maxBodyBytes = 8 * 1_024 * 1_024,
    random = Math.random,
    timers = hostTimers,
    now = Date.now,
  } = options;
  const {
    headersMs = 60_000,
    firstDeltaMs = 60_000,
    idleMs = 30_000,
    totalMs = 120_000,
  } = options.timeouts ?? {};
  const clocks: Clocks = { headersMs, firstDeltaMs, idleMs, totalMs };
  if (typeof model !== 'string' || model === '') throw invalid('model', 'must be a name');
  if (!Object.hasOwn(WIRE_APIS, apiName)) throw invalid('api', 'must be chat or responses');
  const api = WIRE_APIS[apiName];
  if (maxTokensField !== 'max_completion_tokens' && maxTokensField !== 'max_tokens') {
    throw invalid('maxTokensField', 'must be max_completion_tokens or max_tokens');
  }
  requireSampling(temperature, maxTokens);
  for (const [name, ms] of Object.entries(clocks)) requireMs(`timeouts.${name}`, ms);
  requireInteger('maxRetries', maxRetries, 0);
  requireInteger('maxConcurrent', maxConcurrent, 1);
  requireInteger('maxBodyBytes', maxBodyBytes, 1);
  const gate = makeGate(maxConcurrent, timers, now);
  const { client, secrets, askForKey } = clientOf(options, gate.reopen);

  const defaults = { model, temperature, maxTokens, maxTokensField, maxBodyBytes };
  const live = new Set<Call>();
  let closed = false;

  async function* run(request: LlmRequest, stream: boolean): AsyncGenerator<LlmChunk, void> {
    if (closed) throw new PantheonError('closed', 'This adapter is closed; make a new one');
    requireSampling(request.temperature, request.maxTokens);
    if (request.timeoutMs !== undefined) requireMs('timeoutMs', request.timeoutMs);
    let question = toQuestion(request, defaults, stream);
    let wire = api.write(question);
    requireBodySize(wire.body, maxBodyBytes);
    const call = openCall(
      request.signal,
      { ...clocks, totalMs: request.timeoutMs ?? totalMs },
      timers,
    );
    live.add(call);
    void call.closed.then(() => live.delete(call));

    let message: Message | undefined;
    let usage: Usage | undefined;
    let retryAt: number | undefined;
    let delivered = false;
    let repaired = !repair;
    try {
      for (let attempt = 0; message === undefined; attempt += 1) {
        // What a limit closed, it closed for the key of then.
        if (gate.isClosed()) await orAborted(askForKey(), call.signal);
        const slot = await gate.enter(call, attempt > 0);
        const seen: Seen = { answer: undefined };
        let failure: PantheonError;
        try {
          const asking = { client, wire, api, maxBytes: maxBodyBytes };
          for await (const text of exchange(asking, call, seen)) {
            delivered = true;
            yield { type: 'text', text };
          }
          message = api.read(seen.answer, question);
          slot.leave(true);
          continue;
        } catch (thrown) {
          failure = asFailure(call.signal.aborted ? call.signal.reason : thrown, now);
        } finally {
          call.enter();
          usage = addUsage(usage, readUsage(seen.answer));
        }
        if (!repaired && !delivered && isRepairable(failure)) {
          slot.leave(true);
          repaired = true;
          question = withRepair(question, failure.message);
          wire = api.write(question);
          continue;
        }
        const waitMs = delayMs(failure, attempt, random);
        const refused = failure.code === 'llm-rate-limited' && failure.retryable;
        if (refused) slot.refuse(waitMs);
        else slot.leave(false);
        if (delivered || !isRepeatable(failure)) throw failure;
        if (attempt >= maxRetries || timers.now() + waitMs > call.deadline) {
          retryAt = Math.ceil(now() + waitMs);
          throw failure;
        }
        if (!refused) await call.sleep(waitMs); // Who was refused waits at the gate.
      }
    } catch (error) {
      throw withoutSecrets(asFailure(error, now), secrets(), {
        ...(usage && { usage }),
        ...(retryAt !== undefined && { retryAt }),
      });
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
      await Promise.all([...live].map((call) => call.closed));
    },
  };
};

const addUsage = (a: Usage | undefined, b: Usage | undefined): Usage | undefined =>
  a && b
    ? {
        inputTokens: a.inputTokens + b.inputTokens,
        outputTokens: a.outputTokens + b.outputTokens,
        totalTokens: a.totalTokens + b.totalTokens,
      }
    : (a ?? b);

const clientOf = (
  options: OpenAiLlmOptions,
  onNewKey: () => void,
): ReturnType<typeof makeClient> => {
  const { client, apiKey, baseURL, organization, headers, azure } = options;
  const settings = { apiKey, baseURL, organization, headers, azure };
  if (client === undefined) return makeClient(settings, onNewKey);
  if (Object.values(settings).some((setting) => setting !== undefined)) {
    const names = Object.keys(settings).join(', ');
    throw invalid('client', `comes with its own settings; leave out ${names}`);
  }
  if (options.api === 'responses' && client.responses === undefined) {
    throw invalid('client', 'has no "responses", which api: "responses" needs');
  }
  if (options.api !== 'responses' && typeof client?.chat?.completions?.create !== 'function') {
    throw invalid('client', 'has no "chat.completions.create"; give an instance of OpenAI');
  }
  return {
    client,
    secrets: () => (client.apiKey == null ? [] : [client.apiKey]),
    askForKey: async () => undefined,
  };
};
