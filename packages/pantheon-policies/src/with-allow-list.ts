import type { IContextPort, IMessageBus, IToolPort } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { closing } from './closing.ts';
import { isNamed } from './name-patterns.ts';
import { type Decorated, findPort } from './ports-by-kind.ts';
import { optionInvalid, requirePatterns } from './require-option.ts';

/** Names are exact or end in `*`. An empty list allows nothing. */
export interface ToolAllowList {
  /** The tools that can be listed and invoked. */
  readonly tools: readonly string[];
}

/** Whom messages may be sent to, and in whose name. */
export interface BusAllowList {
  /** Recipients; `'*'` allows all, broadcasts included. Default: all. */
  readonly to?: readonly string[];
  /** Senders. Default: all. */
  readonly from?: readonly string[];
}

/** What contexts may be compiled from. */
export interface ContextAllowList {
  /** The ids of the sources. */
  readonly sources: readonly string[];
}

/**
 * Lets through only what the list names, and rejects the rest with `permission-denied` before the port sees it. What is not allowed
 * of a tool port is not listed either, and a name that is no tool stays `tool-unknown`. On a bus the list is for what is sent; it does not
 * hide messages from subscribers. Throws `option-invalid`.
 */
export const withAllowList: {
  <P extends IToolPort>(port: P, allow: ToolAllowList): Decorated<P>;
  <P extends IMessageBus>(port: P, allow: BusAllowList): Decorated<P>;
  <P extends IContextPort>(port: P, allow: ContextAllowList): Decorated<P>;
} = <P extends IToolPort | IMessageBus | IContextPort>(
  port: P,
  allow: Partial<ToolAllowList & BusAllowList & ContextAllowList>,
): Decorated<P> => {
  const found = findPort('withAllowList', port, ['tools', 'bus', 'context']);
  if (typeof allow !== 'object' || allow === null) throw optionInvalid('allow', 'an object', allow);
  const { tools, to = ['*'], from = ['*'], sources } = allow;
  switch (found.kind) {
    case 'tools':
      return allowedTools(found.port, required('tools', tools)) as Decorated<P>;
    case 'bus':
      return allowedBus(found.port, required('to', to), required('from', from)) as Decorated<P>;
    default:
      return allowedContext(found.port, required('sources', sources)) as Decorated<P>;
  }
};

/** A copy, so that nobody widens the list later. */
const required = (path: string, patterns: readonly string[] | undefined): readonly string[] => {
  requirePatterns(path, patterns);
  return [...(patterns as readonly string[])];
};

const denied = (what: string, name: string): PantheonError =>
  new PantheonError(
    'permission-denied',
    `The ${what} ${JSON.stringify(name)} is not among those that are allowed.`,
    { details: { what, name } },
  );

const allowedTools = (port: IToolPort, tools: readonly string[]): IToolPort => {
  const list = port.list?.bind(port);
  return {
    register: port.register.bind(port),
    invoke: async (name, args, call) => {
      if (isAllowed(tools, name)) return port.invoke(name, args, call);
      if (list === undefined || list().some((spec) => spec.name === name))
        throw denied('tool', name);
      throw new PantheonError('tool-unknown', `There is no tool ${JSON.stringify(name)}.`, {
        details: { name },
      });
    },
    ...(list && { list: () => list().filter(({ name }) => isNamed(tools, name)) }),
    ...closing(port, undefined),
  };
};

/** What is no name is left to the port, which says what is wrong with it. */
const isAllowed = (patterns: readonly string[], name: unknown): boolean =>
  typeof name !== 'string' || isNamed(patterns, name);

const allowedBus = (
  port: IMessageBus,
  to: readonly string[],
  from: readonly string[],
): IMessageBus => ({
  send: async (message) => {
    if (!isAllowed(to, message?.to)) throw denied('recipient', message.to);
    if (!isAllowed(from, message?.from)) throw denied('sender', message.from);
    return port.send(message);
  },
  subscribe: port.subscribe.bind(port),
  ...(port.deadLetters && { deadLetters: port.deadLetters }),
  ...closing(port, undefined),
});

const allowedContext = (port: IContextPort, sources: readonly string[]): IContextPort => {
  const check = (request: { readonly sources: readonly { readonly id: string }[] }): void => {
    for (const { id } of request.sources) {
      if (!isAllowed(sources, id)) throw denied('source', id);
    }
  };
  const explain = port.explain?.bind(port);
  return {
    compile: async (request) => {
      check(request);
      return port.compile(request);
    },
    ...(explain && {
      explain: async (request) => {
        check(request);
        return explain(request);
      },
    }),
    ...(port.record && { record: port.record.bind(port) }),
    ...closing(port, undefined),
  };
};
