/**
 * A small part of JSON Schema: `type`, `enum`, `required`, `properties`, `additionalProperties: false` and `items`, at any depth.
 * Other keywords are not checked. An application that needs them uses a tool port with a full validator.
 */

/** What a schema forbids about a value. */
export interface SchemaViolation {
  /** Where, for instance `args.filter.limit`. */
  readonly path: string;
  /** In words, as the end of a sentence that begins with the path. */
  readonly problem: string;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const own = (record: Readonly<Record<string, unknown>>, key: string): unknown =>
  Object.hasOwn(record, key) ? record[key] : undefined;

const hasType = (value: unknown, type: unknown): boolean => {
  switch (type) {
    case 'string':
    case 'boolean':
      return typeof value === type;
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'integer':
      return Number.isInteger(value);
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isRecord(value);
    default:
      return true;
  }
};

const isSame = (a: unknown, b: unknown): boolean =>
  a === b ||
  (typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b));

/** The first violation, or undefined when the value satisfies what is checked. */
export const findViolation = (
  schema: unknown,
  value: unknown,
  path: string,
): SchemaViolation | undefined => {
  if (schema === false) return { path, problem: 'is not allowed' };
  if (!isRecord(schema)) return undefined;
  const type = own(schema, 'type');
  if (type !== undefined) {
    const types: readonly unknown[] = Array.isArray(type) ? type : [type];
    if (!types.some((one) => hasType(value, one)))
      return { path, problem: `must be of type ${types.join(' or ')}` };
  }
  const options = own(schema, 'enum');
  if (Array.isArray(options) && !options.some((option) => isSame(option, value))) {
    return { path, problem: `must be one of ${JSON.stringify(options)}` };
  }
  if (Array.isArray(value)) {
    const items = own(schema, 'items');
    if (items === undefined) return undefined;
    for (const [index, item] of value.entries()) {
      const violation = findViolation(items, item, `${path}[${index}]`);
      if (violation !== undefined) return violation;
    }
    return undefined;
  }
  return isRecord(value) ? findPropertyViolation(schema, value, path) : undefined;
};

const findPropertyViolation = (
  schema: Readonly<Record<string, unknown>>,
  value: Readonly<Record<string, unknown>>,
  path: string,
): SchemaViolation | undefined => {
  const required = own(schema, 'required');
  if (Array.isArray(required)) {
    for (const key of required as readonly unknown[]) {
      if (typeof key === 'string' && own(value, key) === undefined)
        return { path: `${path}.${key}`, problem: 'is required' };
    }
  }
  const declared = own(schema, 'properties');
  const properties = isRecord(declared) ? declared : {};
  const closed = own(schema, 'additionalProperties') === false;
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(properties, key)) {
      const member = value[key];
      // An absent optional member is often written as undefined; JSON would leave it out.
      const violation =
        member === undefined ? undefined : findViolation(properties[key], member, `${path}.${key}`);
      if (violation !== undefined) return violation;
    } else if (closed) {
      return { path: `${path}.${key}`, problem: 'is not a known argument' };
    }
  }
  return undefined;
};
