/** What the tests of several decorators need. */
import { getEventListeners } from 'node:events';
import type { ErrorCode, ILlmPort, LlmRequest, Message, Tool } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import {
  makeMemoryTools,
  type ManualTimers,
  type MemoryTools,
} from '@promethean/pantheon-core/memory';
import { expect } from 'vitest';

export const failure = (
  code: ErrorCode,
  retryable = true,
  details: Readonly<Record<string, unknown>> = {},
): PantheonError => new PantheonError(code, `A ${code}.`, { retryable, details });

export const unavailable = (details: Readonly<Record<string, unknown>> = {}): PantheonError =>
  failure('unavailable', true, details);

/** Gives or throws the next step each time, the last one again and again. */
export const stepper = <T>(
  steps: readonly (T | Error)[],
): (() => Promise<T>) & { calls: number } => {
  const next = async (): Promise<T> => {
    const step = steps[Math.min(next.calls, steps.length - 1)];
    next.calls += 1;
    if (step instanceof Error) throw step;
    return step as T;
  };
  next.calls = 0;
  return next;
};

export const answer = (content: string): Message => ({ role: 'assistant', content });

export const question = (more: Partial<LlmRequest> = {}): LlmRequest => ({
  messages: [{ role: 'user', content: 'Hello?' }],
  ...more,
});

/** A model that answers by steps, and keeps its requests. */
export const steppedLlm = (
  ...steps: readonly (string | Error)[]
): ILlmPort & { readonly requests: LlmRequest[] } => {
  const requests: LlmRequest[] = [];
  const step = stepper(steps);
  return {
    requests,
    complete: async (request) => {
      requests.push(request);
      return answer(await step());
    },
  };
};

/** A tool port with one tool that fails or answers by steps. */
export const steppedTool = (
  timers: ManualTimers,
  spec: Partial<Tool>,
  ...steps: readonly unknown[]
): { readonly tools: MemoryTools; readonly ran: () => number } => {
  const step = stepper(steps);
  const tools = makeMemoryTools({ timers });
  tools.register({ name: 'tool', invoke: step, ...spec });
  return { tools, ran: () => step.calls };
};

export const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

/** One full turn of the host. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Settles a call while the clock runs on in small steps. */
export const during = async <T>(
  timers: ManualTimers,
  call: Promise<T>,
  ms = 600_000,
): Promise<T> => {
  let settled = false;
  const done = (): void => void (settled = true);
  call.then(done, done);
  for (let passed = 0; passed < ms; passed += 1_000) {
    await turn();
    if (settled) break;
    await timers.advance(1_000);
  }
  return call;
};

export const expectCode = async (
  call: Promise<unknown>,
  code: ErrorCode,
): Promise<PantheonError> => {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code });
  return error as PantheonError;
};

export const codeOf = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return (error as PantheonError).code;
  }
  return undefined;
};
