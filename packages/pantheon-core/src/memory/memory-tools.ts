import { errorMessage, PantheonError } from '../core/errors.ts';
import type { IToolPort, Timers, Tool, ToolCallContext } from '../core/ports.ts';
import type { ToolSpec } from '../core/types.ts';
import { bounded, isAborted, requireTimeout } from './bounded.ts';
import { hostTimers } from '../adapter/host-timers.ts';
import type { HostSignal } from './host.ts';
import { frozenCopy } from './frozen-copy.ts';
import { findViolation } from './schema.ts';
import { nameProblem } from '../core/text.ts';
import { isThenable } from '../core/thenable.ts';
import { ToolCall } from './tool-call.ts';

/** Settings of `makeMemoryTools`. */
export interface MemoryToolsOptions {
  /** Default: the process's monotonic clock and timers. */
  readonly timers?: Timers | undefined;
  /** For a call without `timeoutMs` to a tool without one, in milliseconds; `Infinity` for no limit. Default 60,000. */
  readonly defaultTimeoutMs?: number | undefined;
}

/** Tools in this process. `close` waits for the calls that run; their timeouts bound it. */
export interface MemoryTools extends IToolPort {
  readonly list: () => readonly ToolSpec[];
  readonly close: () => Promise<void>;
}

/** A registered tool: a description that nobody can change, and the function. */
interface Registered {
  readonly spec: ToolSpec;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly invoke: Tool['invoke'];
}

/**
 * Runs functions of this process as tools. Arguments are checked against the part of JSON Schema that `type`, `enum`, `required`,
 * `properties`, `additionalProperties: false` and `items` make up; other keywords are not checked.
 *
 * A tool that returns no promise can be neither timed out nor aborted while it runs.
 */
export const makeMemoryTools = (options: MemoryToolsOptions = {}): MemoryTools => {
  const { timers = hostTimers, defaultTimeoutMs = 60_000 } = options;
  requireTimeout(defaultTimeoutMs, 'defaultTimeoutMs');

  const tools = new Map<string, Registered>();
  const specs: ToolSpec[] = [];
  const open = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  const register = (tool: Tool): void => {
    if (closing !== undefined) throw closedError();
    const problem = nameProblem(tool.name);
    if (problem !== undefined) throw new PantheonError('tool-invalid', `A tool's name ${problem}.`);
    if (typeof tool.invoke !== 'function')
      throw new PantheonError('tool-invalid', `The tool "${tool.name}" has no function invoke.`);
    if (tool.timeoutMs !== undefined)
      requireTimeout(tool.timeoutMs, `timeoutMs of the tool "${tool.name}"`);
    if (tools.has(tool.name)) {
      throw new PantheonError(
        'tool-duplicate',
        `There is a tool "${tool.name}" already; give this one another name.`,
      );
    }
    const spec = specOf(tool);
    specs.push(spec);
    tools.set(tool.name, {
      spec,
      schema: { ...spec.parameters, type: 'object' },
      invoke: tool.invoke.bind(tool),
    });
  };

  const start = (
    name: string,
    args: Readonly<Record<string, unknown>>,
    call: ToolCallContext,
  ): unknown => {
    if (closing !== undefined) throw closedError();
    const tool = tools.get(name);
    if (tool === undefined)
      throw new PantheonError('tool-unknown', `There is no tool "${String(name)}".`, {
        details: { name },
      });
    const { spec } = tool;
    const timeoutMs = call.timeoutMs ?? spec.timeoutMs ?? defaultTimeoutMs;
    if (call.timeoutMs !== undefined) requireTimeout(timeoutMs, 'timeoutMs');
    const violation = findViolation(tool.schema, args, 'args');
    if (violation !== undefined) {
      const { path, problem } = violation;
      throw new PantheonError('action-invalid', `Tool "${name}": ${path} ${problem}.`, {
        details: { tool: name, path },
      });
    }
    if (isAborted(call)) throw cancelledError(spec);

    const context = new ToolCall(call, timeoutMs);
    let result: unknown;
    try {
      result = tool.invoke(args, context as ToolCallContext);
    } catch (error) {
      throw failureOf(spec, error);
    }
    if (!isThenable(result)) return result;
    const pending = bounded(
      Promise.resolve(result).catch((error: unknown) => Promise.reject(failureOf(spec, error))),
      {
        timers,
        timeoutMs,
        signal: call.signal as HostSignal | undefined,
        timeoutError: () => timeoutError(spec, timeoutMs),
        abortError: () => cancelledError(spec),
        onGiveUp: (error) => ToolCall.giveUp(context, error),
      },
    );
    open.add(pending);
    const done = (): void => void open.delete(pending);
    pending.then(done, done);
    return pending;
  };

  return {
    register,
    invoke: (name, args, call = NO_CALL) => {
      try {
        return Promise.resolve(start(name, args, call));
      } catch (error) {
        return Promise.reject(error);
      }
    },
    list: () => {
      if (closing !== undefined) throw closedError();
      return [...specs];
    },
    close: () => {
      closing ??= Promise.allSettled(open).then(() => undefined);
      return closing;
    },
  };
};

const NO_CALL: ToolCallContext = {};

const closedError = (): PantheonError => new PantheonError('closed', 'The tool port is closed.');

const cancelledError = (spec: ToolSpec): PantheonError =>
  new PantheonError('tick-cancelled', `The call of the tool "${spec.name}" was cancelled.`);

const timeoutError = (spec: ToolSpec, timeoutMs: number): PantheonError =>
  new PantheonError('timeout', `The tool "${spec.name}" did not end within ${timeoutMs} ms.`, {
    retryable: spec.idempotent === true,
    details: { tool: spec.name, timeoutMs },
  });

const failureOf = (spec: ToolSpec, error: unknown): PantheonError =>
  PantheonError.is(error)
    ? error
    : new PantheonError('tool-failed', `The tool "${spec.name}" failed: ${errorMessage(error)}`, {
        cause: error,
        details: { tool: spec.name },
      });

/** The description alone, copied and frozen. */
const specOf = (tool: Tool): ToolSpec => {
  const { invoke: _, approval, ...described } = tool;
  const isFunction = typeof approval === 'function';
  const plain = isFunction || approval === undefined ? described : { ...described, approval };
  const spec = frozenCopy(plain, 'tool-invalid', `The description of the tool "${tool.name}"`);
  return isFunction ? Object.freeze({ ...spec, approval }) : spec;
};
