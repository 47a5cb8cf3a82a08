import { asRecord } from './answer.ts';

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
export const isStrict = (schema: Readonly<Record<string, unknown>>): boolean =>
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
