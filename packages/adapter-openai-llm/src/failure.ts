import { retryAfterMs, statusFailure } from '@promethean/llm-calls';
import { PantheonError, errorMessage } from '@promethean/pantheon-core';

/** Translates what the vendor's client throws. Duck typing: the client may come from another copy of its package. */
export const asFailure = (thrown: unknown, now: () => number): PantheonError => {
  if (PantheonError.is(thrown)) return thrown;
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as {
    readonly status?: unknown;
    readonly code?: unknown;
    readonly type?: unknown;
    readonly requestID?: unknown;
    readonly headers?: { readonly get?: (name: string) => string | null };
  };
  const { status } = error;
  if (typeof status !== 'number') {
    // The vendor's connection errors have a status that is undefined; anything else was never sent.
    const isUnreached = 'status' in error;
    const advice = isUnreached ? '. Check baseURL, and that its server can be reached' : '';
    return new PantheonError(
      'llm-failed',
      `The request to the model failed: ${rootMessage(thrown)}${advice}`,
      { retryable: isUnreached, cause: thrown },
    );
  }
  const told = oneLine(errorMessage(thrown)).replace(/[.\s]+$/, '');
  return statusFailure(status, `The model's server refused: ${told}${adviceFor(status)}`, {
    vendorCodes: `${String(error.code)} ${String(error.type)}`,
    cause: thrown,
    details: {
      providerCode: error.code ?? undefined,
      requestId: error.requestID ?? undefined,
      retryAfterMs: retryAfterMs((name) => error.headers?.get?.(name), now),
    },
  });
};

/** The setting to look at, where the status tells. */
const adviceFor = (status: number): string => {
  if (status === 401 || status === 403) return '. Check apiKey';
  if (status === 404) return '. Check model (with Azure: the deployment) and baseURL';
  if (status >= 300 && status < 400) return '. Redirects are not followed; check baseURL';
  return '';
};

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').slice(0, 300);

/** "fetch failed" says nothing; the reason is some causes below. */
const rootMessage = (thrown: unknown): string => {
  let error = thrown;
  for (
    let depth = 0;
    depth < 5 && error instanceof Error && error.cause instanceof Error;
    depth += 1
  ) {
    error = error.cause;
  }
  const { code } = (error ?? {}) as { readonly code?: unknown };
  const text = oneLine(errorMessage(error));
  // Most messages of the host begin with their code, or have it in them.
  return typeof code === 'string' && !text.includes(code) ? `${code} ${text}` : text;
};
