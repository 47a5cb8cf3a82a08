import type {
  IActorStatePort,
  IContextPort,
  ILlmPort,
  IMessageBus,
  IScheduler,
  IToolPort,
  OutgoingMessage,
  ToolCallContext,
} from '@promethean/pantheon-core';
import { closing } from './closing.ts';
import {
  boundedContext,
  boundedRequest,
  type Bounds,
  type Policy,
  type PortCall,
} from './port-call.ts';
import type { AnyPort, FoundPort, PortKind } from './ports-by-kind.ts';
import { isSafeToRepeat, makeToolSpecs } from './tool-specs.ts';

/**
 * The port with the policy around each of its calls. Optional members are there exactly when the port has them. No method needs
 * `this`; the port's own methods are called on the port.
 */
export const decorate = (found: FoundPort, policy: Policy): AnyPort => {
  switch (found.kind) {
    case 'llm':
      return decorateLlm(found.port, policy);
    case 'tools':
      return decorateTools(found.port, policy);
    case 'context':
      return decorateContext(found.port, policy);
    case 'state':
      return decorateState(found.port, policy);
    case 'bus':
      return decorateBus(found.port, policy);
    default:
      return decorateScheduler(found.port, policy);
  }
};

/** A call without a signal and a limit of its own. */
const plainCall = <Result>(
  port: PortKind,
  method: string,
  run: () => Result,
  isRepeatable: boolean,
): PortCall<Result> => ({
  port,
  method,
  name: undefined,
  lane: undefined,
  isBounded: false,
  signal: () => undefined,
  timeoutMs: undefined,
  isRepeatable: () => isRepeatable,
  run,
});

const decorateLlm = (port: ILlmPort, policy: Policy): ILlmPort => {
  type Request = Parameters<ILlmPort['complete']>[0];
  const callOf = <Result>(
    method: string,
    request: Request,
    ask: (request: Request) => Result,
  ): PortCall<Result> => ({
    port: 'llm',
    method,
    name: request.model,
    lane: undefined,
    isBounded: true,
    signal: () => request.signal,
    timeoutMs: request.timeoutMs,
    isRepeatable: () => true,
    run: (bounds) => ask(bounds === undefined ? request : boundedRequest(request, bounds)),
  });
  const stream = port.stream?.bind(port);
  return {
    complete: (request) =>
      policy.call(callOf('complete', request, (asked) => port.complete(asked))),
    ...(stream && { stream: (request) => policy.stream(callOf('stream', request, stream)) }),
    ...closing(port, policy.close),
  };
};

const NO_CALL: ToolCallContext = {};

const decorateTools = (port: IToolPort, policy: Policy): IToolPort => {
  const specs = makeToolSpecs(port);
  return {
    register: specs.register,
    invoke: (name, args, call) =>
      policy.call({
        port: 'tools',
        method: 'invoke',
        name,
        lane: undefined,
        isBounded: true,
        signal: () => call?.signal,
        timeoutMs: call?.timeoutMs,
        isRepeatable: () => isSafeToRepeat(specs.find(name)),
        run: (bounds?: Bounds) =>
          port.invoke(
            name,
            args,
            bounds === undefined ? call : boundedContext(call ?? NO_CALL, bounds),
          ),
      }),
    ...(port.list && { list: port.list.bind(port) }),
    ...closing(port, policy.close),
  };
};

const decorateContext = (port: IContextPort, policy: Policy): IContextPort => {
  const record = port.record?.bind(port);
  const explain = port.explain?.bind(port);
  return {
    compile: (request) =>
      policy.call(plainCall('context', 'compile', () => port.compile(request), true)),
    ...(record && {
      record: (actorId, entries) => {
        const kept = asHandedIn(entries, policy);
        return policy.call(plainCall('context', 'record', () => record(actorId, kept), false));
      },
    }),
    ...(explain && {
      explain: (request) =>
        policy.call(plainCall('context', 'explain', () => explain(request), true)),
    }),
    ...closing(port, policy.close),
  };
};

const decorateState = (port: IActorStatePort, policy: Policy): IActorStatePort => {
  const remove = port.remove?.bind(port);
  return {
    spawn: (script, goal, options) => {
      const kept = asHandedIn(options, policy);
      // With an id a second spawn finds the actor that the first one made.
      const isRepeatable = options?.id !== undefined;
      return policy.call(
        plainCall('state', 'spawn', () => port.spawn(script, goal, kept), isRepeatable),
      );
    },
    list: (filter) => policy.call(plainCall('state', 'list', () => port.list(filter), true)),
    get: (id) => policy.call(plainCall('state', 'get', () => port.get(id), true)),
    update: (id, patch, options) => {
      const kept = asHandedIn(patch, policy);
      return policy.call(plainCall('state', 'update', () => port.update(id, kept, options), false));
    },
    ...(remove && {
      remove: (id) => policy.call(plainCall('state', 'remove', () => remove(id), false)),
    }),
    ...closing(port, policy.close),
  };
};

const decorateBus = (port: IMessageBus, policy: Policy): IMessageBus => {
  const { newId, callback } = policy;
  return {
    send: (message) => {
      const sent = newId === undefined ? message : named(message, newId);
      return policy.call({
        ...plainCall('bus', 'send', () => port.send(sent), true),
        lane: sent?.from,
      });
    },
    subscribe: (handler, options) =>
      port.subscribe(callback?.({ port: 'bus', method: 'handle' }, handler) ?? handler, options),
    ...(port.deadLetters && { deadLetters: port.deadLetters }),
    ...closing(port, policy.close),
  };
};

const decorateScheduler = (port: IScheduler, policy: Policy): IScheduler => {
  const watch = (method: string, task: () => unknown): (() => unknown) =>
    policy.callback?.({ port: 'scheduler', method }, task) ?? task;
  const cron = port.cron?.bind(port);
  const shared = port.named?.bind(port);
  return {
    every: (intervalMs, task) => port.every(intervalMs, watch('every', task)),
    once: (delayMs, task) => port.once(delayMs, watch('once', task)),
    ...(cron && {
      cron: (expression, task, options) => cron(expression, watch('cron', task), options),
    }),
    ...(shared && { named: (name) => decorateScheduler(shared(name), policy) }),
    ...closing(port, policy.close),
  };
};

/** What is written, as it is at the call: the caller may change it before a second try. */
const asHandedIn = <T>(value: T, { repeats }: Policy): T =>
  repeats === true ? copyOf(value) : value;

const copyOf = <T>(value: T): T => {
  try {
    return structuredClone(value);
  } catch {
    return value; // No plain data; the port says what is wrong with it.
  }
};

/** The message as it is at the call, with an id, so that the bus recognises it when it is sent again (bus:9). */
const named = (message: OutgoingMessage, newId: () => string): OutgoingMessage => {
  if (typeof message !== 'object' || message === null) return message;
  const { from, to, content, id = newId(), causationId, hops, metadata } = message;
  return {
    from,
    to,
    content,
    id,
    ...(causationId !== undefined && { causationId }),
    ...(hops !== undefined && { hops }),
    ...(metadata !== undefined && { metadata: copyOf(metadata) }),
  };
};
