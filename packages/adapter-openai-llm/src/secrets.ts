import { withoutUserInfo } from '@promethean/llm-calls';
import { PantheonError } from '@promethean/pantheon-core';

/** Shorter texts are no keys, and would tear holes into messages. */
const MIN_SECRET_LENGTH = 8;

/**
 * The error without the secrets, in its message, its details and its cause. The cause becomes
 * a plain copy: the vendor's errors hold headers and whole bodies.
 */
export const withoutSecrets = (error: PantheonError, secrets: readonly string[]): PantheonError => {
  const forms = secrets
    .filter((secret) => secret.length >= MIN_SECRET_LENGTH)
    .flatMap((secret) => [secret, encodeURIComponent(secret)]);
  // A client of the caller's may have a password in its address.
  const scrub = (text: string): string =>
    forms.reduce((left, form) => left.replaceAll(form, '[secret]'), withoutUserInfo(text));
  const details = Object.entries(error.details).map(([key, value]) => [
    key,
    typeof value === 'string' ? scrub(value) : value,
  ]);
  let { cause } = error;
  // The reason of an abort is the caller's own; everything else is the vendor's.
  if (cause instanceof Error && error.code !== 'tick-cancelled') {
    const copy = new Error(scrub(cause.message));
    copy.stack = scrub(cause.stack ?? '');
    cause = copy;
  }
  return new PantheonError(error.code, scrub(error.message), {
    retryable: error.retryable,
    cause,
    details: Object.fromEntries(details) as Record<string, unknown>,
  });
};
