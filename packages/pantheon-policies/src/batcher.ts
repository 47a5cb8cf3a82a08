import type { Timers, ToolCallContext } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { cancelledError } from './port-call.ts';

/** One call of a batch. */
export interface BatchedCall {
  readonly args: Readonly<Record<string, unknown>>;
  /** Who calls. Its signal aborts when this call is given up; the batch goes on for the others. */
  readonly call: ToolCallContext;
}

/** How one tool's calls are joined. */
export interface BatchOptions {
  /**
   * Runs all calls at once, and gives their results in the same order. An `Error` in a place fails that call alone; a rejection fails
   * all. `signal` aborts when every caller of the batch has given up.
   */
  readonly run: (
    calls: readonly BatchedCall[],
    batch: { readonly signal: AbortSignal },
  ) => readonly unknown[] | Promise<readonly unknown[]>;
  /** Calls of one batch at most. Default 64. */
  readonly maxSize?: number;
  /** How long the first call of a batch waits for others, in milliseconds. Default 5. */
  readonly maxDelayMs?: number;
}

/** Joins calls. */
export interface Batcher {
  readonly invoke: (
    args: Readonly<Record<string, unknown>>,
    call: ToolCallContext,
  ) => Promise<unknown>;
  /** Runs what waits. */
  readonly flush: () => void;
}

interface Waiting extends BatchedCall {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export const makeBatcher = (
  tool: string,
  { run, maxSize, maxDelayMs }: Required<BatchOptions>,
  timers: Timers,
): Batcher => {
  let waiting = new Set<Waiting>();
  let timer: unknown;

  const flush = (): void => {
    if (timer !== undefined) timers.clear(timer);
    timer = undefined;
    if (waiting.size === 0) return;
    const batch = waiting;
    waiting = new Set();
    void runBatch(batch);
  };

  const runBatch = async (batch: Set<Waiting>): Promise<void> => {
    const calls = [...batch];
    const controller = new AbortController();
    // Whoever gives up leaves the set; the last one ends the batch.
    aborts.set(batch, controller);
    try {
      const results = await run(
        calls.map(({ args, call }) => ({ args, call })),
        { signal: controller.signal },
      );
      if (!Array.isArray(results) || results.length !== calls.length) {
        throw new PantheonError(
          'tool-result-invalid',
          `The batch of the tool "${tool}" must give a list of ${calls.length} results.`,
          { details: { tool } },
        );
      }
      for (const [index, { resolve, reject }] of calls.entries()) {
        const result: unknown = results[index];
        if (result instanceof Error) reject(result);
        else resolve(result);
      }
    } catch (error) {
      for (const { reject } of calls) reject(error);
    }
  };
  const aborts = new WeakMap<Set<Waiting>, AbortController>();

  return {
    invoke: async (args, call) => {
      const { signal } = call;
      const own = { port: 'tools', method: 'invoke', name: tool } as const;
      if (signal?.aborted === true) throw cancelledError(own, signal);
      let onAbort = (): void => undefined;
      try {
        return await new Promise<unknown>((resolve, reject) => {
          const batch = waiting;
          const entry: Waiting = { args, call, resolve, reject };
          onAbort = () => {
            reject(cancelledError(own, signal));
            batch.delete(entry);
            if (batch.size > 0) return;
            if (batch === waiting) flush();
            else aborts.get(batch)?.abort(signal?.reason);
          };
          batch.add(entry);
          signal?.addEventListener('abort', onAbort, { once: true });
          if (batch.size >= maxSize) flush();
          else if (batch.size === 1) timer = timers.set(flush, maxDelayMs);
        });
      } finally {
        signal?.removeEventListener('abort', onAbort);
      }
    },
    flush,
  };
};
