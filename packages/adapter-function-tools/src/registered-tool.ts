import type { Tool, ToolSpec } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { validatesItself } from './define-tool.ts';
import type { Issue } from './issues.ts';
import { compileParameters, readParameters } from './json-schema.ts';
import { isResultLimit, isTimeout, RESULT_RULE, TIMEOUT_RULE } from './limits.ts';

/** A tool with a limit of its own. */
export interface FunctionTool extends Tool {
  /** UTF-8 bytes of the result at most, 256 to 1,048,576. Default: the port's. */
  readonly maxResultBytes?: number;
}

/** A tool as the port keeps it. */
export interface RegisteredTool {
  /** Frozen, so that it can be handed out again and again. */
  readonly spec: ToolSpec;
  readonly invoke: Tool['invoke'];
  readonly maxResultBytes: number | undefined;
  /** What the JSON Schema forbids about the arguments; nothing for a tool that checks them itself. */
  readonly check: (args: Readonly<Record<string, unknown>>) => readonly Issue[];
}

const MOST_NAME_BYTES = 256;
const CONTROL_OR_HALF = /[\u0000-\u001f\u007f-\u009f]|\p{Surrogate}/u;

const nothingWrong = (): readonly Issue[] => [];

/** A name from outside, fit for a message. */
export const quoted = (name: unknown): string => JSON.stringify(String(name).slice(0, 100));

const nameProblem = (name: unknown): string | undefined => {
  if (typeof name !== 'string') return 'must be a string';
  if (name === '') return 'must not be empty';
  if (name.length > MOST_NAME_BYTES || Buffer.byteLength(name) > MOST_NAME_BYTES) {
    return `must have at most ${MOST_NAME_BYTES} bytes`;
  }
  if (CONTROL_OR_HALF.test(name)) return 'must not have control characters or lone surrogates';
  return undefined;
};

const memberProblem = (tool: FunctionTool): string | undefined => {
  const {
    invoke,
    description = '',
    sideEffect = 'write',
    onUnknown = 'fail',
    approval = 'required',
    timeoutMs = 1,
    maxResultBytes,
  } = tool;
  if (typeof invoke !== 'function') return `invoke must be a function, not ${typeof invoke}`;
  if (typeof description !== 'string')
    return `description must be a string, not ${typeof description}`;
  // A misspelt class of side effects would pass for a harmless one.
  if (!['none', 'write', 'destructive'].includes(sideEffect)) {
    return `sideEffect must be "none", "write" or "destructive", not ${quoted(sideEffect)}`;
  }
  if (!['retry', 'fail'].includes(onUnknown))
    return `onUnknown must be "retry", "fail" or absent, not ${quoted(onUnknown)}`;
  if (approval !== 'required' && typeof approval !== 'function')
    return `approval must be "required", a function or absent, not ${quoted(approval)}`;
  if (!isTimeout(timeoutMs)) return `timeoutMs ${TIMEOUT_RULE}, not ${String(timeoutMs)}`;
  if (maxResultBytes !== undefined && !isResultLimit(maxResultBytes)) {
    return `maxResultBytes ${RESULT_RULE}, not ${String(maxResultBytes)}`;
  }
  return undefined;
};

const freeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(freeze);
  return Object.freeze(value);
};

const specOf = (tool: FunctionTool): ToolSpec => {
  const { name, description, parameters, sideEffect, idempotent, onUnknown, approval, timeoutMs } =
    tool;
  return freeze({
    name,
    ...(description !== undefined && { description }),
    ...(parameters !== undefined && { parameters: readParameters(name, parameters) }),
    ...(sideEffect !== undefined && { sideEffect }),
    ...(idempotent !== undefined && { idempotent }),
    ...(onUnknown !== undefined && { onUnknown }),
    ...(approval !== undefined && { approval }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
};

/** Checks and copies a tool. Throws `tool-invalid`. */
export const registeredTool = (tool: FunctionTool): RegisteredTool => {
  const { name } = tool;
  const wrongName = nameProblem(name);
  if (wrongName !== undefined) {
    throw new PantheonError('tool-invalid', `The tool name ${quoted(name)} ${wrongName}.`);
  }
  const problem = memberProblem(tool);
  if (problem !== undefined) throw new PantheonError('tool-invalid', `Tool "${name}": ${problem}.`);
  const spec = specOf(tool);
  return {
    spec,
    invoke: tool.invoke.bind(tool),
    maxResultBytes: tool.maxResultBytes,
    check:
      spec.parameters === undefined || validatesItself(tool)
        ? nothingWrong
        : compileParameters(name, spec.parameters),
  };
};
