import { dereference, type OutputUnit, type Schema, Validator } from '@cfworker/json-schema';
import { errorMessage } from '@promethean/pantheon-core';
import { malformed } from './failure.ts';
import { invalid } from './require-option.ts';

/** Throws `llm-malformed` with the path of the first thing that is wrong. */
export type CheckAnswer = (path: string, value: unknown) => void;

/** Keywords whose verdict only says that something below them is wrong. */
const ABOVE = new Set([
  '$ref',
  'additionalProperties',
  'allOf',
  'items',
  'prefixItems',
  'properties',
]);

/** A JSON Schema (draft 2020-12) as a check. No reference is ever fetched. Throws `option-invalid` for what is no schema. */
export const compileSchema = (schema: Readonly<Record<string, unknown>>): CheckAnswer => {
  const unusable = (error: unknown): Error =>
    invalid('format', `is no usable JSON Schema: ${errorMessage(error)}`);
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
      // Deeper than the stack, or else a reference or a pattern of the schema that shows its fault only in use.
      throw error instanceof RangeError ? malformed(path, 'is nested too deeply') : unusable(error);
    }
    const first = errors.find(({ keyword }) => !ABOVE.has(keyword)) ?? errors[0];
    if (first !== undefined) throw malformed(`${path}${pathOf(first)}`, problemOf(first));
  };
};

/** Throws for what would show only when an answer is checked: a reference that leads nowhere, a pattern that is none. */
const requireUsable = (schema: Schema): void => {
  const parts = dereference(schema);
  for (const part of Object.values(parts)) {
    if (typeof part !== 'object') continue;
    const { $ref, __absolute_ref__: target, pattern = '', patternProperties = {} } = part;
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
