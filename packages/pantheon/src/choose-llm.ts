/** The model that the settings and the environment ask for, and what of it is secret. */
import { makeOfflineLlm } from '@promethean/adapter-offline-llm';
import { makeOpenAiLlm } from '@promethean/adapter-openai-llm';
import { PantheonError } from '@promethean/pantheon-core';
import type { ILlmPort } from '@promethean/pantheon-core';
import { given, ours } from './choice.ts';
import type { Choice } from './choice.ts';
import { isPort } from './config-schema.ts';
import type { OpenAiSetting, PantheonConfig } from './config.ts';
import { openAiEnvironment } from './environment.ts';
import type { Environment } from './environment.ts';

const DEFAULT_MODEL = 'gpt-4.1-mini';

/** An address without what may be secret in it. */
const shown = (address: string): string => {
  const { protocol, host, pathname } = new URL(address);
  return `${protocol}//${host}${pathname}`;
};

/** The settings of the model, completed from the environment; undefined for no model. */
const settingsOfModel = (
  llm: 'offline' | 'openai' | OpenAiSetting | undefined,
  env: Environment,
): (OpenAiSetting & { readonly model: string }) | undefined => {
  if (llm === 'offline') return undefined;
  const variables = openAiEnvironment(env);
  if (llm === undefined && variables.apiKey === undefined && variables.baseURL === undefined)
    return undefined;
  const own = typeof llm === 'object' ? llm : {};
  const model = own.model ?? variables.model ?? DEFAULT_MODEL;
  if (own.azure !== undefined)
    return { ...own, model, apiKey: own.apiKey ?? (env['AZURE_OPENAI_API_KEY'] || undefined) };
  const baseURL = own.baseURL ?? variables.baseURL;
  // A server of one's own seldom asks for a key, but the vendor's client insists on one.
  const apiKey = own.apiKey ?? variables.apiKey ?? (baseURL === undefined ? undefined : 'none');
  if (apiKey === undefined) {
    throw new PantheonError(
      'option-invalid',
      'llm: an OpenAI model needs OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own; "offline" needs neither.',
      { details: { paths: ['llm.apiKey'] } },
    );
  }
  return { ...own, model, apiKey, ...(baseURL !== undefined && { baseURL }) };
};

/** Says where the key comes from, never what it is. */
const keySource = (llm: PantheonConfig['llm'], env: Environment): string => {
  if (typeof llm === 'object' && 'apiKey' in llm && llm.apiKey !== undefined)
    return 'the key of the config';
  return env['OPENAI_API_KEY'] ? 'OPENAI_API_KEY is set' : 'without a key';
};

/** @throws PantheonError `option-invalid` when an OpenAI model is asked for, but neither a key nor a server is. */
export const chooseLlm = ({ llm }: PantheonConfig, env: Environment): Choice<ILlmPort> => {
  if (isPort('llm', llm)) return given(llm);
  const settings = settingsOfModel(llm, env);
  if (settings === undefined)
    return ours('llm', 'offline (quotes from what it is given)', () => makeOfflineLlm());
  const { model, baseURL, azure } = settings;
  const server =
    azure === undefined ? shown(baseURL ?? 'https://api.openai.com/v1') : 'Azure OpenAI';
  const name = `${model} of ${server}, ${azure === undefined ? keySource(llm, env) : 'with its own key'}`;
  return ours('llm', name, () => makeOpenAiLlm(settings));
};

/** What no log may show. An address with a password in it is refused by the adapter. */
export const secretsOf = ({ llm }: PantheonConfig, env: Environment): readonly string[] => {
  const settings: OpenAiSetting = typeof llm === 'object' && !isPort('llm', llm) ? llm : {};
  const secrets = [
    typeof settings.apiKey === 'string' ? settings.apiKey : undefined,
    env['OPENAI_API_KEY'],
    env['AZURE_OPENAI_API_KEY'],
    ...Object.values(settings.headers ?? {}),
  ];
  // What is shorter is no secret, and would take letters out of every line.
  return secrets.filter((secret) => secret !== undefined && secret.length >= 4) as string[];
};
