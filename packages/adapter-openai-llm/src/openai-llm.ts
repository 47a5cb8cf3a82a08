import { invalid, makeLlmPort, readCallOptions, requireInteger } from '@promethean/llm-calls';
import type { LlmCallOptions } from '@promethean/llm-calls';
import type { ILlmPort } from '@promethean/pantheon-core';
import { readUsage } from './answer.ts';
import { exchange } from './exchange.ts';
import type { Seen } from './exchange.ts';
import { asFailure } from './failure.ts';
import { makeClient } from './openai-client.ts';
import type { OpenAiClient, OpenAiSettings } from './openai-client.ts';
import { requireBodySize, toQuestion } from './question.ts';
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
export interface OpenAiLlmOptions extends OpenAiSettings, LlmCallOptions {
  /** Never closed by us. Its own retries are switched off for our calls. */
  readonly client?: OpenAiClient | undefined;
  /** Used where a request names none. */
  readonly model: string;
  /** `responses` for OpenAI's newer API; compatible servers all have `chat`. Default `chat`. */
  readonly api?: 'chat' | 'responses' | undefined;
  /** The field of Chat Completions for `maxTokens`; some servers know only `max_tokens`. Default `max_completion_tokens`. */
  readonly maxTokensField?: 'max_completion_tokens' | 'max_tokens' | undefined;
  readonly timeouts?: OpenAiTimeouts | undefined;
  /** Bytes of a request, and of an answer, at most. Default 8 MiB. */
  readonly maxBodyBytes?: number | undefined;
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
    maxTokensField = 'max_completion_tokens',
    maxBodyBytes = 8 * 1_024 * 1_024,
    temperature,
    maxTokens,
  } = options;
  const {
    headersMs = 60_000,
    firstDeltaMs = 60_000,
    idleMs = 30_000,
    totalMs = 120_000,
  } = options.timeouts ?? {};
  if (typeof model !== 'string' || model === '') throw invalid('model', 'must be a name');
  if (!Object.hasOwn(WIRE_APIS, apiName)) throw invalid('api', 'must be chat or responses');
  const api = WIRE_APIS[apiName];
  if (maxTokensField !== 'max_completion_tokens' && maxTokensField !== 'max_tokens') {
    throw invalid('maxTokensField', 'must be max_completion_tokens or max_tokens');
  }
  requireInteger('maxBodyBytes', maxBodyBytes, 1);
  const settings = readCallOptions(options, { headersMs, firstDeltaMs, idleMs, totalMs });
  const { load, secrets, askForKey } = clientOf(options, settings.gate.reopen);
  const defaults = { model, temperature, maxTokens, maxTokensField, maxBodyBytes };

  return makeLlmPort(settings, {
    toQuestion: (request, stream) => {
      const question = toQuestion(request, defaults, stream);
      const wire = api.write(question);
      requireBodySize(wire.body, maxBodyBytes);
      return { question, wire };
    },
    ask: ({ question, wire }, call) => {
      const seen: Seen = { answer: undefined };
      return {
        texts: exchange({ load, wire, api, maxBytes: maxBodyBytes }, call, seen),
        message: () => api.read(seen.answer, question),
        usage: () => readUsage(seen.answer),
      };
    },
    toFailure: (thrown) => withoutSecrets(asFailure(thrown, settings.now), secrets()),
    writtenByModel: /^(choices\[0\]\.message|output)\b/,
    onClosedGate: askForKey,
  });
};

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
    load: async () => client,
    secrets: () => (client.apiKey == null ? [] : [client.apiKey]),
    askForKey: async () => undefined,
  };
};
