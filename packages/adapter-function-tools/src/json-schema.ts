import { dereference, type OutputUnit, type Schema, Validator } from '@cfworker/json-schema';
import { errorMessage, PantheonError } from '@promethean/pantheon-core';
import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec';
import type { Issue } from './issues.ts';
import { pathText } from './path.ts';
import { copyPlainData } from './plain-data.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

const invalid = (tool: string, problem: string, cause?: unknown): PantheonError =>
  new PantheonError('tool-invalid', `The parameters of tool "${tool}" ${problem}.`, {
    cause,
    details: { tool },
  });

/** A JSON Schema as the port keeps it: a copy, plain, and of an object. Throws `tool-invalid` otherwise. */
export const readParameters = (tool: string, parameters: JsonSchema): JsonSchema => {
  const copied = copyPlainData(parameters, {
    root: 'parameters',
    maxDepth: 64,
    maxNodes: 10_000,
    maxBytes: 262_144,
    forbiddenKeys: new Set(),
    wellFormed: false,
    refuse: (_, path, problem) => invalid(tool, `are not a JSON Schema: ${path} ${problem}`),
  }) as JsonSchema;
  if (copied['type'] !== 'object') {
    throw invalid(tool, 'must be a JSON Schema with type "object", because arguments have names');
  }
  return copied;
};

/** The JSON Schema of what a Standard Schema accepts. Throws `tool-invalid` when the schema cannot tell. */
export const parametersOf = (tool: string, input: StandardSchemaV1): JsonSchema => {
  const { jsonSchema } = input['~standard'] as Partial<StandardJSONSchemaV1['~standard']>;
  if (jsonSchema === undefined) {
    throw invalid(
      tool,
      `are missing: the schema of ${input['~standard'].vendor} does not offer Standard JSON Schema, so give "parameters" as well`,
    );
  }
  let converted: JsonSchema;
  try {
    converted = jsonSchema.input({ target: 'draft-2020-12' });
  } catch (error) {
    throw invalid(
      tool,
      `cannot be derived from the schema (${errorMessage(error)}); give "parameters" as well`,
      error,
    );
  }
  // The dialect is known, and every model would be charged for the line.
  const { $schema: _, ...parameters } = converted;
  return readParameters(tool, parameters);
};

const segmentsOf = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'));

// The verdicts of these keywords only say that something below them is wrong.
const CONTAINERS = new Set([
  '$ref',
  'additionalProperties',
  'allOf',
  'items',
  'prefixItems',
  'properties',
]);

const issueOf = ({ keyword, instanceLocation, error }: OutputUnit): Issue => {
  const segments = segmentsOf(instanceLocation);
  // The missing name is told in the text only.
  const missing = keyword === 'required' ? /property "(.*)"\.$/s.exec(error)?.[1] : undefined;
  if (missing !== undefined)
    return { path: pathText('args', [...segments, missing]), message: 'is missing' };
  return {
    path: pathText('args', segments),
    message: keyword === 'false' ? 'is not allowed' : error.slice(0, 200).replace(/\.$/, ''),
  };
};

const TYPES = new Set(['array', 'boolean', 'integer', 'null', 'number', 'object', 'string']);

/** Throws for what would show only when arguments are checked: a misspelt type, a reference that leads nowhere, a pattern that is none. */
const requireUsable = (schema: Schema): void => {
  const parts = dereference(schema);
  for (const part of Object.values(parts)) {
    if (typeof part !== 'object') continue;
    const {
      type = [],
      $ref,
      __absolute_ref__: target,
      pattern = '',
      patternProperties = {},
    } = part;
    const misspelt = [type].flat().find((each) => !TYPES.has(each));
    if (misspelt !== undefined) throw new Error(`there is no type ${JSON.stringify(misspelt)}`);
    if (target !== undefined && !(target in parts)) throw new Error(`$ref "${$ref}" leads nowhere`);
    for (const each of [pattern, ...Object.keys(patternProperties)]) new RegExp(each, 'u');
  }
};

/** Checks arguments against a JSON Schema; the returned function gives what is wrong with them. No reference is ever fetched. */
export const compileParameters = (
  tool: string,
  parameters: JsonSchema,
): ((args: Readonly<Record<string, unknown>>) => readonly Issue[]) => {
  let validator: Validator; // It writes into the schema that it is given.
  try {
    const copy = structuredClone(parameters) as Schema;
    requireUsable(copy);
    validator = new Validator(copy, '2020-12');
  } catch (error) {
    throw invalid(tool, `are not a JSON Schema: ${errorMessage(error)}`, error);
  }
  return (args) => {
    try {
      const { valid, errors } = validator.validate(args);
      if (valid) return [];
      const leaves = errors.filter(({ keyword }) => !CONTAINERS.has(keyword));
      return (leaves.length > 0 ? leaves : errors).slice(0, 5).map(issueOf);
    } catch (error) {
      // A schema that refers to itself without end shows only when it is used.
      throw invalid(tool, `cannot be checked: ${errorMessage(error)}`, error);
    }
  };
};
