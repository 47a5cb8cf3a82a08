/** Decorators on decorators, in the order that the README recommends, and what all of them have in common. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { ILlmPort, IToolPort, LlmRequest } from '@promethean/pantheon-core';
import {
  makeManualTimers,
  makeMemoryTools,
  makeScriptedLlm,
  type ScriptedAnswer,
} from '@promethean/pantheon-core/memory';
import { expect, test, vi } from 'vitest';
import {
  during,
  expectCode,
  listeners,
  question,
  steppedLlm,
  turn,
  unavailable,
} from '../test/fakes.ts';
import { hardened } from '../test/hardened.ts';
import {
  type CallEvent,
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

test('the recommended order: retried, broken, fallen back from, cached and measured', async () => {
  const timers = makeManualTimers();
  const primary = steppedLlm(unavailable());
  const secondary = makeScriptedLlm(Array.from({ length: 9 }, (_, n) => `answer ${n}`));
  const events: CallEvent[] = [];
  const llm = withMetrics(
    withCache(
      withFallback(
        [
          withCircuitBreaker(
            withRetry(
              withTimeout(withRateLimit(primary, { calls: 10, timers }), {
                timeoutMs: 20_000,
                timers,
              }),
              { attempts: 2, timers },
            ),
            { consecutiveFailures: 2, timers },
          ),
          secondary,
        ],
        { timers },
      ),
      { timers },
    ),
    { onCall: (event) => events.push(event), timers },
  );
  const ask = (maxTokens: number): Promise<unknown> =>
    during(timers, llm.complete(question({ temperature: 0, maxTokens })));
  expect(await ask(1)).toMatchObject({ content: 'answer 0' });
  expect(await ask(1)).toMatchObject({ content: 'answer 0' });
  expect(await ask(2)).toMatchObject({ content: 'answer 1' });
  // Two calls failed twice each: the circuit is open, and the primary is spared.
  expect(await ask(3)).toMatchObject({ content: 'answer 2' });
  expect(primary.requests).toHaveLength(4);
  expect(events.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok', 'ok']);
  expect(events[1]?.durationMs).toBe(0);
  expect(timers.pending()).toBe(0);
});

test('the example of the README does what it is for', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const example = await readFile(new URL('../test/hardened.ts', import.meta.url), 'utf8');
  expect(readme).toContain(`\`\`\`ts\n${example}\`\`\``);

  const told = vi.spyOn(console, 'log').mockReturnValue(undefined);
  // Asked to wait longer than it may, the retry gives up at once.
  const primary = steppedLlm('from the first', unavailable({ retryAfterMs: 600_000 }));
  const llm = hardened(primary, steppedLlm('from the second'));
  const contents: string[] = [];
  for (const maxTokens of [1, 1, 2]) {
    contents.push((await llm.complete(question({ temperature: 0, maxTokens }))).content);
  }
  expect(contents).toEqual(['from the first', 'from the first', 'from the second']);
  expect(primary.requests).toHaveLength(2);
  expect(told.mock.calls.map(([method, , outcome]) => [method, outcome])).toEqual(
    contents.map(() => ['complete', 'ok']),
  );
  told.mockRestore();
});

/** Every decorator of a model alone. */
const llmDecorators: Readonly<Record<string, (llm: ILlmPort) => ILlmPort>> = {
  withRetry: (llm) => withRetry(llm),
  withTimeout: (llm) => withTimeout(llm, { timeoutMs: 60_000 }),
  withCircuitBreaker: (llm) => withCircuitBreaker(llm),
  withRateLimit: (llm) => withRateLimit(llm, { concurrency: 9 }),
  withCache: (llm) => withCache(llm),
  withFallback: (llm) => withFallback([llm]),
  withMetrics: (llm) => withMetrics(llm, { onCall: () => undefined }),
};

/** Every decorator of tools alone. */
const toolDecorators: Readonly<Record<string, (tools: IToolPort) => IToolPort>> = {
  withRetry: (tools) => withRetry(tools),
  withTimeout: (tools) => withTimeout(tools, { timeoutMs: 60_000 }),
  withCircuitBreaker: (tools) => withCircuitBreaker(tools),
  withRateLimit: (tools) => withRateLimit(tools, { concurrency: 9 }),
  withCache: (tools) => withCache(tools),
  withBatching: (tools) => withBatching(tools, { batches: {} }),
  withAllowList: (tools) => withAllowList(tools, { tools: ['*'] }),
  withMetrics: (tools) => withMetrics(tools, { onCall: () => undefined }),
};

test.for(Object.entries(llmDecorators))(
  '%s: optional members are there exactly when the port has them',
  ([, decorate]) => {
    const complete = makeScriptedLlm([]).complete;
    expect(Object.keys(decorate({ complete }))).toEqual(['complete']);
    expect(Object.keys(decorate(makeScriptedLlm([]))).sort()).toEqual([
      'close',
      'complete',
      'stream',
    ]);
  },
);

test.for(Object.entries(toolDecorators))(
  '%s: a port of tools keeps its members, and no others',
  ([, decorate]) => {
    const { register, invoke, list, close } = makeMemoryTools();
    expect(Object.keys(decorate({ register, invoke })).sort()).toEqual(['invoke', 'register']);
    expect(Object.keys(decorate({ register, invoke, list, close })).sort()).toEqual([
      'close',
      'invoke',
      'list',
      'register',
    ]);
  },
);

/** A request as a tick makes it: the signal is a getter that reads a private member. */
class TickRequest implements LlmRequest {
  readonly messages = question().messages;
  readonly #controller = new AbortController();
  read = 0;
  get signal(): AbortSignal {
    this.read += 1;
    return this.#controller.signal;
  }
  abort(): void {
    this.#controller.abort(new Error('enough'));
  }
}

test.for(Object.entries(llmDecorators))(
  '%s: a signal that is made when it is read still cancels, and is left without listeners',
  async ([, decorate]) => {
    const hang: ScriptedAnswer = () => new Promise(() => undefined);
    const llm = decorate(makeScriptedLlm([hang, 'done']));
    const request = new TickRequest();
    const call = expectCode(llm.complete(request), 'tick-cancelled');
    await turn();
    request.abort();
    await call;
    await turn();
    expect(listeners(request.signal)).toBe(0);
  },
);

test.for([
  'withRetry',
  'withCircuitBreaker',
  'withRateLimit',
  'withCache',
  'withFallback',
  'withMetrics',
])('%s: a call that need not wait does not make the signal', async (name) => {
  const request = new TickRequest();
  const llm = llmDecorators[name]?.({
    complete: async () => ({ role: 'assistant', content: 'hi' }),
  });
  await llm?.complete(request);
  expect(request.read).toBe(0);
});

/** A tool call as a port of tools makes it for a tool that calls others: its members are getters of private state. */
class OwnCall {
  readonly #controller = new AbortController();
  readonly #actorId = 'a1';
  get actorId(): string {
    return this.#actorId;
  }
  get idempotencyKey(): string {
    return `${this.#actorId}/key`;
  }
  get signal(): AbortSignal {
    return this.#controller.signal;
  }
}

test.for(Object.entries(toolDecorators))(
  '%s: a tool is told who calls, also by getters',
  async ([, decorate]) => {
    const tools = decorate(makeMemoryTools());
    tools.register({
      name: 'who',
      sideEffect: 'none',
      invoke: (_, call) => [call.actorId, call.idempotencyKey, call.timeoutMs],
    });
    expect(await tools.invoke('who', {}, new OwnCall())).toEqual(['a1', 'a1/key', 60_000]);
  },
);

test('an idle decorated port keeps no process alive', async () => {
  const program = `
    import { makeScriptedLlm, makeMemoryTools } from '@promethean/pantheon-core/memory';
    import * as policies from '@promethean/pantheon-policies';
    const { withRetry, withTimeout, withCircuitBreaker, withRateLimit, withCache, withFallback, withMetrics } = policies;
    const options = { timeoutMs: 600000, calls: 1, onCall: () => {} };
    const llm = withMetrics(withCache(withFallback([withCircuitBreaker(withRetry(withTimeout(
      withRateLimit(makeScriptedLlm(['hi']), options), options)))])), options);
    console.log((await llm.complete({ messages: [{ role: 'user', content: 'Hello?' }] })).content);
  `;
  const flags = ['--conditions=@promethean/source', '--input-type=module', '--eval', program];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, flags, {
    cwd: import.meta.dirname,
    timeout: 15_000,
  });
  expect([stdout, stderr]).toEqual(['hi\n', '']);
});
