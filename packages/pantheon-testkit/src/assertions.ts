import assert from 'node:assert/strict';
import type { ErrorCode } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';

/** Requires that the error is a `PantheonError` with the code and returns it. */
const requireCode = (
  error: unknown,
  code: ErrorCode | readonly ErrorCode[],
  what: string,
): PantheonError => {
  const codes = typeof code === 'string' ? [code] : code;
  assert.ok(PantheonError.is(error), `${what} must give a PantheonError, not ${String(error)}`);
  assert.ok(
    codes.includes(error.code),
    `${what} must give the code ${codes.join(' or ')}, not ${error.code}: ${error.message}`,
  );
  return error;
};

/** Requires that the promise rejects with a `PantheonError` of that code, within ten seconds, and resolves to it. */
export const rejectsWith = (
  promise: Promise<unknown>,
  code: ErrorCode | readonly ErrorCode[],
  what: string,
): Promise<PantheonError> =>
  within(
    promise.then(
      () => assert.fail(`${what} must reject with ${String(code)}, but it resolved`),
      (error: unknown) => requireCode(error, code, what),
    ),
    what,
  );

/** Requires that the call throws a `PantheonError` of that code. */
export const throwsWith = (call: () => unknown, code: ErrorCode, what: string): PantheonError => {
  try {
    call();
  } catch (error) {
    return requireCode(error, code, what);
  }
  return assert.fail(`${what} must throw ${code}, but it returned`);
};

/** Does something that may be forbidden, for instance a write to a frozen object. */
export const attempt = (call: () => unknown): void => {
  try {
    call();
  } catch {
    // Refused is as good as without effect; the case checks the effect.
  }
};

/** One full turn of the host. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits for the promise, ten seconds of real time at most. */
export const within = <T>(promise: Promise<T>, what: string, deadlineMs = 10_000): Promise<T> => {
  const settled = raced(promise, what, deadlineMs);
  // A case that has failed awaits no more; what it was to await must not reach the process.
  settled.catch(() => undefined);
  return settled;
};

const raced = async <T>(promise: Promise<T>, what: string, deadlineMs: number): Promise<T> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_, reject) => {
        timer = setTimeout(
          () =>
            reject(
              new assert.AssertionError({ message: `${what} took longer than ${deadlineMs} ms` }),
            ),
          deadlineMs,
        );
        // Whoever runs the case has a time limit too; that one keeps the process alive.
        timer.unref();
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
};

/** Requires that the condition comes to hold, within two seconds of real time. */
export const eventually = async (condition: () => boolean, what: string): Promise<void> => {
  const deadline = performance.now() + 2_000;
  while (!condition()) {
    assert.ok(performance.now() < deadline, what);
    await turn();
  }
};

/** What reached the process as an unhandled rejection or exception while `run` ran and one turn after it. */
export const unhandledDuring = async (run: () => Promise<void>): Promise<readonly unknown[]> => {
  const seen: unknown[] = [];
  const note = (error: unknown): void => void seen.push(error);
  const others = {
    rejection: process.listeners('unhandledRejection'),
    exception: process.listeners('uncaughtException'),
  };
  // A runner's own listeners would report what this case is about to judge itself.
  process.removeAllListeners('unhandledRejection');
  process.removeAllListeners('uncaughtException');
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
  try {
    await within(run(), 'what is watched for unhandled errors');
    await turn();
    await turn();
  } finally {
    process.off('unhandledRejection', note);
    process.off('uncaughtException', note);
    for (const listener of others.rejection) process.on('unhandledRejection', listener);
    for (const listener of others.exception) process.on('uncaughtException', listener);
  }
  return seen;
};
