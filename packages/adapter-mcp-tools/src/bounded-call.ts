import type { Timers, ToolCallContext } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';

/** One call, and what it is bounded by. */
export interface BoundedCall {
  readonly tool: string;
  readonly call: ToolCallContext;
  /** Milliseconds, `Infinity` for no limit. */
  readonly timeoutMs: number;
  /** Whether the tool may be called again after a timeout. */
  readonly idempotent: boolean;
  readonly timers: Timers;
  /** Does the work; says when the tool is called. */
  readonly run: (signal: AbortSignal, onStart: () => void) => Promise<unknown>;
}

/**
 * Runs a call until it settles, its time is up or its caller aborts, whichever comes first. Then its signal aborts and what it gives
 * later is dropped. No listener stays on the caller's signal, and no timer.
 */
export const runBounded = (bounded: BoundedCall): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const { tool, call, timeoutMs, idempotent, timers, run } = bounded;
    const { signal } = call;
    const controller = new AbortController();
    let started = false;
    let timer: unknown;

    const settle = (): void => {
      if (timer !== undefined) timers.clear(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const giveUp = (error: PantheonError): void => {
      settle();
      reject(error);
      controller.abort(error);
    };
    const onAbort = (): void =>
      giveUp(
        new PantheonError('tick-cancelled', `The call of tool "${tool}" was cancelled.`, {
          cause: signal?.reason,
          details: { tool, started },
        }),
      );
    const onTimeout = (): void =>
      giveUp(
        new PantheonError(
          'timeout',
          started
            ? `Tool "${tool}" did not answer within ${timeoutMs} ms, so its outcome is unknown.`
            : `The server of tool "${tool}" was not ready within ${timeoutMs} ms; the tool did not run.`,
          { retryable: idempotent || !started, details: { tool, timeoutMs, started } },
        ),
      );

    if (signal?.aborted === true) {
      onAbort();
      return;
    }
    if (timeoutMs !== Infinity) timer = timers.set(onTimeout, timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    run(controller.signal, () => {
      started = true;
    })
      .finally(settle)
      .then(resolve, reject);
  });
