import { PantheonError, errorMessage } from '@promethean/pantheon-core';
import type { ErrorCode } from '@promethean/pantheon-core';

/** What the server says of an account that is out of money; waiting does not help. */
const QUOTA_CODES: ReadonlySet<unknown> = new Set([
  'insufficient_quota',
  'billing_hard_limit_reached',
  'billing_not_active',
]);

const ONE_DAY_MS = 86_400_000;

/** How long the server asks us to wait. Undefined where it says nothing that can be believed. */
const retryAfterMs = (
  header: (name: string) => string | null,
  now: () => number,
): number | undefined => {
  const inMs = header('retry-after-ms') ?? '';
  const after = header('retry-after')?.trim() ?? '';
  let ms = Number.NaN;
  if (/^\d+(\.\d+)?$/.test(inMs.trim())) ms = Number(inMs);
  else if (/^\d+(\.\d+)?$/.test(after)) ms = Number(after) * 1_000;
  else ms = Date.parse(after) - now();
  return ms > 0 && ms <= ONE_DAY_MS ? ms : undefined;
};

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
  const quota = status === 429 && (QUOTA_CODES.has(error.code) || QUOTA_CODES.has(error.type));
  let code: ErrorCode = 'llm-failed';
  if (status === 429) code = 'llm-rate-limited';
  if (status === 401 || status === 403) code = 'llm-unauthorized';
  const details = {
    status,
    providerCode: error.code ?? undefined,
    requestId: error.requestID ?? undefined,
    retryAfterMs: retryAfterMs((name) => error.headers?.get?.(name) ?? null, now),
  };
  const told = oneLine(errorMessage(thrown)).replace(/[.\s]+$/, '');
  return new PantheonError(code, `The model's server refused: ${told}${adviceFor(status)}`, {
    retryable: status >= 500 || status === 408 || status === 409 || (status === 429 && !quota),
    cause: thrown,
    details: Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined)),
  });
};

/** The setting to look at, where the status tells. */
const adviceFor = (status: number): string => {
  if (status === 401 || status === 403) return '. Check apiKey';
  if (status === 404) return '. Check model (with Azure: the deployment) and baseURL';
  if (status >= 300 && status < 400) return '. Redirects are not followed; check baseURL';
  return '';
};

/** Whether sending the same request again is worth it: nothing was wrong with the request, and no answer came. */
export const isRepeatable = ({ code, retryable }: PantheonError): boolean =>
  retryable && (code === 'llm-failed' || code === 'llm-rate-limited' || code === 'llm-truncated');

/**
 * Milliseconds before repetition `attempt` (from 0): at least what the server asked for and up to a fifth more, else anything up to
 * 1, 2, 4 ... 30 seconds.
 */
export const delayMs = (failure: PantheonError, attempt: number, random: () => number): number => {
  const told = failure.details['retryAfterMs'];
  return typeof told === 'number'
    ? told * (1 + 0.2 * random())
    : Math.min(30_000, 1_000 * 2 ** attempt) * random();
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
