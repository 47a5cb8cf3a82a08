import type {
  ILlmPort,
  LlmChunk,
  LlmRequest,
  PantheonError,
  Timers,
} from '@promethean/pantheon-core';
import { makeManualTimers } from '@promethean/pantheon-testkit';
import type { ManualTimers } from '@promethean/pantheon-testkit';
import { afterEach, beforeEach, expect } from 'vitest';
import { makeOpenAiLlm } from '../src/openai-llm.ts';
import type { OpenAiLlm, OpenAiLlmOptions } from '../src/openai-llm.ts';
import { startWireServer, until } from './wire-server.ts';
import type { WireServer } from './wire-server.ts';

export const KEY = 'sk-a-secret-of-the-tests';
export const HELLO: LlmRequest = { messages: [{ role: 'user', content: 'hello' }] };
export const TOOL: LlmRequest = { ...HELLO, tools: [{ name: 'add' }] };
/** Values that no wait has. */
export const CLOCKS = { headersMs: 1_001, firstDeltaMs: 2_001, idleMs: 3_001, totalMs: 100_001 };

/** What every test gets: a server of its own, and a clock that stands still. */
interface Setup {
  readonly server: WireServer;
  readonly timers: ManualTimers;
  /** The delays of all timers that were set, in their order. */
  readonly delays: readonly number[];
  /** An adapter on both, with a jitter of one half. */
  readonly make: (options?: Partial<OpenAiLlmOptions>) => OpenAiLlm;
  /** Waits for the wait number `index` that follows a failure, passes it, and gives its length. */
  readonly passWait: (index: number) => Promise<number>;
}

/** Registers the hooks of a test file. What it returns is filled anew before every test. */
export const useSetup = (): Setup => {
  const current = {} as { -readonly [Key in keyof Setup]: Setup[Key] };
  beforeEach(async () => {
    const server = await startWireServer();
    const manual = makeManualTimers();
    const delays: number[] = [];
    const set: Timers['set'] = (run, delayMs) => {
      delays.push(delayMs);
      return manual.set(run, delayMs);
    };
    const timers = { ...manual, set };
    const make: Setup['make'] = (options) =>
      makeOpenAiLlm({
        model: 'test',
        apiKey: KEY,
        baseURL: server.url,
        timers,
        now: () => 1_000_000 + timers.now(),
        random: () => 0.5,
        timeouts: CLOCKS,
        ...options,
      });
    const passWait: Setup['passWait'] = async (index) => {
      const clocks: readonly number[] = Object.values(CLOCKS);
      const waits = (): readonly number[] => delays.filter((ms) => !clocks.includes(ms));
      await until(() => waits().length > index, 'a wait was set');
      const waitMs = waits()[index] ?? 0;
      await timers.advance(waitMs);
      return waitMs;
    };
    Object.assign(current, { server, timers, delays, make, passWait });
  });
  afterEach(() => current.server.close());
  return current;
};

/** The error of a call that must fail. */
export const failure = async (call: Promise<unknown>): Promise<PantheonError> => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error, 'the call must fail').toBeDefined();
  return error as PantheonError;
};

/** Reads a stream to its end. */
export const collect = async (
  llm: Required<ILlmPort>,
  request: LlmRequest,
): Promise<readonly LlmChunk[]> => {
  const chunks: LlmChunk[] = [];
  for await (const chunk of llm.stream(request)) chunks.push(chunk);
  return chunks;
};
