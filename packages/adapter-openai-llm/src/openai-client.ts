import { OpenAI } from 'openai';
import type { ChatCompletionCreateParams } from 'openai/resources/chat/completions';
import { invalid } from './require-option.ts';

/** The slice of the vendor's client that this adapter calls. An instance of `OpenAI` or `AzureOpenAI` fits. */
export interface OpenAiClient {
  /** Read only to keep the key out of errors. */
  readonly apiKey?: string | null;
  readonly chat: {
    readonly completions: {
      readonly create: (
        body: ChatCompletionCreateParams,
        options: {
          readonly signal: AbortSignal;
          readonly maxRetries: number;
          readonly timeout: number;
        },
      ) => { readonly asResponse: () => Promise<Response> };
    };
  };
}

/** What a client is made from. What is left out, the vendor's client reads from the environment. */
export interface OpenAiSettings {
  /** Or a function that is asked before each request, for keys that rotate. Default: `OPENAI_API_KEY`. */
  readonly apiKey?: string | (() => Promise<string>) | undefined;
  /** With its `/v1`. Default: `OPENAI_BASE_URL`, then OpenAI's own. */
  readonly baseURL?: string | undefined;
  /** Default: `OPENAI_ORG_ID`. */
  readonly organization?: string | undefined;
  /** Sent with every request. Their values are treated as secrets. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A client, and the texts that no error may show. */
interface GuardedClient {
  readonly client: OpenAiClient;
  readonly secrets: () => readonly string[];
}

/** An explanation fits in; a flood does not. The vendor's client reads the body of an error to its end. */
const MAX_ERROR_BODY_BYTES = 65_536;

/** Makes the vendor's client, without its retries, its log and its redirects. Connects to nothing. */
export const makeClient = (settings: OpenAiSettings): GuardedClient => {
  const { apiKey, baseURL, organization, headers = {} } = settings;
  requireBaseUrl(baseURL);
  if ((apiKey ?? process.env['OPENAI_API_KEY'] ?? '') === '') {
    throw invalid(
      'apiKey',
      'is missing; give one or set OPENAI_API_KEY (a local server takes any)',
    );
  }
  // The last ones: a request that is under way may still fail with the key before.
  let keys: readonly string[] = [];
  const askForKey = async (ask: () => Promise<string>): Promise<string> => {
    const key = await ask();
    keys = [...new Set([key, ...keys])].slice(0, 8);
    return key;
  };
  const client = new OpenAI({
    apiKey: typeof apiKey === 'function' ? () => askForKey(apiKey) : apiKey,
    adminAPIKey: null,
    baseURL,
    organization,
    defaultHeaders: { ...headers },
    maxRetries: 0,
    logLevel: 'off',
    // A redirect would carry custom headers, and so secrets, to another origin.
    fetchOptions: { redirect: 'manual' },
    fetch: fetchWithBoundedErrors,
  });
  return {
    client,
    secrets: () =>
      [client.apiKey, ...keys, ...Object.values(headers)].filter((text) => text != null),
  };
};

const requireBaseUrl = (baseURL: string | undefined): void => {
  if (baseURL === undefined) return;
  const url = URL.parse(baseURL);
  if (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.username === '' &&
    url.password === ''
  ) {
    return;
  }
  throw invalid('baseURL', 'must be an http(s) URL without user and password');
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
