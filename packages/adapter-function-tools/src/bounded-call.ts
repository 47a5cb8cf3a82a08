import type { Timers, ToolCallContext } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import type { Gate } from './gate.ts';
import { isThenable } from './thenable.ts';

/** One call, and what it is bounded by. */
export interface BoundedCall {
  readonly tool: string;
  readonly call: ToolCallContext;
  /** Milliseconds, `Infinity` for no limit. */
  readonly timeoutMs: number;
  /** Whether the tool may be called again after a timeout. */
  readonly idempotent: boolean;
  readonly timers: Timers;
  readonly gate: Gate;
  /** Runs the tool. */
  readonly run: (call: ToolCallContext) => unknown;
  /** Makes the result of what the tool returned; throws when it is none. */
  readonly finish: (value: unknown) => unknown;
  /** Makes the error of what the tool threw. */
  readonly fail: (error: unknown) => unknown;
}

/**
 * Runs a call until it settles, its time is up or its caller aborts, whichever comes first. A function that ignores its signal is
 * no longer waited for; what it gives later is dropped. Time in the queue counts.
 */
export const runBounded = (bounded: BoundedCall): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const { tool, call, timeoutMs, idempotent, timers, gate, run, finish, fail } = bounded;
    const { signal } = call;
    const controller = new AbortController();
    let open = true;
    let started = false;
    let timer: unknown;
    let leave = (): void => undefined;

    const isAborted = (): boolean => signal?.aborted === true;
    const close = (): void => {
      open = false;
      if (timer !== undefined) timers.clear(timer);
      signal?.removeEventListener('abort', onAbort);
      leave();
    };
    const onValue = (value: unknown): void => {
      if (!open) return;
      close();
      try {
        resolve(finish(value));
      } catch (error) {
        reject(error);
      }
    };
    const onError = (error: unknown): void => {
      if (!open) return;
      close();
      reject(fail(error));
    };
    const giveUp = (error: PantheonError): void => {
      if (!open) return;
      close();
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
            ? `Tool "${tool}" did not finish within ${timeoutMs} ms, so its outcome is unknown.`
            : `Tool "${tool}" did not get its turn within ${timeoutMs} ms; it did not run.`,
          { retryable: idempotent || !started, details: { tool, timeoutMs, started } },
        ),
      );
    const begin = (): void => {
      started = true;
      try {
        const value = run({ ...call, timeoutMs, signal: controller.signal });
        if (isThenable(value)) Promise.resolve(value).then(onValue, onError);
        else onValue(value);
      } catch (error) {
        onError(error);
      }
    };

    if (isAborted()) {
      onAbort();
      return;
    }
    const leaveGate = gate.enter(begin);
    // A synchronous tool is done by now and needs neither timer nor listener.
    if (!open) {
      leaveGate();
      return;
    }
    leave = leaveGate;
    if (timeoutMs !== Infinity) timer = timers.set(onTimeout, timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (isAborted()) onAbort(); // The tool itself may have led to it.
  });
