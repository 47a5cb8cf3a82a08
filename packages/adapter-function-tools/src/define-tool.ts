import type { Tool, ToolCallContext, ToolSpec } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { issuesOf, issuesText } from './issues.ts';
import { parametersOf, readParameters } from './json-schema.ts';
import type { FunctionTool } from './registered-tool.ts';
import { isThenable } from './thenable.ts';
import { argumentsInvalid } from './tool-data.ts';

/** Who calls, and the signal that aborts when the call is given up. */
export interface FunctionCall extends ToolCallContext {
  readonly signal: AbortSignal;
}

/** What a tool is made from. */
export interface ToolDefinition<
  Input extends StandardSchemaV1,
  Output extends StandardSchemaV1 = StandardSchemaV1,
> extends Omit<ToolSpec, 'parameters'> {
  /** The schema of the arguments: of Zod, Valibot, ArkType or any other library that implements Standard Schema. */
  readonly input: Input;
  /** The schema of the result. Default: none; the result only has to be plain data. */
  readonly output?: Output;
  /** JSON Schema of the arguments. Default: what `input` gives by Standard JSON Schema. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** UTF-8 bytes of the result at most. Default: the port's. */
  readonly maxResultBytes?: number;
  /** Runs the tool. Its arguments are what the schema made of them: defaults filled in, values converted. */
  readonly run: (
    args: StandardSchemaV1.InferOutput<Input>,
    call: FunctionCall,
  ) => StandardSchemaV1.InferInput<Output> | Promise<StandardSchemaV1.InferInput<Output>>;
}

// Remembered here instead of on the tool, so that nobody can claim a validation that does not happen.
const validating = new WeakSet<Tool>();

/** Whether the tool was made by `defineTool`, so that its `invoke` checks the arguments itself. */
export const validatesItself = (tool: Tool): boolean => validating.has(tool);

/** Goes on with a value now, or with a promise's value later: a synchronous tool stays synchronous. */
const andThen = (value: unknown, next: (value: unknown) => unknown): unknown =>
  isThenable(value) ? Promise.resolve(value).then(next) : next(value);

const withSignal = (call: ToolCallContext): FunctionCall =>
  call.signal === undefined
    ? { ...call, signal: new AbortController().signal }
    : (call as FunctionCall);

/**
 * Makes a tool with typed arguments. Its `invoke` validates the arguments (`action-invalid` with the paths, before `run`) and, with
 * `output`, the result (`tool-result-invalid`), whatever tool port it is registered with.
 *
 * Throws `tool-invalid` when there is no JSON Schema of the arguments: the library does not implement Standard JSON Schema, or
 * cannot express the schema in it, and `parameters` is not given; or when that JSON Schema is not one of an object.
 */
export const defineTool = <
  Input extends StandardSchemaV1,
  Output extends StandardSchemaV1 = StandardSchemaV1,
>(
  definition: ToolDefinition<Input, Output>,
): FunctionTool => {
  const { input, output, run, parameters, ...spec } = definition;
  const { name } = spec;
  for (const [member, schema] of Object.entries({ input, ...(output && { output }) })) {
    if (typeof schema?.['~standard']?.validate === 'function') continue;
    throw new PantheonError(
      'tool-invalid',
      `Tool "${name}": ${member} must be a schema of Zod, Valibot, ArkType or another library that implements Standard Schema.`,
    );
  }
  if (typeof run !== 'function') {
    throw new PantheonError(
      'tool-invalid',
      `Tool "${name}": run must be a function, not ${typeof run}.`,
    );
  }

  const readResult = (value: unknown): unknown => {
    if (output === undefined) return value;
    return andThen(output['~standard'].validate(value), (outcome) => {
      const result = outcome as StandardSchemaV1.Result<unknown>;
      if (result.issues === undefined) return result.value;
      const issues = issuesOf('result', result);
      throw new PantheonError(
        'tool-result-invalid',
        `Tool "${name}" returned something else than its output schema says: ${issuesText(issues)}.`,
        { details: { tool: name, issues } },
      );
    });
  };

  const tool: FunctionTool = {
    ...spec,
    parameters:
      parameters === undefined ? parametersOf(name, input) : readParameters(name, parameters),
    invoke: (args, call) =>
      andThen(input['~standard'].validate(args), (outcome) => {
        const result = outcome as StandardSchemaV1.Result<StandardSchemaV1.InferOutput<Input>>;
        if (result.issues !== undefined) {
          throw argumentsInvalid(name, issuesOf('args', result));
        }
        return andThen(run(result.value, withSignal(call)), readResult);
      }),
  };
  validating.add(tool);
  return tool;
};
