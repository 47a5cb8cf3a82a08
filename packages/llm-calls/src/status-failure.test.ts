import { expect, test } from 'vitest';
import { retryAfterMs, statusFailure } from './status-failure.ts';
import { withoutUserInfo } from './user-info.ts';

test.each([
  [400, 'llm-failed', false],
  [401, 'llm-unauthorized', false],
  [403, 'llm-unauthorized', false],
  [404, 'llm-failed', false],
  [408, 'llm-failed', true],
  [409, 'llm-failed', true],
  [413, 'llm-failed', false],
  [422, 'llm-failed', false],
  [429, 'llm-rate-limited', true],
  [500, 'llm-failed', true],
  [529, 'llm-failed', true],
] as const)('status %d is %s, retryable: %s', (status, code, retryable) => {
  const details = { retryAfterMs: undefined, requestId: 'r' };
  const failure = statusFailure(status, 'no', { vendorCodes: 'slow_down', cause: 1, details });
  expect(failure).toMatchObject({ code, retryable, message: 'no', cause: 1 });
  expect(failure.details).toEqual({ status, requestId: 'r' });
});

test.each(['insufficient_quota', '{"type":"billing_not_active"}', 'x billing_hard_limit_reached'])(
  'want of money does not pass: %s',
  (vendorCodes) => {
    const failure = statusFailure(429, 'no', { vendorCodes, cause: undefined });
    expect(failure).toMatchObject({ code: 'llm-rate-limited', retryable: false });
  },
);

test.each([
  [{ 'retry-after': '2' }, 2_000],
  [{ 'retry-after': ' 0.5 ' }, 500],
  [{ 'retry-after-ms': '1500', 'retry-after': '9' }, 1_500],
  [{ 'retry-after-ms': 'soon', 'retry-after': '9' }, 9_000],
  [{ 'retry-after': new Date(1_005_000).toUTCString() }, 5_000],
  [{ 'retry-after': new Date(5_000).toUTCString() }, undefined],
  [{ 'retry-after': '-5' }, undefined],
  [{ 'retry-after': 'abc' }, undefined],
  [{ 'retry-after': '0' }, undefined],
  [{ 'retry-after': '86401' }, undefined],
  [{}, undefined],
])('%j asks to wait %s ms', (headers: Readonly<Record<string, string>>, ms) => {
  expect(
    retryAfterMs(
      (name) => headers[name],
      () => 1_000_000,
    ),
  ).toBe(ms);
});

test('users and passwords are taken out of addresses', () => {
  const text = 'GET http://me:pa55@host/v1 and https://key@host, not mail@host';
  expect(withoutUserInfo(text)).toBe(
    'GET http://[secret]@host/v1 and https://[secret]@host, not mail@host',
  );
});
