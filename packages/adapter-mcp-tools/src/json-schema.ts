import { pathText } from './path.ts';
import type { Json } from './plain-json.ts';

/** What is wrong with a value, and where. Plain data. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

/** `unknown`: only the server can tell, because the schema uses something that is not evaluated here. */
type Verdict = 'valid' | 'invalid' | 'unknown';
type Members = Readonly<Record<string, Json>>;
type Path = readonly (string | number)[];

const MOST_STEPS = 50_000;
const MOST_DEPTH = 200;
const MOST_ISSUES = 5;
/** Characters that cost as much as one step. */
const TEXT_PER_STEP = 64;

/** Beyond these bounds a check costs too much; a schema that needs more is hostile or broken. */
export class CheckTooCostly extends Error {}

const isObject = (value: Json | undefined): value is { [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const own = (object: Members, key: string): Json | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined;

const typeOf = (value: Json): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;

const isOfType = (value: Json, type: Json): boolean =>
  type === 'integer' ? Number.isInteger(value) : typeOf(value) === type;

/** The same text for equal values, whatever the order of their members. */
export const canonicalJson = (value: Json): string => {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`);
  return `{${members.join(',')}}`;
};

const worse = (a: Verdict, b: Verdict): Verdict =>
  a === 'invalid' || b === 'invalid'
    ? 'invalid'
    : a === 'unknown' || b === 'unknown'
      ? 'unknown'
      : 'valid';

const isMultiple = (value: number, of: number): boolean => {
  const quotient = value / of;
  return Math.abs(quotient - Math.round(quotient)) <= 1e-9 * Math.max(1, Math.abs(quotient));
};

/** Keywords that need a regular expression, a dynamic scope or an older draft: left to the server. */
const UNDECIDED = [
  '$dynamicRef',
  '$recursiveRef',
  'dependencies',
  'dependentSchemas',
  'pattern',
  'patternProperties',
  'unevaluatedItems',
  'unevaluatedProperties',
];

/**
 * Checks a value against a JSON Schema of a server that is not trusted, in bounded time: at most 50,000 steps, no regular expression is
 * run, nothing is fetched. `pattern` and the few other keywords of `UNDECIDED` are not evaluated, also not where they are negated: what
 * only they could forbid is let through. Returns what is certainly wrong, at most five issues; throws `CheckTooCostly`.
 */
export const checkJson = (schema: Json, value: Json, root: string): readonly Issue[] => {
  let steps = MOST_STEPS;

  const spend = (count = 1): void => {
    steps -= count;
    if (steps < 0) throw new CheckTooCostly(`it takes more than ${MOST_STEPS} steps`);
  };
  const textOf = (item: Json): string => {
    const text = canonicalJson(item);
    spend(1 + text.length / TEXT_PER_STEP);
    return text;
  };

  const resolve = (ref: string): Json | undefined => {
    if (ref !== '#' && !ref.startsWith('#/')) return undefined;
    let target: Json | undefined = schema;
    for (const part of ref.split('/').slice(1)) {
      spend();
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      if (Array.isArray(target)) target = target[Number(key)];
      else if (isObject(target)) target = own(target, key);
      else return undefined;
    }
    return target;
  };

  const check = (
    rule: Json | undefined,
    item: Json,
    path: Path,
    issues: Issue[],
    depth: number,
  ): Verdict => {
    spend();
    if (depth > MOST_DEPTH)
      throw new CheckTooCostly(`it refers to itself more than ${MOST_DEPTH} levels deep`);
    if (!isObject(rule)) {
      if (rule !== false) return rule === true ? 'valid' : 'unknown';
      return wrong(issues, path, 'is not allowed');
    }
    let verdict: Verdict = UNDECIDED.some((keyword) => Object.hasOwn(rule, keyword))
      ? 'unknown'
      : 'valid';
    const also = (next: Verdict): void => {
      verdict = worse(verdict, next);
    };
    also(checkScalar(rule, item, path, issues));
    if (Array.isArray(item)) also(checkItems(rule, item, path, issues, depth + 1));
    if (isObject(item)) also(checkMembers(rule, item, path, issues, depth + 1));
    also(checkCombined(rule, item, path, issues, depth + 1));
    return verdict;
  };

  const wrong = (issues: Issue[], path: Path, message: string): Verdict => {
    if (issues.length < MOST_ISSUES)
      issues.push({ path: pathText(root, path), message: message.slice(0, 200) });
    return 'invalid';
  };

  const checkScalar = (rule: Members, item: Json, path: Path, issues: Issue[]): Verdict => {
    const type = own(rule, 'type');
    const types = Array.isArray(type) ? type : type === undefined ? [] : [type];
    if (types.length > 0 && !types.some((one) => isOfType(item, one)))
      return wrong(issues, path, `must be of the type ${types.join(' or ')}, not ${typeOf(item)}`);
    const choices = own(rule, 'enum');
    if (Array.isArray(choices)) {
      const text = textOf(item);
      if (!choices.some((choice) => textOf(choice) === text))
        return wrong(
          issues,
          path,
          `must be one of ${choices
            .slice(0, 20)
            .map((choice) => JSON.stringify(choice))
            .join(', ')}`,
        );
    }
    const fixed = own(rule, 'const');
    if (fixed !== undefined && textOf(fixed) !== textOf(item))
      return wrong(issues, path, `must be ${JSON.stringify(fixed)}`);
    if (typeof item === 'number') return checkNumber(rule, item, path, issues);
    if (typeof item === 'string') return checkLength(rule, item, path, issues);
    return 'valid';
  };

  const checkNumber = (rule: Members, item: number, path: Path, issues: Issue[]): Verdict => {
    const bounds: readonly (readonly [string, string, (bound: number) => boolean])[] = [
      ['minimum', 'at least', (bound) => item >= bound],
      ['maximum', 'at most', (bound) => item <= bound],
      ['exclusiveMinimum', 'more than', (bound) => item > bound],
      ['exclusiveMaximum', 'less than', (bound) => item < bound],
      ['multipleOf', 'a multiple of', (bound) => bound <= 0 || isMultiple(item, bound)],
    ];
    for (const [keyword, words, holds] of bounds) {
      const bound = own(rule, keyword);
      if (typeof bound === 'number' && !holds(bound))
        return wrong(issues, path, `must be ${words} ${bound}`);
    }
    return 'valid';
  };

  const checkLength = (rule: Members, item: string, path: Path, issues: Issue[]): Verdict => {
    const least = own(rule, 'minLength');
    const most = own(rule, 'maxLength');
    if (typeof least !== 'number' && typeof most !== 'number') return 'valid';
    spend(item.length / TEXT_PER_STEP);
    let length = 0;
    for (const _ of item) length += 1;
    if (typeof least === 'number' && length < least)
      return wrong(issues, path, `must have at least ${least} characters`);
    if (typeof most === 'number' && length > most)
      return wrong(issues, path, `must have at most ${most} characters`);
    return 'valid';
  };

  const checkCount = (
    rule: Members,
    [least, most]: readonly [string, string],
    count: number,
    what: string,
    path: Path,
    issues: Issue[],
  ): Verdict => {
    const lower = own(rule, least);
    const upper = own(rule, most);
    if (typeof lower === 'number' && count < lower)
      return wrong(issues, path, `must have at least ${lower} ${what}`);
    if (typeof upper === 'number' && count > upper)
      return wrong(issues, path, `must have at most ${upper} ${what}`);
    return 'valid';
  };

  const checkItems = (
    rule: Members,
    list: readonly Json[],
    path: Path,
    issues: Issue[],
    depth: number,
  ): Verdict => {
    let verdict = checkCount(rule, ['minItems', 'maxItems'], list.length, 'items', path, issues);
    const items = own(rule, 'items');
    // An array of schemas is how older drafts spell `prefixItems`.
    const prefix = own(rule, 'prefixItems') ?? (Array.isArray(items) ? items : undefined);
    const first = Array.isArray(prefix) ? prefix : [];
    const rest = Array.isArray(items) ? own(rule, 'additionalItems') : items;
    list.forEach((item, index) => {
      const each = index < first.length ? first[index] : rest;
      if (each !== undefined)
        verdict = worse(verdict, check(each, item, [...path, index], issues, depth));
    });
    if (own(rule, 'uniqueItems') === true && new Set(list.map(textOf)).size < list.length)
      verdict = wrong(issues, path, 'must not have an item twice');
    const contains = own(rule, 'contains');
    if (contains !== undefined)
      verdict = worse(verdict, checkContains(rule, contains, list, path, issues, depth));
    return verdict;
  };

  const checkContains = (
    rule: Members,
    contains: Json,
    list: readonly Json[],
    path: Path,
    issues: Issue[],
    depth: number,
  ): Verdict => {
    const verdicts = list.map((item) => check(contains, item, path, [], depth));
    const certain = verdicts.filter((one) => one === 'valid').length;
    const possible = verdicts.filter((one) => one !== 'invalid').length;
    const least = own(rule, 'minContains') ?? 1;
    const most = own(rule, 'maxContains') ?? Infinity;
    if (possible < Number(least) || certain > Number(most))
      return wrong(issues, path, 'does not contain the items that it must');
    return certain === possible ? 'valid' : 'unknown';
  };

  const checkMembers = (
    rule: Members,
    object: Members,
    path: Path,
    issues: Issue[],
    depth: number,
  ): Verdict => {
    const keys = Object.keys(object);
    let verdict = checkCount(
      rule,
      ['minProperties', 'maxProperties'],
      keys.length,
      'members',
      path,
      issues,
    );
    const required = own(rule, 'required');
    const needed = [...(Array.isArray(required) ? required : []), ...requiredBy(rule, object)];
    for (const key of needed) {
      spend();
      if (typeof key === 'string' && !Object.hasOwn(object, key))
        verdict = wrong(issues, [...path, key], 'is missing');
    }
    const properties = own(rule, 'properties');
    const named = isObject(properties) ? properties : {};
    const others = Object.hasOwn(rule, 'patternProperties')
      ? undefined
      : own(rule, 'additionalProperties');
    const names = own(rule, 'propertyNames');
    for (const key of keys) {
      spend();
      const each = own(named, key) ?? others;
      const member = own(object, key) ?? null;
      if (each !== undefined)
        verdict = worse(verdict, check(each, member, [...path, key], issues, depth));
      if (names !== undefined)
        verdict = worse(verdict, check(names, key, [...path, key], issues, depth));
    }
    return verdict;
  };

  const requiredBy = (rule: Members, object: Members): readonly Json[] => {
    const dependent = own(rule, 'dependentRequired');
    if (!isObject(dependent)) return [];
    return Object.keys(dependent)
      .filter((key) => Object.hasOwn(object, key))
      .flatMap((key) => own(dependent, key) ?? []);
  };

  const checkCombined = (
    rule: Members,
    item: Json,
    path: Path,
    issues: Issue[],
    depth: number,
  ): Verdict => {
    let verdict: Verdict = 'valid';
    const also = (next: Verdict): void => {
      verdict = worse(verdict, next);
    };
    const listOf = (keyword: string): readonly Json[] => {
      const list = own(rule, keyword);
      return Array.isArray(list) ? list : [];
    };
    const ref = own(rule, '$ref');
    if (typeof ref === 'string') also(check(resolve(ref), item, path, issues, depth));
    for (const each of listOf('allOf')) also(check(each, item, path, issues, depth));
    const any = listOf('anyOf').map((each) => check(each, item, path, [], depth));
    if (any.length > 0 && !any.includes('valid'))
      also(
        any.includes('unknown')
          ? 'unknown'
          : wrong(issues, path, 'matches none of the alternatives'),
      );
    const one = listOf('oneOf').map((each) => check(each, item, path, [], depth));
    const certain = one.filter((each) => each === 'valid').length;
    if (certain > 1) also(wrong(issues, path, 'matches more than one of the alternatives'));
    else if (one.includes('unknown')) also('unknown');
    else if (one.length > 0 && certain === 0)
      also(wrong(issues, path, 'matches none of the alternatives'));
    const not = own(rule, 'not');
    if (not !== undefined) {
      const negated = check(not, item, path, [], depth);
      if (negated !== 'invalid')
        also(
          negated === 'valid' ? wrong(issues, path, 'matches what it must not match') : 'unknown',
        );
    }
    const condition = own(rule, 'if');
    if (condition !== undefined) {
      const holds = check(condition, item, path, [], depth);
      const branch =
        holds === 'unknown' ? undefined : own(rule, holds === 'valid' ? 'then' : 'else');
      if (holds === 'unknown') also('unknown');
      if (branch !== undefined) also(check(branch, item, path, issues, depth));
    }
    return verdict;
  };

  const issues: Issue[] = [];
  check(schema, value, [], issues, 0);
  return issues;
};
