import { PantheonError } from '@promethean/pantheon-core';
import type { ErrorCode } from '@promethean/pantheon-core';

/** What servers say of an account that is out of money; waiting does not help. */
const QUOTA = /\b(insufficient_quota|billing_hard_limit_reached|billing_not_active)\b/;

const ONE_DAY_MS = 86_400_000;

/** What is known of an answer that is a status and no message. */
export interface StatusDetails {
  /** The vendor's own codes, or the text in which they are: some of them make a 429 one that does not pass. */
  readonly vendorCodes: string;
  readonly cause: unknown;
  /** Those that are undefined are left out. `retryAfterMs` is what the server asks us to wait. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What a status of HTTP means for the caller, and whether the same request may do better later. */
export const statusFailure = (
  status: number,
  message: string,
  { vendorCodes, cause, details = {} }: StatusDetails,
): PantheonError => {
  let code: ErrorCode = 'llm-failed';
  if (status === 429) code = 'llm-rate-limited';
  if (status === 401 || status === 403) code = 'llm-unauthorized';
  const passes = status === 429 && !QUOTA.test(vendorCodes);
  const known = Object.entries({ status, ...details }).filter(([, value]) => value !== undefined);
  return new PantheonError(code, message, {
    retryable: status >= 500 || status === 408 || status === 409 || passes,
    cause,
    details: Object.fromEntries(known),
  });
};

/** How long a server asks us to wait, by its headers. Undefined where it says nothing that can be believed. */
export const retryAfterMs = (
  header: (name: 'retry-after' | 'retry-after-ms') => string | null | undefined,
  now: () => number,
): number | undefined => {
  const exact = header('retry-after-ms')?.trim() ?? '';
  const after = header('retry-after')?.trim() ?? '';
  let ms = Date.parse(after) - now();
  if (isNumber(after)) ms = Number(after) * 1_000;
  if (isNumber(exact)) ms = Number(exact);
  return ms > 0 && ms <= ONE_DAY_MS ? ms : undefined;
};

const isNumber = (text: string): boolean => /^\d+(\.\d+)?$/.test(text);
