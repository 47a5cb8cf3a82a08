import type {
  IActorStatePort,
  IContextPort,
  ILlmPort,
  IMessageBus,
  IScheduler,
  IToolPort,
  LlmChunk,
  ToolSpec,
} from '@promethean/pantheon-core';
import {
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryScheduler,
  makeMemoryState,
  makeMemoryTools,
  makeScriptedLlm,
} from '@promethean/pantheon-core/memory';
import {
  withAllowList,
  withBatching,
  withCache,
  withCircuitBreaker,
  withFallback,
  withMetrics,
  withRateLimit,
  withRetry,
  withTimeout,
} from './index.ts';

const llm = makeScriptedLlm([]);
const tools = makeMemoryTools();
const context = makeMemoryContext();
const state = makeMemoryState();
const bus = makeMemoryBus();
const scheduler = makeMemoryScheduler();
const plain: ILlmPort = llm;
const onCall = (): void => undefined;

// A decorated port is a port, with the optional members that the port has.
withRetry(llm) satisfies Required<ILlmPort>;
withRetry(tools) satisfies Required<IToolPort>;
withRetry(context) satisfies Required<IContextPort>;
withRetry(state) satisfies Required<IActorStatePort>;
withRetry(bus) satisfies IMessageBus;
withTimeout(bus, { timeoutMs: 1 }) satisfies IMessageBus;
withCircuitBreaker(state) satisfies Required<IActorStatePort>;
withRateLimit(tools, { calls: 1 }) satisfies Required<IToolPort>;
withCache(context) satisfies Required<IContextPort>;
withCache(llm, { cacheable: ({ temperature }) => temperature === 0 }) satisfies Required<ILlmPort>;
withCache(tools, { tools: ['search'] }) satisfies Required<IToolPort>;
withBatching(tools, {
  batches: { embed: { run: (calls) => calls.map(({ args }) => args['text']) } },
}) satisfies Required<IToolPort>;
withAllowList(tools, { tools: [] }) satisfies Required<IToolPort>;
withAllowList(bus, { to: [] }) satisfies IMessageBus;
withAllowList(context, { sources: [] }) satisfies Required<IContextPort>;
withMetrics(scheduler, { onCall }) satisfies IScheduler;
withFallback([llm, llm]) satisfies Required<ILlmPort>;
withFallback([llm, plain]) satisfies ILlmPort;
export const stream: AsyncIterable<LlmChunk> = withMetrics(withRetry(llm), { onCall }).stream({
  messages: [],
});
export const specs: readonly ToolSpec[] = withCache(withRetry(tools)).list();

// What only some ports have stays optional, and what no port has is gone.
// @ts-expect-error The port may have no stream.
withRetry(plain).stream({ messages: [] });
// @ts-expect-error One of the models may have none.
void withFallback([llm, plain]).close();
// @ts-expect-error The script is the adapter's.
void withRetry(llm).calls;

// @ts-expect-error A schedule is not repeated.
withRetry(scheduler);
// @ts-expect-error A bus has no circuit.
withCircuitBreaker(bus);
// @ts-expect-error A state port is not limited.
withRateLimit(state, { calls: 1 });
// @ts-expect-error A state port is not cached.
withCache(state);
// @ts-expect-error There are no batches of model calls.
withBatching(llm, { batches: {} });
// @ts-expect-error Not a model.
withFallback([tools]);
// @ts-expect-error At least one model.
withFallback([]);
// @ts-expect-error A limit is required.
withTimeout(llm, {});
// @ts-expect-error A callback is required.
withMetrics(llm, {});
// @ts-expect-error That is for tools.
withCache(llm, { tools: ['search'] });
// @ts-expect-error That is for models.
withCache(tools, { cacheable: () => true });
// @ts-expect-error Tools are named by tools.
withAllowList(tools, { sources: [] });
// @ts-expect-error The wrong type.
withRetry(llm, { attempts: '3' });
// @ts-expect-error No such option.
withRetry(llm, { retries: 3 });
