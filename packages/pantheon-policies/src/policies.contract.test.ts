/** Every decorated port is a port: it passes the suite of its port. */
import type { ILlmPort, IToolPort } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import type { ManualTimers, MemoryTools, ScriptedLlm } from '@promethean/pantheon-core/memory';
import {
  busSuite,
  contextSuite,
  importSuite,
  llmSuite,
  schedulerSuite,
  stateSuite,
  toolsSuite,
} from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import {
  makeMemoryBusHarness,
  makeMemoryContextHarness,
  makeMemorySchedulerHarness,
  makeMemoryStateHarness,
  makeMemoryToolsHarness,
  makeScriptedLlmHarness,
} from '@promethean/pantheon-testkit/memory';
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

const quiet = { onCall: () => undefined };
const slow = 50_000;

/** A model that is never there. */
const unreachable: ILlmPort = {
  complete: () =>
    Promise.reject(new PantheonError('unavailable', 'Nobody is there.', { retryable: true })),
};

/** No two requests alike, so that the cache has to ask each time, and does so by its own way. */
const askedAnew = (llm: ScriptedLlm, timers: ManualTimers): ILlmPort => {
  let questions = 0;
  const cached = withCache(
    {
      ...llm,
      complete: (request) => llm.complete({ ...request, temperature: 0 }),
    } satisfies ILlmPort,
    { timers, cacheable: ({ messages }) => messages.length > 0 },
  );
  return {
    ...cached,
    complete: (request) => {
      questions += 1;
      return cached.complete({ ...request, maxTokens: 1_000 + questions });
    },
  };
};

/** Declares all tools harmless, so that the cache takes their calls. */
const harmless = (tools: MemoryTools): MemoryTools => ({
  ...tools,
  register: (tool) => tools.register({ sideEffect: 'none', ...tool }),
});

const echoes = {
  maxSize: 1,
  run: (calls: readonly { readonly args: unknown }[]) => calls.map(({ args }) => args),
};

const llms: Readonly<Record<string, (llm: ScriptedLlm, timers: ManualTimers) => ILlmPort>> = {
  withRetry: (llm, timers) => withRetry(llm, { timers }),
  withTimeout: (llm, timers) => withTimeout(llm, { timeoutMs: slow, timers }),
  withCircuitBreaker: (llm, timers) => withCircuitBreaker(llm, { timers }),
  withRateLimit: (llm, timers) => withRateLimit(llm, { calls: 100, concurrency: 2, timers }),
  withCache: (llm, timers) => withCache(llm, { timers }),
  'withCache, always asked': askedAnew,
  'withFallback, the first': (llm, timers) => withFallback([llm, unreachable], { timers }),
  'withFallback, the last': (llm, timers) =>
    withFallback([unreachable, unreachable, llm], { timers }),
  withMetrics: (llm) => withMetrics(llm, quiet),
  'all of them': (llm, timers) =>
    withMetrics(
      withCache(
        withFallback(
          [
            unreachable,
            withCircuitBreaker(
              withRetry(
                withTimeout(withRateLimit(llm, { calls: 100, timers }), {
                  timeoutMs: slow,
                  timers,
                }),
                {
                  timers,
                },
              ),
              { timers },
            ),
          ],
          { timers },
        ),
        { timers },
      ),
      quiet,
    ),
};
for (const [name, decorate] of Object.entries(llms)) {
  describeContract(`${name} (llm)`, llmSuite, () => makeScriptedLlmHarness(decorate));
}

const toolPorts: Readonly<Record<string, (tools: MemoryTools, timers: ManualTimers) => IToolPort>> =
  {
    withRetry: (tools, timers) => withRetry(tools, { timers }),
    withTimeout: (tools, timers) => withTimeout(tools, { timeoutMs: slow, timers }),
    withCircuitBreaker: (tools, timers) => withCircuitBreaker(tools, { timers }),
    withRateLimit: (tools, timers) => withRateLimit(tools, { calls: 100, concurrency: 9, timers }),
    withCache: (tools, timers) => withCache(tools, { timers }),
    'withCache, harmless tools': (tools, timers) => withCache(harmless(tools), { timers }),
    withBatching: (tools, timers) =>
      withBatching(tools, { batches: { echo: echoes, weather: echoes }, timers }),
    'withAllowList, all': (tools) => withAllowList(tools, { tools: ['*'] }),
    withMetrics: (tools) => withMetrics(tools, quiet),
    'all of them': (tools, timers) =>
      withMetrics(
        withAllowList(
          withCache(
            withCircuitBreaker(
              withRetry(
                withTimeout(
                  withRateLimit(withBatching(tools, { batches: { echo: echoes }, timers }), {
                    calls: 100,
                    timers,
                  }),
                  { timeoutMs: slow, timers },
                ),
                { timers },
              ),
              { timers },
            ),
            { timers },
          ),
          { tools: ['*'] },
        ),
        quiet,
      ),
  };
for (const [name, decorate] of Object.entries(toolPorts)) {
  describeContract(`${name} (tools)`, toolsSuite, () => makeMemoryToolsHarness(decorate));
}

describeContract('withRetry (context)', contextSuite, () =>
  makeMemoryContextHarness((context, timers) => withRetry(context, { timers })),
);
describeContract('withTimeout (context)', contextSuite, () =>
  makeMemoryContextHarness((context, timers) => withTimeout(context, { timeoutMs: slow, timers })),
);
describeContract('withCircuitBreaker (context)', contextSuite, () =>
  makeMemoryContextHarness((context, timers) => withCircuitBreaker(context, { timers })),
);
describeContract('withCache (context)', contextSuite, () =>
  makeMemoryContextHarness((context, timers) => withCache(context, { timers })),
);
describeContract('withAllowList (context)', contextSuite, () =>
  makeMemoryContextHarness((context) => withAllowList(context, { sources: ['*'] })),
);
describeContract('withMetrics (context)', contextSuite, () =>
  makeMemoryContextHarness((context) => withMetrics(context, quiet)),
);

describeContract('withRetry (state)', stateSuite, () =>
  makeMemoryStateHarness((state, timers) => withRetry(state, { timers })),
);
describeContract('withTimeout (state)', stateSuite, () =>
  makeMemoryStateHarness((state, timers) => withTimeout(state, { timeoutMs: slow, timers })),
);
describeContract('withCircuitBreaker (state)', stateSuite, () =>
  makeMemoryStateHarness((state, timers) => withCircuitBreaker(state, { timers })),
);
describeContract('withMetrics (state)', stateSuite, () =>
  makeMemoryStateHarness((state) => withMetrics(state, quiet)),
);

describeContract('withRetry (bus)', busSuite, () =>
  makeMemoryBusHarness((bus, timers) => withRetry(bus, { timers })),
);
describeContract('withTimeout (bus)', busSuite, () =>
  makeMemoryBusHarness((bus, timers) => withTimeout(bus, { timeoutMs: slow, timers })),
);
describeContract('withAllowList (bus)', busSuite, () =>
  makeMemoryBusHarness((bus) => withAllowList(bus, { to: ['*'] })),
);
describeContract('withMetrics (bus)', busSuite, () =>
  makeMemoryBusHarness((bus) => withMetrics(bus, quiet)),
);

describeContract('withMetrics (scheduler)', schedulerSuite, () =>
  makeMemorySchedulerHarness((scheduler) => withMetrics(scheduler, quiet)),
);

describeContract('the package', importSuite, () => ({
  module: import.meta.resolve('@promethean/pantheon-policies'),
  nodeOptions: ['--conditions=@promethean/source'],
}));
