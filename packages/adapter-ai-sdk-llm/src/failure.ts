import { PantheonError, errorMessage } from '@promethean/pantheon-core';
import type { ErrorCode } from '@promethean/pantheon-core';
import { APICallError } from 'ai';

/** What providers say of an account that is out of money; waiting does not help. */
const QUOTA = /insufficient_quota|billing_hard_limit_reached|billing_not_active/;
const ONE_DAY_MS = 86_400_000;

/** What the AI SDK's own errors mean, by their names. */
const CODES: ReadonlyMap<unknown, ErrorCode> = new Map([
  ['AI_LoadAPIKeyError', 'llm-unauthorized'],
  ['AI_UnsupportedFunctionalityError', 'capability-missing'],
  ['AI_InvalidPromptError', 'option-invalid'],
  ['AI_InvalidArgumentError', 'option-invalid'],
  ['AI_JSONParseError', 'llm-malformed'],
  ['AI_TypeValidationError', 'llm-malformed'],
  ['AI_InvalidResponseDataError', 'llm-malformed'],
  ['AI_EmptyResponseBodyError', 'llm-malformed'],
  ['AI_NoContentGeneratedError', 'llm-malformed'],
]);

/** An answer that is not what it must be, with the path of what is wrong. */
export const malformed = (
  path: string,
  what: string,
  code: ErrorCode = 'llm-malformed',
): PantheonError =>
  new PantheonError(code, `The model's answer cannot be used: ${path} ${what}`, {
    retryable: code === 'llm-malformed',
    details: { path },
  });

/** Translates what a provider throws or puts into a stream. */
export const asFailure = (thrown: unknown, now: () => number): PantheonError => {
  if (PantheonError.is(thrown)) return thrown;
  const cause = copyOf(thrown);
  const told = oneLine(thrown);
  if (APICallError.isInstance(thrown)) return asRefusal(thrown, cause, now);
  const { name, data } = (thrown ?? {}) as { readonly name?: unknown; readonly data?: unknown };
  // A provider's way to say that a stream ended too early: there is no data that could be wrong.
  if (name === 'AI_InvalidResponseDataError' && data === undefined) {
    return new PantheonError('llm-truncated', `The model's answer was cut off: ${told}`, {
      retryable: true,
      cause,
    });
  }
  const code = CODES.get(name);
  if (code !== undefined) {
    const retryable = code === 'llm-malformed';
    return new PantheonError(code, `The provider reports: ${told}`, { retryable, cause });
  }
  // Something that is no error of the SDK: a provider's object in a stream, or a defect.
  const { status, statusCode = status, code: vendorCode, type } = (thrown ?? {}) as ErrorShape;
  const number = [statusCode, vendorCode].find((each) => isStatus(each));
  const isEvent = !(thrown instanceof Error);
  const retryable = isEvent || isNetworkError(thrown);
  return statusFailure({
    status: isStatus(number) ? number : isEvent ? 500 : undefined,
    message: told,
    quota: QUOTA.test(`${String(vendorCode)} ${String(type)}`),
    retryAfterMs: undefined,
    retryable,
    cause,
  });
};

/** For the reader of a stream: whatever is no report of the SDK is a connection that broke. */
export const throwCutOff = (thrown: unknown): never => {
  if (PantheonError.is(thrown) || (thrown instanceof Error && thrown.name.startsWith('AI_')))
    throw thrown;
  throw new PantheonError('llm-truncated', `The model's answer was cut off: ${oneLine(thrown)}`, {
    retryable: true,
    cause: copyOf(thrown),
  });
};

/** Providers that do not translate their errors: the reason is some causes below. */
const isNetworkError = (thrown: unknown): boolean => {
  let error = thrown as { readonly code?: unknown; readonly cause?: unknown } | undefined;
  for (let depth = 0; depth < 5 && error instanceof Error; depth += 1) {
    const { code, message, cause } = error as Error & { readonly code?: unknown };
    if (/^(E[A-Z]{3,}|EAI_AGAIN|UND_ERR_\w+)$/.test(String(code)) || message === 'fetch failed')
      return true;
    error = cause as typeof error;
  }
  return false;
};

interface ErrorShape {
  readonly status?: unknown;
  readonly statusCode?: unknown;
  readonly code?: unknown;
  readonly type?: unknown;
}

const isStatus = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 400 && (value as number) < 600;

const asRefusal = (error: APICallError, cause: unknown, now: () => number): PantheonError => {
  const { statusCode: status, responseHeaders = {}, responseBody = '' } = error;
  const message = oneLine(error);
  if (status !== undefined && status >= 200 && status < 300) {
    // The answer came and was no answer, or broke off while it was read.
    const within = error.cause as { readonly name?: unknown } | undefined;
    const code = CODES.get(within?.name) ?? 'llm-truncated';
    return new PantheonError(code, `The model's answer cannot be used: ${message}`, {
      retryable: true,
      cause,
    });
  }
  return statusFailure({
    status,
    message,
    quota: QUOTA.test(responseBody.slice(0, 10_000)),
    retryAfterMs: retryAfterMs(responseHeaders, now),
    retryable: error.isRetryable,
    cause,
  });
};

const statusFailure = (told: {
  readonly status: number | undefined;
  readonly message: string;
  readonly quota: boolean;
  readonly retryAfterMs: number | undefined;
  /** Where the status does not decide it. */
  readonly retryable: boolean;
  readonly cause: unknown;
}): PantheonError => {
  const { status, quota, cause, message } = told;
  let code: ErrorCode = 'llm-failed';
  if (status === 429) code = 'llm-rate-limited';
  if (status === 401 || status === 403) code = 'llm-unauthorized';
  const retryable =
    status === undefined
      ? told.retryable
      : status >= 500 || status === 408 || status === 409 || (status === 429 && !quota);
  const how = status === undefined ? 'could not be asked' : 'refused';
  const reason = message.replace(/[.\s]+$/, '') + adviceFor(status, retryable);
  return new PantheonError(code, `The provider ${how}: ${reason}`, {
    retryable,
    cause,
    details: {
      ...(status !== undefined && { status }),
      ...(told.retryAfterMs !== undefined && { retryAfterMs: told.retryAfterMs }),
    },
  });
};

/** The setting to look at, where the failure tells. */
const adviceFor = (status: number | undefined, retryable: boolean): string => {
  if (status === 401 || status === 403) return ". Check the provider's key";
  if (status === 404) return ". Check the model's name and the provider's base URL";
  if (status !== undefined || !retryable) return '';
  return ". Check the provider's base URL, and that its server can be reached";
};

/** How long the provider asks us to wait. Undefined where it says nothing that can be believed. */
const retryAfterMs = (
  headers: Readonly<Record<string, string>>,
  now: () => number,
): number | undefined => {
  const exact = headers['retry-after-ms']?.trim() ?? '';
  const after = headers['retry-after']?.trim() ?? '';
  const isNumber = (text: string): boolean => /^\d+(\.\d+)?$/.test(text);
  const ms = isNumber(exact)
    ? Number(exact)
    : isNumber(after)
      ? Number(after) * 1_000
      : Date.parse(after) - now();
  return ms > 0 && ms <= ONE_DAY_MS ? ms : undefined;
};

/** Whether the same request may do better: nothing was wrong with it, and no answer came. */
export const isRepeatable = ({ code, retryable }: PantheonError): boolean =>
  retryable && ['llm-failed', 'llm-rate-limited', 'llm-truncated'].includes(code);

/**
 * Milliseconds before repetition `attempt` (from 0): what the provider asked for and up to a fifth more, else anything up to
 * 1, 2, 4 ... 30 seconds.
 */
export const waitMs = (
  { details }: PantheonError,
  attempt: number,
  random: () => number,
): number => {
  const told = details['retryAfterMs'];
  if (typeof told === 'number') return told * (1 + random() / 5);
  return Math.min(30_000, 1_000 * 2 ** attempt) * random();
};

const oneLine = (thrown: unknown): string => {
  const { message } = (thrown ?? {}) as { readonly message?: unknown };
  const text = typeof message === 'string' ? message : errorMessage(thrown);
  return withoutUserInfo(text).replaceAll(/\s+/g, ' ').slice(0, 300);
};

/** An address in a message may have a user and a password in it. */
const withoutUserInfo = (text: string): string =>
  text.replaceAll(/:\/\/[^\s/?#@]{1,512}@/g, '://[secret]@');

/** The SDK's errors hold the whole prompt and the answer's headers, which belong into no log. */
const copyOf = (thrown: unknown): unknown => {
  if (!(thrown instanceof Error)) return new Error(oneLine(thrown));
  const copy = new Error(withoutUserInfo(errorMessage(thrown)));
  copy.name = thrown.name;
  if (thrown.stack !== undefined) copy.stack = withoutUserInfo(thrown.stack);
  return copy;
};
