import { dereference, type OutputUnit, type Schema, Validator } from '@cfworker/json-schema';
import { errorMessage } from '@promethean/pantheon-core';
import { malformed } from './answer.ts';
import { invalid } from './require-option.ts';

/** Throws `llm-malformed` with the path of the first thing that is wrong. */
export type CheckAnswer = (path: string, value: unknown) => void;

/** Verdicts that only say that something below is wrong. */
const CONTAINERS: ReadonlySet<string> = new Set([
  '$ref',
  'additionalProperties',
  'allOf',
  'items',
  'prefixItems',
  'properties',
]);

const TYPES = new Set(['array', 'boolean', 'integer', 'null', 'number', 'object', 'string']);

/** Makes the check of answers against a JSON Schema (draft 2020-12). Nothing is fetched. Throws `option-invalid`. */
export const compileAnswerSchema = (schema: Readonly<Record<string, unknown>>): CheckAnswer => {
  const unusable = (error: unknown): Error =>
    invalid('format', `is not a JSON Schema that can be checked: ${errorMessage(error)}`);
  let validator: Validator;
  try {
    // A copy, since it writes into what it is given.
    const copy = structuredClone(schema) as Schema;
    requireUsable(copy); // An answer that cannot be checked would be paid all the same.
    validator = new Validator(copy, '2020-12');
    validator.validate({});
  } catch (error) {
    throw unusable(error);
  }
  return (path, value) => {
    let errors: readonly OutputUnit[];
    try {
      ({ errors } = validator.validate(value));
    } catch (error) {
      // A value that exhausts the stack is the model's fault, anything else the schema's.
      throw error instanceof RangeError ? malformed(path, 'is nested too deeply') : unusable(error);
    }
    const first = errors.find(({ keyword }) => !CONTAINERS.has(keyword)) ?? errors[0];
    if (first !== undefined) throw malformed(path + pathOf(first), problemOf(first));
  };
};

/** Throws for what would show only when an answer is checked: a misspelt type, a reference that leads nowhere, a pattern that is none. */
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

/** `#/items/2/name` as `.items[2].name`. */
const pathOf = ({ instanceLocation }: OutputUnit): string =>
  instanceLocation
    .split('/')
    .slice(1)
    .map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join('');

const problemOf = ({ keyword, error }: OutputUnit): string =>
  keyword === 'false' ? 'is not allowed' : `does not fit the schema: ${error.slice(0, 200)}`;
