import { invalid, makeLlmPort, readCallOptions, requireInteger } from '@promethean/llm-calls';
import type { LlmCallOptions } from '@promethean/llm-calls';
import type { ILlmPort } from '@promethean/pantheon-core';
import { toProviderModel } from './ai-sdk-model.ts';
import type { AiSdkModel, CallOptions, ProviderModel } from './ai-sdk-model.ts';
import { emptyAnswer, readMessage } from './answer.ts';
import { ask } from './ask.ts';
import { asFailure } from './failure.ts';
import { toQuestion } from './question.ts';

/** Milliseconds, 1 to 2,147,483,647; `Infinity` switches a clock off. Nothing is repeated after one of them. */
export interface AiSdkTimeouts {
  /** Of a stream: from the request to the first content; pings do not count. Default 60,000. */
  readonly firstContentMs?: number | undefined;
  /** Of a stream: from one piece of content to the next. Default 30,000. */
  readonly idleMs?: number | undefined;
  /** The whole call, waiting and repetitions included; a request's own `timeoutMs` takes its place. Default 120,000. */
  readonly totalMs?: number | undefined;
}

export interface AiSdkLlmOptions extends LlmCallOptions {
  /** Used where a request names no model, or this one. */
  readonly model: AiSdkModel;
  /** Makes the model that a request names. An AI SDK provider is such a function. Default: other names are refused. */
  readonly provider?: ((modelId: string) => AiSdkModel) | undefined;
  /** Handed to the provider with every request, under the provider's name. Default: none. */
  readonly providerOptions?: CallOptions['providerOptions'] | undefined;
  readonly timeouts?: AiSdkTimeouts | undefined;
  /** Bytes of a request's texts, and characters of an answer, at most. Default 8 MiB. */
  readonly maxBodyBytes?: number | undefined;
}

/** The port with all its optional members. */
export type AiSdkLlm = Required<ILlmPort>;

/** An `ILlmPort` on any language model of the AI SDK. Connects with the first call. Throws `option-invalid`. */
export const makeAiSdkLlm = (options: AiSdkLlmOptions): AiSdkLlm => {
  const {
    provider,
    providerOptions,
    maxBodyBytes = 8 * 1_024 * 1_024,
    temperature,
    maxTokens,
  } = options;
  const { firstContentMs = 60_000, idleMs = 30_000, totalMs = 120_000 } = options.timeouts ?? {};
  requireInteger('maxBodyBytes', maxBodyBytes, 1);
  const settings = readCallOptions(options, { firstContentMs, idleMs, totalMs });
  const model = toProviderModel('model', options.model);

  const models = new Map([[model.modelId, model]]);
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

  const defaults = { temperature, maxTokens, providerOptions, maxBodyBytes };
  return makeLlmPort(settings, {
    toQuestion: (request) => ({
      ...toQuestion(request, defaults),
      model: modelOf(request.model),
    }),
    ask: ({ model: asked, ...question }, call, streaming) => {
      const answer = emptyAnswer();
      return {
        texts: ask({ model: asked, question, streaming, maxBodyBytes }, call, answer),
        message: () => readMessage(answer, question),
        usage: () => answer.usage,
      };
    },
    toFailure: (thrown) => asFailure(thrown, settings.now),
    writtenByModel: /^(content|toolCalls)\b/,
  });
};
