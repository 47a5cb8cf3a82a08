import { dereference, type OutputUnit, type Schema, Validator } from '@cfworker/json-schema';
import { errorMessage } from '@promethean/pantheon-core';
import { asRecord, malformed } from './answer.ts';
import { invalid } from './require-option.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

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

/** Makes the check of answers against a JSON Schema (draft 2020-12). Nothing is fetched. Throws `option-invalid`. */
export const compileAnswerSchema = (schema: JsonSchema): CheckAnswer => {
  const validator = usable(() => {
    // A copy, since it writes into what it is given.
    const copy = structuredClone(schema) as Schema;
    requireUsable(copy); // An answer that cannot be checked would be paid all the same.
    const made = new Validator(copy, '2020-12');
    made.validate({});
    return made;
  });
  return (path, value) => {
    const { valid, errors } = usable(
      () => validator.validate(value),
      () => malformed(path, 'is nested too deeply'),
    );
    if (valid) return;
    const [first] = [...errors.filter(({ keyword }) => !CONTAINERS.has(keyword)), ...errors];
    throw first === undefined
      ? malformed(path, 'does not fit the schema')
      : malformed(path + pathIn(first), `does not fit the schema: ${first.error.slice(0, 200)}`);
  };
};

/** A schema that cannot be used is the caller's fault, a value that exhausts the stack (`tooDeep`) is the model's. */
const usable = <T>(use: () => T, tooDeep?: () => Error): T => {
  try {
    return use();
  } catch (error) {
    if (error instanceof RangeError && tooDeep !== undefined) throw tooDeep();
    throw invalid('format', `is not a JSON Schema that can be checked: ${errorMessage(error)}`);
  }
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

const pathIn = ({ instanceLocation }: OutputUnit): string => {
  let path = '';
  for (const segment of instanceLocation.split('/').slice(1)) {
    const name = decodeURIComponent(segment).replaceAll('~1', '/').replaceAll('~0', '~');
    path += /^\d+$/.test(name) ? `[${name}]` : `.${name}`;
  }
  return path;
};

/** What the vendor's strict mode understands. With any other keyword it would refuse the request. */
const STRICT_KEYWORDS: ReadonlySet<string> = new Set(
  (
    '$defs $ref additionalProperties anyOf const description enum exclusiveMaximum exclusiveMinimum format items maxItems ' +
    'maximum minItems minimum multipleOf pattern properties required title type'
  ).split(' '),
);

/**
 * Whether the vendor can hold the model to this schema: the whole is an object, every object names all of its properties as required
 * and allows no others, and only known keywords are used. Other schemas are sent as a hint, and checked here all the same.
 */
export const isStrict = (schema: JsonSchema): boolean =>
  schema['type'] === 'object' && isStrictPart(schema, 0);

const isStrictPart = (value: unknown, depth: number): boolean => {
  const schema = asRecord(value);
  if (schema === undefined || depth > 10) return false;
  if (!Object.keys(schema).every((keyword) => STRICT_KEYWORDS.has(keyword))) return false;
  const properties = asRecord(schema['properties']) ?? {};
  const { anyOf = [], required = [] } = schema;
  if (!Array.isArray(anyOf) || !Array.isArray(required)) return false;
  const types: readonly unknown[] = [schema['type']].flat();
  if (!['type', 'anyOf', '$ref', 'enum', 'const'].some((keyword) => keyword in schema))
    return false;
  if (types.includes('object') || 'properties' in schema) {
    if (schema['additionalProperties'] !== false) return false;
    if (!Object.keys(properties).every((name) => required.includes(name))) return false;
  }
  const parts: readonly unknown[] = [
    ...Object.values(properties),
    ...Object.values(asRecord(schema['$defs']) ?? {}),
    ...(anyOf as readonly unknown[]),
    ...('items' in schema ? [schema['items']] : []),
  ];
  return parts.every((part) => isStrictPart(part, depth + 1));
};
