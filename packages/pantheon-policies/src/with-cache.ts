import { createHash } from 'node:crypto';
import type {
  ContextRequest,
  IContextPort,
  ILlmPort,
  IToolPort,
  LlmRequest,
  Message,
  Timers,
  ToolCallContext,
} from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';
import { PantheonError } from '@promethean/pantheon-core';
import { type Asker, makeAnswerCache } from './answer-cache.ts';
import { canonicalText } from './canonical-text.ts';
import { closing } from './closing.ts';
import { isNamed } from './name-patterns.ts';
import { boundedContext, boundedRequest, cancelledError, describeCall } from './port-call.ts';
import { type Decorated, findPort } from './ports-by-kind.ts';
import { isTimeLimit, requireCount, requireDelay, requirePatterns } from './require-option.ts';
import { makeToolSpecs } from './tool-specs.ts';

/** Settings of `withCache` for a context port. */
export interface CacheOptions {
  /** How long an answer is kept, in milliseconds. Default 60,000. */
  readonly ttlMs?: number;
  /** Answers that are kept; beyond them the least recently used goes. Default 1,000. */
  readonly maxEntries?: number;
  /** Default: the process's. */
  readonly timers?: Timers;
}

/** Settings of `withCache` for a model. */
export interface LlmCacheOptions extends CacheOptions {
  /** Which requests may be answered from the cache. Default: those with `temperature: 0`. */
  readonly cacheable?: (request: LlmRequest) => boolean;
}

/** Settings of `withCache` for tools. */
export interface ToolCacheOptions extends CacheOptions {
  /** Which of the tools with `sideEffect: 'none'` may be answered from the cache, exact or with a trailing `*`. Default `['*']`. */
  readonly tools?: readonly string[];
}

type Settings = Required<LlmCacheOptions & ToolCacheOptions>;

/**
 * Answers an equal question again without asking the port: for a model requests with `temperature: 0`, for tools calls of those with
 * `sideEffect: 'none'` by the same actor, for a context port `compile`. Equal questions with the same `timeoutMs` at the same time are
 * asked once; each caller keeps its own signal, and the shared call is aborted when nobody waits for it any more.
 *
 * Errors are never kept, nor are requests and results that are no plain data. `context.record` through the decorator forgets
 * everything; what else changes a source is seen after `ttlMs`. The `usage` of an answer that cost nothing is 0. Throws `option-invalid`.
 */
export const withCache: {
  <P extends ILlmPort>(port: P, options?: LlmCacheOptions): Decorated<P>;
  <P extends IToolPort>(port: P, options?: ToolCacheOptions): Decorated<P>;
  <P extends IContextPort>(port: P, options?: CacheOptions): Decorated<P>;
} = <P extends ILlmPort | IToolPort | IContextPort>(
  port: P,
  options: LlmCacheOptions & ToolCacheOptions = {},
): Decorated<P> => {
  const settings: Settings = {
    ttlMs: options.ttlMs ?? 60_000,
    maxEntries: options.maxEntries ?? 1_000,
    timers: options.timers ?? hostTimers,
    cacheable: options.cacheable ?? (({ temperature }) => temperature === 0),
    tools: options.tools ?? ['*'],
  };
  requireDelay('ttlMs', settings.ttlMs, 1);
  requireCount('maxEntries', settings.maxEntries);
  requirePatterns('tools', settings.tools);
  const found = findPort('withCache', port, ['llm', 'tools', 'context']);
  switch (found.kind) {
    case 'llm':
      return cachedLlm(found.port, settings) as Decorated<P>;
    case 'tools':
      return cachedTools(found.port, settings) as Decorated<P>;
    default:
      return cachedContext(found.port, settings) as Decorated<P>;
  }
};

/** A short key for any question, or nothing where it has none. */
const keyOf = (question: unknown): string | undefined => {
  const text = canonicalText(question);
  return text === undefined ? undefined : createHash('sha256').update(text).digest('base64');
};

/** How long a caller waits by its own limits. Throws for a limit that is none. */
const askerOf = (
  call: Parameters<typeof describeCall>[0],
  {
    signal,
    timeoutMs = Infinity,
  }: { readonly signal: AbortSignal | undefined; readonly timeoutMs: number | undefined },
): Asker => {
  if (!isTimeLimit(timeoutMs)) {
    throw new PantheonError(
      'option-invalid',
      `timeoutMs of ${describeCall(call)} must be milliseconds above 0, or Infinity, not ${String(timeoutMs)}.`,
    );
  }
  return {
    timeoutMs,
    signal,
    timeoutError: () =>
      new PantheonError('timeout', `${describeCall(call)} did not end within ${timeoutMs} ms.`, {
        retryable: true,
        details: { timeoutMs },
      }),
    abortError: () => cancelledError(call, signal),
  };
};

const NO_USAGE = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };

/** An answer that nobody was charged for. */
const free = (message: Message): Message =>
  message.usage === undefined ? message : { ...message, usage: NO_USAGE };

const cachedLlm = (port: ILlmPort, { cacheable, ...settings }: Settings): ILlmPort => {
  const cache = makeAnswerCache<Message>(settings);
  let closed = false;

  const keyFor = (request: LlmRequest): string | undefined => {
    // A closed port refuses by itself, and so does one that is asked nothing.
    if (closed || !Array.isArray(request.messages) || request.messages.length === 0)
      return undefined;
    if (!cacheable(request)) return undefined;
    const { messages, model, tools, temperature, maxTokens, format } = request;
    return keyOf({ messages, model, tools, temperature, maxTokens, format });
  };
  const asker = (method: string, request: LlmRequest): Asker =>
    askerOf(
      { port: 'llm', method, name: request.model },
      { signal: request.signal, timeoutMs: request.timeoutMs },
    );

  const stream = port.stream?.bind(port);
  return {
    complete: async (request) => {
      const key = keyFor(request);
      if (key === undefined) return port.complete(request);
      const { value, isFree } = await cache.ask(key, asker('complete', request), (signal) =>
        port.complete(boundedRequest(request, { signal })),
      );
      return isFree ? free(value) : value;
    },
    ...(stream && {
      stream: async function* (request) {
        const key = keyFor(request);
        if (key === undefined) {
          yield* stream(request);
          return;
        }
        const { signal, abortError } = asker('stream', request);
        if (signal?.aborted === true) throw abortError();
        const hit = cache.find(key);
        if (hit !== undefined) {
          const message = free(hit.value);
          if (message.content !== '') yield { type: 'text', text: message.content };
          yield { type: 'message', message };
          return;
        }
        const asOf = cache.generation();
        for await (const chunk of stream(request)) {
          if (chunk.type === 'message') cache.keep(key, chunk.message, asOf);
          yield chunk;
        }
      },
    }),
    ...closing(port, () => {
      closed = true;
      cache.clear();
    }),
  };
};

const cachedTools = (port: IToolPort, { tools: names, ...settings }: Settings): IToolPort => {
  const cache = makeAnswerCache<unknown>(settings);
  const specs = makeToolSpecs(port);
  let closed = false;

  const keyFor = (
    name: string,
    args: unknown,
    call: ToolCallContext | undefined,
  ): string | undefined => {
    if (closed || typeof name !== 'string' || !isNamed(names, name)) return undefined;
    const spec = specs.find(name);
    if (spec?.sideEffect !== 'none' || spec.approval !== undefined) return undefined;
    // What one actor may see is not told to another.
    return keyOf({ name, args, actorId: call?.actorId });
  };

  return {
    register: specs.register,
    invoke: async (name, args, call) => {
      const key = keyFor(name, args, call);
      if (key === undefined) return port.invoke(name, args, call);
      const asker = askerOf(
        { port: 'tools', method: 'invoke', name },
        { signal: call?.signal, timeoutMs: call?.timeoutMs },
      );
      const { value } = await cache.ask(key, asker, (signal) =>
        port.invoke(name, args, boundedContext(call ?? {}, { signal })),
      );
      return value;
    },
    ...(port.list && { list: port.list.bind(port) }),
    ...closing(port, () => {
      closed = true;
      cache.clear();
    }),
  };
};

const cachedContext = (port: IContextPort, settings: Settings): IContextPort => {
  const cache = makeAnswerCache<readonly Message[]>(settings);
  const asker = askerOf(
    { port: 'context', method: 'compile', name: undefined },
    { signal: undefined, timeoutMs: undefined },
  );
  const record = port.record?.bind(port);
  let closed = false;

  const keyFor = (request: ContextRequest): string | undefined => {
    if (closed) return undefined;
    // Named, for `actorId` may be a getter of a prototype.
    const { actorId, texts, sources, recentLimit, queryLimit, limit, maxTokens } = request;
    return keyOf({ actorId, texts, sources, recentLimit, queryLimit, limit, maxTokens });
  };

  return {
    compile: async (request) => {
      const key = keyFor(request);
      if (key === undefined) return port.compile(request);
      const { value } = await cache.ask(key, asker, () => port.compile(request));
      return value;
    },
    ...(record && {
      record: async (actorId, entries) => {
        try {
          await record(actorId, entries);
        } finally {
          // Also after a failure, for something may have been kept.
          cache.clear();
        }
      },
    }),
    ...(port.explain && { explain: port.explain.bind(port) }),
    ...closing(port, () => {
      closed = true;
      cache.clear();
    }),
  };
};
