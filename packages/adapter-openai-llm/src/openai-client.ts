import { invalid } from '@promethean/llm-calls';
import type { AzureOpenAI } from 'openai';
import type { ChatCompletionCreateParams } from 'openai/resources/chat/completions';
import type { ResponseCreateParams } from 'openai/resources/responses/responses';

/** What goes with every request. */
export interface RequestOptions {
  readonly signal: AbortSignal;
  readonly maxRetries: number;
  readonly timeout: number;
}

/** A request that is under way. */
export interface Sent {
  readonly asResponse: () => Promise<Response>;
}

/** The slice of the vendor's client that this adapter calls. An instance of `OpenAI` or `AzureOpenAI` fits. */
export interface OpenAiClient {
  /** Read only to keep the key out of errors. */
  readonly apiKey?: string | null;
  readonly chat: {
    readonly completions: {
      readonly create: (body: ChatCompletionCreateParams, options: RequestOptions) => Sent;
    };
  };
  /** Needed for `api: 'responses'`. */
  readonly responses?: {
    readonly create: (body: ResponseCreateParams, options: RequestOptions) => Sent;
  };
}

/** An Azure OpenAI resource. The key, or a function that fetches Entra tokens, is `apiKey`. */
export interface AzureSettings {
  /** `https://<resource>.openai.azure.com`. Default: `AZURE_OPENAI_ENDPOINT`. Not together with `baseURL`. */
  readonly endpoint?: string | undefined;
  /** The query `api-version`. Default: `OPENAI_API_VERSION`. */
  readonly apiVersion?: string | undefined;
  /** The deployment in the path of Chat Completions. Default: the model's name. */
  readonly deployment?: string | undefined;
}

/** What a client is made from. What is left out, the vendor's client reads from the environment. */
export interface OpenAiSettings {
  /**
   * Or a function that is asked before each request, for keys that rotate. Default: `OPENAI_API_KEY`, and for Azure
   * `AZURE_OPENAI_API_KEY`.
   */
  readonly apiKey?: string | (() => Promise<string>) | undefined;
  /** With its `/v1`. Default: `OPENAI_BASE_URL`, then OpenAI's own. For Azure: made from the endpoint. */
  readonly baseURL?: string | undefined;
  /** Default: `OPENAI_ORG_ID`. */
  readonly organization?: string | undefined;
  /** Sent with every request. Their values are treated as secrets. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Speak to Azure instead. Default: no. */
  readonly azure?: AzureSettings | undefined;
}

/** A client, and what the adapter must know of its key. */
interface GuardedClient {
  /** The vendor's package takes longer to load than all of ours, and whoever never asks a model never needs it. */
  readonly load: () => Promise<OpenAiClient>;
  /** The texts that no error may show. */
  readonly secrets: () => readonly string[];
  /** Asks for the key of the moment, where it can change. */
  readonly askForKey: () => Promise<unknown>;
}

/** An explanation fits in; a flood does not. The vendor's client reads the body of an error to its end. */
const MAX_ERROR_BODY_BYTES = 65_536;

/**
 * Makes the vendor's client, without its retries, its log and its redirects. Loads it with the first request, and connects to nothing
 * before. `onNewKey` is called when a key takes the place of those before.
 */
export const makeClient = (settings: OpenAiSettings, onNewKey: () => void): GuardedClient => {
  const { organization, headers = {}, azure } = settings;
  const named = azure ? 'AZURE_OPENAI_API_KEY' : 'OPENAI_API_KEY';
  const { apiKey = process.env[named] ?? '' } = settings;
  if (apiKey === '') {
    throw invalid('apiKey', `is missing; give one or set ${named} (a local server takes any)`);
  }
  if (typeof apiKey !== 'string' && typeof apiKey !== 'function') {
    throw invalid('apiKey', 'must be a text, or a function that gives one');
  }
  // The last ones: a request that is under way may still fail with the key before.
  let keys: readonly string[] = typeof apiKey === 'string' ? [apiKey] : [];
  const askForKey = async (): Promise<string> => {
    if (typeof apiKey === 'string') return apiKey;
    const key = await apiKey();
    // Not one of several that take turns: those share a gate.
    const isNew = keys.length > 0 && !keys.includes(key);
    keys = [...new Set([key, ...keys])].slice(0, 8);
    if (isNew) onNewKey();
    return key;
  };
  const common = {
    organization,
    adminAPIKey: null,
    defaultHeaders: { ...headers },
    maxRetries: 0,
    logLevel: 'off',
    // A redirect would carry custom headers, and so secrets, to another origin.
    fetchOptions: { redirect: 'manual' },
    fetch: fetchWithBoundedErrors,
  } as const;
  const credential = typeof apiKey === 'string' ? apiKey : askForKey;
  const load = azure
    ? azureClient(azure, settings.baseURL, credential, common)
    : openAiClient(settings.baseURL, credential, common);
  let loading: Promise<OpenAiClient> | undefined;
  return {
    load: () => (loading ??= load()),
    secrets: () => [...keys, ...Object.values(headers)],
    askForKey,
  };
};

type AzureOptions = NonNullable<ConstructorParameters<typeof AzureOpenAI>[0]>;
type Credential = string | (() => Promise<string>);

/** Checks the settings now; what it gives loads the client. */
const openAiClient = (baseURL: string | undefined, apiKey: Credential, common: AzureOptions) => {
  // The vendor's client would take the one of the environment unseen.
  const address = httpUrl('baseURL', baseURL ?? (process.env['OPENAI_BASE_URL'] || undefined));
  return async (): Promise<OpenAiClient> => {
    const { OpenAI } = await import('openai');
    return new OpenAI({ ...common, apiKey, baseURL: address });
  };
};

/** Checks the settings now; what it gives loads the client. */
const azureClient = (
  azure: AzureSettings,
  baseURL: string | undefined,
  credential: Credential,
  common: AzureOptions,
) => {
  const { apiVersion = process.env['OPENAI_API_VERSION'], deployment } = azure;
  if (apiVersion === undefined || apiVersion === '') {
    throw invalid('azure.apiVersion', 'is missing; give one or set OPENAI_API_VERSION');
  }
  if (baseURL !== undefined && azure.endpoint !== undefined) {
    throw invalid('azure.endpoint', 'and baseURL say the same; leave one of them out');
  }
  const { endpoint = process.env['AZURE_OPENAI_ENDPOINT'] } = azure;
  const address =
    httpUrl('baseURL', baseURL) ??
    httpUrl('azure.endpoint', endpoint && `${endpoint.replace(/\/+$/, '')}/openai`);
  if (address === undefined) {
    throw invalid('azure.endpoint', 'is missing; give one or set AZURE_OPENAI_ENDPOINT');
  }
  return async (): Promise<OpenAiClient> => {
    const { AzureOpenAI } = await import('openai');
    return new AzureOpenAI({
      ...common,
      apiVersion,
      deployment,
      baseURL: address,
      ...(typeof credential === 'string'
        ? { apiKey: credential }
        : // Empty, so that a key in the environment is not taken beside the tokens.
          { apiKey: '', azureADTokenProvider: credential }),
    });
  };
};

/** The address as it is. Throws `option-invalid` unless it can be a server's. */
const httpUrl = (path: string, address: string | undefined): string | undefined => {
  if (address === undefined) return undefined;
  const url = URL.parse(address);
  const isHttp = url !== null && /^https?:$/.test(url.protocol);
  if (isHttp && url.username === '' && url.password === '') return address;
  throw invalid(path, 'must be an http(s) URL without user and password');
};

const fetchWithBoundedErrors = async (
  input: string | URL | Request,
  init?: RequestInit,
): Promise<Response> => {
  const response = await fetch(input, init);
  if (response.ok || response.body === null) return response;
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body) {
    parts.push(part.subarray(0, MAX_ERROR_BODY_BYTES - size));
    size += part.byteLength;
    if (size >= MAX_ERROR_BODY_BYTES) break;
  }
  return new Response(Buffer.concat(parts), response);
};
