import { cutOff, retryAfterMs, statusFailure, withoutUserInfo } from '@promethean/llm-calls';
import { PantheonError, errorMessage } from '@promethean/pantheon-core';
import type { ErrorCode } from '@promethean/pantheon-core';
import { APICallError } from 'ai';

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

/** Translates what a provider throws or puts into a stream. */
export const asFailure = (thrown: unknown, now: () => number): PantheonError => {
  if (PantheonError.is(thrown)) return thrown;
  const cause = copyOf(thrown);
  const told = oneLine(thrown);
  if (APICallError.isInstance(thrown)) return asRefusal(thrown, cause, now);
  const { name, data } = (thrown ?? {}) as { readonly name?: unknown; readonly data?: unknown };
  // A provider's way to say that a stream ended too early: there is no data that could be wrong.
  if (name === 'AI_InvalidResponseDataError' && data === undefined) {
    return cutOff(told, cause);
  }
  const code = CODES.get(name);
  if (code !== undefined) {
    const retryable = code === 'llm-malformed';
    return new PantheonError(code, `The provider reports: ${told}`, { retryable, cause });
  }
  // Something that is no error of the SDK: a provider's object in a stream, or a defect.
  const { status: said, statusCode = said, code: vendorCode, type } = (thrown ?? {}) as ErrorShape;
  const number = [statusCode, vendorCode].find((each) => isStatus(each));
  const isEvent = !(thrown instanceof Error);
  const status = isStatus(number) ? number : isEvent ? 500 : undefined;
  return status === undefined
    ? notAsked(told, isNetworkError(thrown), cause)
    : refused(status, told, { vendorCodes: `${String(vendorCode)} ${String(type)}`, cause });
};

/** For the reader of a stream: whatever is no report of the SDK is a connection that broke. */
export const throwCutOff = (thrown: unknown): never => {
  if (PantheonError.is(thrown) || (thrown instanceof Error && thrown.name.startsWith('AI_')))
    throw thrown;
  throw cutOff(oneLine(thrown), copyOf(thrown));
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
  if (status === undefined) return notAsked(message, error.isRetryable, cause);
  return refused(status, message, {
    vendorCodes: responseBody.slice(0, 10_000),
    cause,
    details: { retryAfterMs: retryAfterMs((name) => responseHeaders[name], now) },
  });
};

const refused = (status: number, told: string, more: Parameters<typeof statusFailure>[2]) =>
  statusFailure(status, `The provider refused: ${bare(told)}${adviceFor(status)}`, more);

const notAsked = (told: string, retryable: boolean, cause: unknown): PantheonError => {
  const advice = ". Check the provider's base URL, and that its server can be reached";
  const reason = bare(told) + (retryable ? advice : '');
  return new PantheonError('llm-failed', `The provider could not be asked: ${reason}`, {
    retryable,
    cause,
  });
};

/** The setting to look at, where the status tells. */
const adviceFor = (status: number): string => {
  if (status === 401 || status === 403) return ". Check the provider's key";
  if (status === 404) return ". Check the model's name and the provider's base URL";
  return '';
};

/** Without its full stop: an advice may follow. */
const bare = (text: string): string => text.replace(/[.\s]+$/, '');

const oneLine = (thrown: unknown): string => {
  const { message } = (thrown ?? {}) as { readonly message?: unknown };
  const text = typeof message === 'string' ? message : errorMessage(thrown);
  return withoutUserInfo(text).replaceAll(/\s+/g, ' ').slice(0, 300);
};

/** The SDK's errors hold the whole prompt and the answer's headers, which belong into no log. */
const copyOf = (thrown: unknown): unknown => {
  if (!(thrown instanceof Error)) return new Error(oneLine(thrown));
  const copy = new Error(withoutUserInfo(errorMessage(thrown)));
  copy.name = thrown.name;
  if (thrown.stack !== undefined) copy.stack = withoutUserInfo(thrown.stack);
  return copy;
};
