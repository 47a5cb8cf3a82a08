import { invalid } from '@promethean/llm-calls';
import { wrapLanguageModel } from 'ai';
import type { LanguageModel } from 'ai';

/** A language model of any AI SDK provider, as the provider's function returns it: `openai('gpt-5')`. */
export type AiSdkModel = Exclude<LanguageModel, string>;

/*
 * We call the interface that providers implement, not `generateText`. That interface is versioned and small: one call is one request.
 * The layer above it brings repetitions, telemetry, warnings on the console, downloads and a loop of tools, and every one of these is
 * ours to decide. `wrapLanguageModel` without middleware brings models of older versions of the interface up to date.
 */
export type ProviderModel = Extract<AiSdkModel, { readonly specificationVersion: 'v4' }>;

export type CallOptions = Parameters<ProviderModel['doGenerate']>[0];
export type Prompt = CallOptions['prompt'];
type Generated = Awaited<ReturnType<ProviderModel['doGenerate']>>;
export type Content = Generated['content'][number];
type Streamed = Awaited<ReturnType<ProviderModel['doStream']>>;
export type StreamPart = Streamed['stream'] extends ReadableStream<infer Part> ? Part : never;

/** The model in the newest version of the interface. Throws `option-invalid` for what is no model. */
export const toProviderModel = (path: string, model: AiSdkModel): ProviderModel => {
  const { doGenerate, doStream } = (model as Partial<ProviderModel> | undefined) ?? {};
  if (typeof doGenerate !== 'function' || typeof doStream !== 'function') {
    throw invalid(
      path,
      'must be a language model of an AI SDK provider, such as openai("gpt-5"), not its name',
    );
  }
  return wrapLanguageModel({ model, middleware: [] });
};
