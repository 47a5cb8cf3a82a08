/** Decides which tool a question calls for, and with which arguments. */
import type { ToolSpec } from '@promethean/pantheon-core';
import { termsOf, topicOf } from './terms.ts';

/** What a tool is for, told by its name and description. */
export type Purpose = 'search' | 'calculate' | 'list' | 'read' | 'other';

/** What the question is, besides a question. */
interface Intent {
  readonly purpose: Purpose;
  /** The arithmetic expression, the path, or the question itself. */
  readonly subject: string;
}

/** A call to make. */
export interface PlannedCall {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly purpose: Purpose;
}

/** The longest text that goes into an argument. */
const MAX_ARGUMENT_LENGTH = 2_000;

const DOCUMENTS = '(?:documents?|docs|files?|pages?|sources)';

/** The purpose of a tool. */
export const purposeOf = (tool: ToolSpec): Purpose => {
  const name = tool.name.replace(/([a-z])([A-Z])/g, '$1 $2').replace(/[_-]+/g, ' ');
  const text = `${name} ${(tool.description ?? '').slice(0, 500)}`;
  const either = (verbs: string, whole: RegExp): boolean =>
    new RegExp(`\\b(?:${verbs})`, 'i').test(name) || whole.test(text);
  if (either('calculat|arithmetic|math|eval', /\barithmetic\b|\bcalculat/i)) return 'calculate';
  if (
    either(
      'search|retriev|query|lookup|find',
      /\bsearch(?:es)?\b.*\b(?:document|docs|text|passage)/i,
    )
  ) {
    return 'search';
  }
  if (either('list|enumerate', new RegExp(`^.{0,80}\\blists?\\b.{0,40}\\b${DOCUMENTS}`, 'i')))
    return 'list';
  if (
    new RegExp(`\\b(?:read|open|get|fetch|show|load)s?\\b.{0,40}\\b${DOCUMENTS}`, 'i').test(text)
  ) {
    return 'read';
  }
  return 'other';
};

const WORD_OPERATORS: readonly (readonly [RegExp, string])[] = [
  [/\bplus\b/gi, '+'],
  [/\bminus\b/gi, '-'],
  [/\b(?:times|multiplied by)\b/gi, '*'],
  [/\b(?:divided by|over)\b/gi, '/'],
  [/\b(?:to the power of)\b/gi, '^'],
  [/×/g, '*'],
  [/÷/g, '/'],
  [/(?<=\d)\s*x\s*(?=[\d(])/gi, '*'],
  [/(?<=\d),(?=\d{3}\b)/g, ''],
  [/(\d+(?:\.\d+)?)\s*(?:%|percent)\s+of\s+/gi, '$1 / 100 * '],
];

/** The expression of an arithmetic question, or undefined. */
const expressionOf = (question: string): string | undefined => {
  if (question.length > 300) return undefined;
  let text = question
    .trim()
    .replace(
      /^(?:please\s+)?(?:what(?:'s| is| are)|how much (?:is|are)|calculate|compute|evaluate|work out|solve)\s+/i,
      '',
    )
    .replace(/(?:\s*=\s*\??|\s*\?|\s*please|\.)\s*$/i, '');
  for (const [pattern, operator] of WORD_OPERATORS) text = text.replace(pattern, operator);
  text = text.replace(/\s+/g, ' ').trim();
  const isArithmetic =
    /^[-+*/%^().\d\s]+$/.test(text) && /\d\s*\)*\s*(?:\*\*|[-+*/%^])\s*[-(\s]*\d/.test(text);
  // A date or a version is written with the same characters.
  return isArithmetic && !/^\d+(?:[-./]\d+){2,}$/.test(text) ? text : undefined;
};

const pathOf = (question: string): string | undefined => {
  const quoted = /["'`]([^"'`\n]+\.\w+)["'`]/.exec(question)?.[1];
  return (
    quoted ??
    /(?:^|\s)([\w@.+-]*(?:\/[\w@.+-]+)*\.(?:mdx?|markdown|txt|rst|adoc))\b/i.exec(question)?.[1]
  );
};

/** What the question asks for. */
const intentOf = (question: string): Intent => {
  const expression = expressionOf(question);
  if (expression !== undefined) return { purpose: 'calculate', subject: expression };
  const head = question.slice(0, 500);
  const path = pathOf(head);
  const reads =
    /^\s*(?:please\s+|can you\s+|could you\s+)?(?:read|open|show|print|display|cat|view|fetch|give)\b/i;
  if (path !== undefined && reads.test(head)) return { purpose: 'read', subject: path };
  const lists = new RegExp(
    `^\\s*(?:please\\s+|can you\\s+|could you\\s+)?(?:list|enumerate|show|name)\\s+(?:me\\s+)?(?:all\\s+)?(?:of\\s+)?(?:the\\s+|your\\s+|my\\s+|these\\s+)?(?:available\\s+|indexed\\s+)?${DOCUMENTS}\\b|` +
      `^\\s*(?:which|what)\\s+${DOCUMENTS}\\s+(?:do you|are (?:there|available|indexed|you)|have you|can you|exist)`,
    'i',
  );
  if (lists.test(head)) {
    const folder = /\b(?:in|under|below|from|inside)\s+["'`]?([\w@.-]+(?:\/[\w@.-]*)+)["'`]?/i.exec(
      head,
    )?.[1];
    return { purpose: 'list', subject: folder ?? '' };
  }
  return { purpose: 'search', subject: question };
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const stringFor = (name: string, intent: Intent, question: string): string | undefined => {
  const lower = name.toLowerCase();
  if (/expression|formula|calculation/.test(lower)) return intent.subject;
  if (/path|file|uri|document|folder|directory|prefix/.test(lower)) {
    return intent.purpose === 'read' || intent.purpose === 'list'
      ? intent.subject
      : pathOf(question);
  }
  return intent.purpose === 'search' || intent.purpose === 'other' ? question : intent.subject;
};

/**
 * Arguments that the tool's schema asks for, or undefined where it requires something that a question does not hold. Optional
 * ones are left out, except the first text of a tool that requires none.
 */
const argumentsFor = (
  tool: ToolSpec,
  intent: Intent,
  question: string,
): Readonly<Record<string, unknown>> | undefined => {
  const schema = tool.parameters ?? {};
  const properties = isRecord(schema['properties']) ? schema['properties'] : {};
  const required = Array.isArray(schema['required']) ? schema['required'].map(String) : [];
  const args: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  const texts = Object.keys(properties).filter((name) => {
    const property = properties[name];
    return isRecord(property) && property['type'] === 'string' && property['enum'] === undefined;
  });
  for (const name of required) {
    const property = properties[name];
    const { type, enum: values, minimum, default: fallback } = isRecord(property) ? property : {};
    if (fallback !== undefined) {
      args[name] = fallback;
    } else if (Array.isArray(values)) {
      const lower = question.toLowerCase();
      const named = values.find(
        (value) => typeof value === 'string' && lower.includes(value.toLowerCase()),
      );
      if (named === undefined) return undefined;
      args[name] = named;
    } else if (type === 'string' || type === undefined) {
      const text = stringFor(name, intent, question);
      if (text === undefined || text === '') return undefined;
      args[name] = text.slice(0, MAX_ARGUMENT_LENGTH);
    } else if (type === 'number' || type === 'integer') {
      const number = /-?\d+(?:\.\d+)?/.exec(question)?.[0] ?? minimum;
      if (number === undefined || (type === 'integer' && !Number.isInteger(Number(number))))
        return undefined;
      args[name] = Number(number);
    } else {
      return undefined;
    }
  }
  const first = texts[0];
  if (required.length === 0 && first !== undefined) {
    const text = stringFor(first, intent, question);
    if (text !== undefined && text !== '') args[first] = text.slice(0, MAX_ARGUMENT_LENGTH);
  }
  return { ...args };
};

/** How well a tool that is none of the known kinds fits the question: the share of the topic in its name and description. */
const fitOf = (tool: ToolSpec, question: string): number => {
  const topic = [...topicOf(question.slice(0, 1_000)).keys()];
  const told = new Set(termsOf(`${tool.name} ${tool.description ?? ''}`.slice(0, 2_000)));
  return topic.length === 0 ? 0 : topic.filter((term) => told.has(term)).length / topic.length;
};

/** A tool of another kind is asked for only when most of the question is about it. */
const OTHER_FIT = 0.6;

/** The first call that a question needs, or undefined where no offered tool serves. */
export const chooseTool = (
  question: string,
  tools: readonly ToolSpec[],
): PlannedCall | undefined => {
  const intent = intentOf(question);
  const withArguments = (
    tool: ToolSpec,
    purpose: Purpose,
    wanted: Intent,
  ): PlannedCall | undefined => {
    const args = argumentsFor(tool, wanted, question);
    return args === undefined ? undefined : { name: tool.name, args, purpose };
  };
  const first = (purpose: Purpose, wanted: Intent): PlannedCall | undefined => {
    for (const tool of tools) {
      if (purposeOf(tool) !== purpose) continue;
      const call = withArguments(tool, purpose, wanted);
      if (call !== undefined) return call;
    }
    return undefined;
  };
  if (intent.purpose !== 'search') {
    const call = first(intent.purpose, intent);
    if (call !== undefined) return call;
  }
  const others = tools
    // A tool that changes something is never called on a guess.
    .filter((tool) => purposeOf(tool) === 'other' && tool.sideEffect === 'none')
    .map((tool) => ({ tool, fit: fitOf(tool, question) }))
    .filter(({ fit }) => fit >= OTHER_FIT)
    .sort((a, b) => b.fit - a.fit);
  for (const { tool } of others) {
    const call = withArguments(tool, 'other', { purpose: 'other', subject: question });
    if (call !== undefined) return call;
  }
  return first('search', { purpose: 'search', subject: question });
};
