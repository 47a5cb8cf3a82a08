/**
 * Checking what comes from outside before anything runs. Each check answers with the path of the first thing that is wrong,
 * or with nothing; the hot path allocates nothing.
 */
import { PantheonError, errorMessage } from './errors.ts';
import { nameProblem } from './text.ts';
import type { Action, Actor, ActorScript, Message, Plan, TickInput } from './types.ts';

/** Actions in one plan at most; a model that runs wild is stopped here. */
const MAX_ACTIONS = 32;
/** Levels of nesting in a tool's arguments at most. */
const MAX_DEPTH = 64;
/** Values in a tool's arguments at most. */
const MAX_NODES = 10_000;
const TOO_MANY = ` has more than ${MAX_NODES} values`;
const MAX_DELAY_MS = 2_147_483_647;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** Whether a value can serve as an id everywhere: a name as ports take it. */
const isId = (value: unknown): value is string => nameProblem(value) === undefined;

const MODES: readonly unknown[] = ['active', 'passive', 'persistent'];
const ROLES: readonly unknown[] = ['system', 'user', 'assistant', 'tool'];
const POLICIES: readonly unknown[] = ['queue', 'reject', 'drop-oldest', 'coalesce', 'interrupt'];

const badLimit = (value: unknown, min: number): boolean =>
  value !== undefined && !(typeof value === 'number' && value >= min);

const scriptProblem = (script: unknown): string | undefined => {
  if (!isObject(script)) return 'script must be an object';
  if (!isText(script['name'])) return 'script.name must be a string that is not empty';
  if (!Array.isArray(script['contextSources'])) return 'script.contextSources must be a list';
  if (!Array.isArray(script['talents'])) return 'script.talents must be a list';
  for (const [t, talent] of script['talents'].entries()) {
    const path = `script.talents[${t}]`;
    if (!isObject(talent)) return `${path} must be an object`;
    if (!Array.isArray(talent['behaviors'])) return `${path}.behaviors must be a list`;
    for (const [b, behavior] of talent['behaviors'].entries()) {
      const at = `${path}.behaviors[${b}]`;
      if (!isObject(behavior)) return `${at} must be an object`;
      if (!isText(behavior['name'])) return `${at}.name must be a string that is not empty`;
      if (!MODES.includes(behavior['mode'])) {
        return `${at}.mode must be active, passive or persistent`;
      }
      if (typeof behavior['plan'] !== 'function') return `${at}.plan must be a function`;
    }
  }
  const { mailbox, budget, loop } = script;
  if (isObject(mailbox)) {
    if (badLimit(mailbox['capacity'], 1)) return 'script.mailbox.capacity must be at least 1';
    if (badLimit(mailbox['ttlMs'], 1)) return 'script.mailbox.ttlMs must be at least 1';
    if (mailbox['policy'] !== undefined && !POLICIES.includes(mailbox['policy'])) {
      return `script.mailbox.policy must be one of ${POLICIES.join(', ')}`;
    }
  }
  if (isObject(budget)) {
    for (const [name, limit] of Object.entries(budget)) {
      if (badLimit(limit, 0)) return `script.budget.${name} must be a number of at least 0`;
    }
  }
  if (isObject(loop) && !isDelay(loop['intervalMs'], 1)) {
    return 'script.loop.intervalMs must be an integer from 1 to 2147483647';
  }
  return undefined;
};

// Scripts are shared and never change: each is looked at once.
const checkedScripts = new WeakSet<object>();

/** What is wrong with an actor, after its path. */
const actorProblem = (actor: unknown): string | undefined => {
  if (!isObject(actor)) return ' must be an object';
  if (!isId(actor['id'])) {
    return '.id must be a string of 1 to 256 bytes, none of them a control character';
  }
  const { goals, script } = actor;
  if (!Array.isArray(goals)) return '.goals must be a list';
  for (let i = 0; i < goals.length; i += 1) {
    if (typeof goals[i] !== 'string') return `.goals[${i}] must be a string`;
  }
  if (typeof script === 'object' && script !== null && checkedScripts.has(script)) return undefined;
  const problem = scriptProblem(script);
  if (problem !== undefined) return `.${problem}`;
  checkedScripts.add(script as ActorScript);
  return undefined;
};

/** What is wrong with a value that should be plain data, after its path; `count` counts the values below it. */
const dataProblem = (
  value: unknown,
  depth: number,
  count: { values: number },
): string | undefined => {
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'function' || typeof value === 'symbol'
      ? ` must be plain data, not a ${typeof value}`
      : undefined;
  }
  if (depth > MAX_DEPTH) return ` is nested deeper than ${MAX_DEPTH} levels`;
  // To list the keys of ten million values takes a second.
  if (Array.isArray(value) && value.length > MAX_NODES) return TOO_MANY;
  for (const key of Object.keys(value)) {
    if (key === '__proto__' || key === 'constructor' || key === 'prototype') {
      return `.${key} is not allowed as a key`;
    }
    count.values += 1;
    if (count.values > MAX_NODES) return TOO_MANY;
    const child = (value as Record<string, unknown>)[key];
    if (typeof child === 'string' || typeof child === 'number') continue;
    const problem = dataProblem(child, depth + 1, count);
    if (problem !== undefined) return `.${key}${problem}`;
  }
  return undefined;
};

/** What is wrong with an action, after its path. */
const actionProblem = (
  action: unknown,
  isCustom: (type: string) => boolean,
): string | undefined => {
  if (!isObject(action)) return ' must be an object';
  const { type } = action;
  switch (type) {
    case 'message': {
      if (typeof action['content'] !== 'string') return '.content must be a string';
      const { target } = action;
      return target === undefined || isId(target)
        ? undefined
        : '.target must be the id of a recipient';
    }
    case 'tool': {
      if (!isText(action['name'])) return '.name must be a string that is not empty';
      if (!isObject(action['args'])) return '.args must be an object';
      if (badLimit(action['timeoutMs'], 1)) return '.timeoutMs must be at least 1';
      const problem = dataProblem(action['args'], 1, { values: 0 });
      return problem === undefined ? undefined : `.args${problem}`;
    }
    case 'spawn': {
      if (typeof action['goal'] !== 'string') return '.goal must be a string';
      if (action['message'] !== undefined && typeof action['message'] !== 'string') {
        return '.message must be a string';
      }
      const problem = scriptProblem(action['actor']);
      return problem === undefined ? undefined : `.actor: ${problem}`;
    }
    case 'wait': {
      return isDelay(action['durationMs'], 0)
        ? undefined
        : '.durationMs must be an integer from 0 to 2147483647';
    }
    case 'remember': {
      const { entries } = action;
      if (!Array.isArray(entries)) return '.entries must be a list';
      const bad = entries.findIndex((entry) => !isMessage(entry));
      return bad === -1 ? undefined : `.entries[${bad}] must be a message with role and content`;
    }
    default: {
      if (typeof type === 'string' && isCustom(type)) return undefined;
      return `.type ${JSON.stringify(type)} is not known; register it with makeOrchestrator(deps, { actions })`;
    }
  }
};

/** What is wrong with the input of a tick, after its path. */
const inputProblem = (input: unknown): string | undefined => {
  if (input === undefined) return undefined;
  if (!isObject(input)) return ' must be an object such as { userMessage }';
  const { userMessage } = input;
  return userMessage === undefined || typeof userMessage === 'string'
    ? undefined
    : '.userMessage must be a string';
};

const never = (): boolean => false;

// What comes from outside may have getters and proxy traps that throw: to read it is to run it.
const safely = <More>(
  check: (value: unknown, more: More) => string | undefined,
  value: unknown,
  more: More,
): string | undefined => {
  try {
    return check(value, more);
  } catch (error) {
    return ` cannot be read: ${errorMessage(error)}`;
  }
};

/** Whether a value is an integer that timers accept. */
export const isDelay = (value: unknown, min: number): value is number =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= MAX_DELAY_MS;

/** The delay of a schedule that is to fire then: at once where that is past, and as late as a schedule can where it is further. */
export const delayUntil = (at: number, now: number): number =>
  Math.min(Math.max(0, Math.ceil(at - now)), MAX_DELAY_MS);

/** Whether a value is an actor: an id, a script and goals. */
export const isActor = (value: unknown): value is Actor =>
  safely(actorProblem, value, undefined) === undefined;

/** Whether a value is an action of a built-in type. */
export const isAction = (value: unknown): value is Action =>
  safely(actionProblem, value, never) === undefined;

/** Whether a value is an entry of a conversation: a known role and a content. */
export const isMessage = (value: unknown): value is Message => {
  try {
    return isObject(value) && ROLES.includes(value['role']) && typeof value['content'] === 'string';
  } catch {
    return false;
  }
};

/** @throws `actor-invalid` with the path of what is wrong. */
export function assertActor(actor: unknown): asserts actor is Actor {
  const problem = safely(actorProblem, actor, undefined);
  if (problem !== undefined) throw new PantheonError('actor-invalid', `actor${problem}`);
}

/** @throws `message-invalid` with the path of what is wrong. */
export function assertInput(input: unknown): asserts input is TickInput | undefined {
  const problem = safely(inputProblem, input, undefined);
  if (problem !== undefined) throw new PantheonError('message-invalid', `input${problem}`);
}

/** @throws `action-invalid` with the path of what is wrong; `position` is the action's place in its plan. */
export function assertAction(
  action: unknown,
  isCustom: (type: string) => boolean,
  position?: number,
): asserts action is Action {
  const problem = safely(actionProblem, action, isCustom);
  if (problem === undefined) return;
  throw new PantheonError(
    'action-invalid',
    `${position === undefined ? 'action' : `actions[${position}]`}${problem}`,
  );
}

/**
 * The plan, read once: what plans is foreign code, and an object with getters could answer differently the next time.
 *
 * @throws `plan-invalid` with the path of what is wrong. The single actions are checked when their turn comes.
 */
export const readPlan = (value: unknown, behavior: string): Plan => {
  const refuse = (problem: string): PantheonError =>
    new PantheonError('plan-invalid', `behavior ${behavior}: ${problem}`);
  let actions: unknown;
  let again: unknown;
  let carry: unknown;
  let complete: unknown;
  try {
    if (!isObject(value)) throw refuse('plan must resolve to { actions }');
    ({ actions, again, carry, complete } = value);
  } catch (error) {
    throw PantheonError.is(error)
      ? error
      : refuse(`the plan cannot be read: ${errorMessage(error)}`);
  }
  if (!Array.isArray(actions)) throw refuse('plan.actions must be a list');
  if (actions.length > MAX_ACTIONS) {
    throw refuse(`plan.actions has ${actions.length} entries; at most ${MAX_ACTIONS} are allowed`);
  }
  return { actions, again: again === true, carry, complete: complete === true };
};
