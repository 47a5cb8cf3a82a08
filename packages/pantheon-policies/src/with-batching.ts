import type { IToolPort, Timers } from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';
import { PantheonError } from '@promethean/pantheon-core';
import { type Batcher, type BatchOptions, makeBatcher } from './batcher.ts';
import { closing } from './closing.ts';
import { type Decorated, findPort } from './ports-by-kind.ts';
import { optionInvalid, requireCount, requireDelay } from './require-option.ts';

/** Settings of `withBatching`. */
export interface BatchingOptions {
  /** By the name of the tool. */
  readonly batches: Readonly<Record<string, BatchOptions>>;
  /** Default: the process's. */
  readonly timers?: Timers;
}

/**
 * Joins calls of one tool that come at about the same time into one, for instance to embed fifty texts with one request.
 *
 * The tools are registered through the decorated port, as ever; in place of its `invoke`, a tool that `batches` names runs in batches. The
 * port still checks each call's arguments, bounds it by its own timeout and signal, and reports its own error. A batch begins when
 * it has `maxSize` calls or its first call has waited for `maxDelayMs`, and at `close`. Throws `option-invalid`, also for a tool that the
 * port has already.
 */
export const withBatching = <P extends IToolPort>(
  port: P,
  options: BatchingOptions,
): Decorated<P> => {
  const { batches, timers = hostTimers } = options;
  const { port: tools } = findPort('withBatching', port, ['tools']);
  if (typeof batches !== 'object' || batches === null) {
    throw optionInvalid('batches', 'an object', batches);
  }
  const batchers = new Map<string, Batcher>();
  const existing = new Set(tools.list?.().map(({ name }) => name));
  for (const [name, { run, maxSize = 64, maxDelayMs = 5 }] of Object.entries(batches)) {
    const path = `batches[${JSON.stringify(name)}]`;
    if (typeof run !== 'function') throw optionInvalid(`${path}.run`, 'a function', run);
    requireCount(`${path}.maxSize`, maxSize);
    requireDelay(`${path}.maxDelayMs`, maxDelayMs);
    if (existing.has(name)) {
      throw new PantheonError(
        'option-invalid',
        `${path}: the port has this tool already; register it through the decorated port.`,
        { details: { path } },
      );
    }
    batchers.set(name, makeBatcher(name, { run, maxSize, maxDelayMs }, timers));
  }

  const decorated: IToolPort = {
    register: (tool) => {
      const batcher = batchers.get(tool.name);
      tools.register(batcher === undefined ? tool : { ...tool, invoke: batcher.invoke });
    },
    invoke: tools.invoke.bind(tools),
    ...(tools.list && { list: tools.list.bind(tools) }),
    ...closing(tools, () => {
      for (const { flush } of batchers.values()) flush();
    }),
  };
  return decorated as Decorated<P>;
};
