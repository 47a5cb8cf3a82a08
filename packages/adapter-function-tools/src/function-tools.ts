import type { IToolPort, Timers, ToolCallContext, ToolSpec } from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';
import { errorMessage, PantheonError } from '@promethean/pantheon-core';
import { runBounded } from './bounded-call.ts';
import { makeGate } from './gate.ts';
import { isResultLimit, isTimeout, RESULT_RULE, TIMEOUT_RULE } from './limits.ts';
import {
  type FunctionTool,
  quoted,
  type RegisteredTool,
  registeredTool,
} from './registered-tool.ts';
import { argumentsInvalid, readArguments, readResult } from './tool-data.ts';

/** How the port is set up. */
export interface FunctionToolsOptions {
  /** Registered in this order. Default: none. */
  readonly tools?: readonly FunctionTool[];
  /** Names that can be listed and invoked, exact or with a trailing `*`. Default: all that are registered. */
  readonly allow?: readonly string[];
  /** Milliseconds for a call where neither the caller nor the tool says otherwise; `Infinity` for no limit. Default 60,000. */
  readonly defaultTimeoutMs?: number;
  /** UTF-8 bytes of a result at most, 256 to 1,048,576. Default 65,536. */
  readonly maxResultBytes?: number;
  /** Calls that run at the same time; further ones wait. Default `Infinity`, so that no call waits for another. */
  readonly maxConcurrent?: number;
  /** Default: the process's own. */
  readonly timers?: Timers;
}

/** The port with all its capabilities. */
export interface FunctionTools extends IToolPort {
  readonly register: (tool: FunctionTool) => void;
  readonly list: () => readonly ToolSpec[];
  readonly close: () => Promise<void>;
}

const optionInvalid = (name: string, rule: string, value: unknown): PantheonError =>
  new PantheonError('option-invalid', `${name} ${rule}, not ${String(value)}.`);

const isNamed = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name,
  );

const failureOf = (tool: string, error: unknown): PantheonError =>
  PantheonError.is(error)
    ? error
    : new PantheonError('tool-failed', `Tool "${tool}" failed: ${errorMessage(error)}`, {
        cause: error,
        details: { tool },
      });

/**
 * A tool port whose tools are functions of this process.
 *
 * Arguments are copied and checked for size, depth and dangerous keys before a schema or a tool sees them; results must be plain
 * data within `maxResultBytes`: a longer string is cut and says so, a larger object is refused. A call ends at its timeout even
 * when the function ignores its signal; the function itself cannot be stopped, only its result is dropped.
 *
 * Throws `option-invalid`, and for `tools` what `register` throws.
 */
export const makeFunctionTools = (options: FunctionToolsOptions = {}): FunctionTools => {
  const {
    tools = [],
    allow = ['*'],
    defaultTimeoutMs = 60_000,
    maxResultBytes = 65_536,
    maxConcurrent = Infinity,
    timers = hostTimers,
  } = options;
  if (!Array.isArray(allow)) throw optionInvalid('allow', 'must be a list of names', allow);
  if (!isTimeout(defaultTimeoutMs)) {
    throw optionInvalid('defaultTimeoutMs', TIMEOUT_RULE, defaultTimeoutMs);
  }
  if (!isResultLimit(maxResultBytes)) {
    throw optionInvalid('maxResultBytes', RESULT_RULE, maxResultBytes);
  }
  if (maxConcurrent !== Infinity && !(Number.isInteger(maxConcurrent) && maxConcurrent > 0)) {
    throw optionInvalid('maxConcurrent', 'must be a positive integer or Infinity', maxConcurrent);
  }

  const registry = new Map<string, RegisteredTool>();
  const running = new Set<Promise<unknown>>();
  const gate = makeGate(maxConcurrent);
  let closing: Promise<void> | undefined;

  const requireOpen = (): void => {
    if (closing !== undefined) throw new PantheonError('closed', 'The tool port is closed.');
  };

  const allowed = (): ToolSpec[] =>
    Array.from(registry.values(), ({ spec }) => spec).filter(({ name }) => isNamed(allow, name));

  const register = (tool: FunctionTool): void => {
    requireOpen();
    if (registry.has(tool.name)) {
      throw new PantheonError(
        'tool-duplicate',
        `There is a tool ${quoted(tool.name)} already; give this one another name.`,
      );
    }
    const registered = registeredTool(tool);
    registry.set(registered.spec.name, registered);
  };

  const find = (name: string): RegisteredTool => {
    const found = registry.get(name);
    if (found === undefined) {
      const known = allowed().slice(0, 20);
      throw new PantheonError(
        'tool-unknown',
        `There is no tool ${quoted(name)}. Known: ${known.map((spec) => quoted(spec.name)).join(', ') || 'none'}.`,
      );
    }
    if (!isNamed(allow, name)) {
      throw new PantheonError(
        'permission-denied',
        `Tool ${quoted(name)} is not among those that this port allows.`,
        { details: { tool: name } },
      );
    }
    return found;
  };

  const invoke = async (
    name: string,
    args: Readonly<Record<string, unknown>>,
    call: ToolCallContext = {},
  ): Promise<unknown> => {
    requireOpen();
    const tool = find(name);
    const timeoutMs = call.timeoutMs ?? tool.spec.timeoutMs ?? defaultTimeoutMs;
    if (!isTimeout(timeoutMs)) throw optionInvalid('timeoutMs', TIMEOUT_RULE, timeoutMs);
    const copied = readArguments(name, args);
    const issues = tool.check(copied);
    if (issues.length > 0) throw argumentsInvalid(name, issues);
    const result = runBounded({
      tool: name,
      call,
      timeoutMs,
      idempotent: tool.spec.idempotent === true,
      timers,
      gate,
      run: (context) => tool.invoke(copied, context),
      finish: (value) => readResult(name, value, tool.maxResultBytes ?? maxResultBytes),
      fail: (error) => failureOf(name, error),
    });
    running.add(result);
    try {
      return await result;
    } finally {
      running.delete(result);
    }
  };

  for (const tool of tools) register(tool);

  return {
    register,
    invoke,
    list: () => {
      requireOpen();
      return allowed();
    },
    close: () => {
      closing ??= Promise.allSettled(running).then(() => undefined);
      return closing;
    },
  };
};
