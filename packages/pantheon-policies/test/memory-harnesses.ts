/** A harness for each in-memory port, with a decorator between the suite and the port. */
import type {
  IActorStatePort,
  IContextPort,
  ILlmPort,
  IMessageBus,
  IScheduler,
  IToolPort,
} from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import {
  makeManualTimers,
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryScheduler,
  makeMemoryState,
  makeMemoryTools,
  makeScriptedLlm,
  type ManualTimers,
  type MemoryBus,
  type MemoryContext,
  type MemoryState,
  type MemoryTools,
  type ScriptedAnswer,
  type ScriptedLlm,
} from '@promethean/pantheon-core/memory';
import type {
  BusHarness,
  ContextHarness,
  LlmAnswer,
  LlmHarness,
  SchedulerHarness,
  StateHarness,
  ToolsHarness,
} from '@promethean/pantheon-testkit';

/** Puts a decorator on a port. Its timers are the port's. */
export type Decorate<From, To> = (port: From, timers: ManualTimers) => To;

const hostTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Closes the port while its clock runs on, so that what a case left open is given up. */
const closeWith =
  (port: { readonly close?: () => Promise<void> }, timers: ManualTimers) =>
  async (): Promise<void> => {
    const closing = port.close?.();
    await timers.advance(60_000);
    await closing;
  };

export const toolsHarness = (decorate: Decorate<MemoryTools, IToolPort>): ToolsHarness => {
  const timers = makeManualTimers();
  const tools = decorate(makeMemoryTools({ timers }), timers);
  return {
    tools,
    advance: timers.advance,
    pending: timers.pending,
    supports: ['list', 'close'],
    close: closeWith(tools, timers),
  };
};

export const busHarness = (decorate: Decorate<MemoryBus, IMessageBus>): BusHarness => {
  const timers = makeManualTimers();
  const bus = decorate(makeMemoryBus({ timers, retryDelayMs: 100, capacity: 200 }), timers);
  return {
    bus,
    settle: async () => {
      for (let turns = 0; turns < 40; turns += 1) await hostTurn();
    },
    now: timers.now,
    advance: timers.advance,
    retryDelayMs: 100,
    capacity: 200,
    pending: timers.pending,
    supports: ['deadLetters', 'capacity', 'close'],
    close: closeWith(bus, timers),
  };
};

export const schedulerHarness = (decorate: Decorate<IScheduler, IScheduler>): SchedulerHarness => {
  const timers = makeManualTimers();
  const scheduler = decorate(makeMemoryScheduler({ timers }), timers);
  return {
    scheduler,
    now: timers.now,
    advance: timers.advance,
    stall: timers.stall,
    pending: timers.pending,
    supports: ['close'],
    close: closeWith(scheduler, timers),
  };
};

export const stateHarness = (decorate: Decorate<MemoryState, IActorStatePort>): StateHarness => {
  const timers = makeManualTimers({ startMs: Date.UTC(2025, 0, 1) });
  const state = decorate(makeMemoryState({ now: timers.now }), timers);
  return {
    state,
    advance: timers.advance,
    supports: ['remove', 'close'],
    close: closeWith(state, timers),
  };
};

export const contextHarness = (decorate: Decorate<MemoryContext, IContextPort>): ContextHarness => {
  const timers = makeManualTimers();
  const documents: Record<string, readonly string[]> = {};
  // The sources become known one by one, while the port takes all of them at its making.
  let made: IContextPort | undefined;
  const port = (): IContextPort => (made ??= decorate(makeMemoryContext({ documents }), timers));
  const context: IContextPort = {
    compile: (request) => port().compile(request),
    record: async (actorId, entries) => port().record?.(actorId, entries),
    explain: async (request) => (await port().explain?.(request)) ?? [],
    close: async () => port().close?.(),
  };
  return {
    context,
    addSource: async (id, texts) => {
      documents[id] = texts;
      return { id, label: `The source ${id}` };
    },
    conversationOf: (actorId) => ({ id: 'conversation', label: 'Talk', where: { actorId } }),
    estimateTokens: ({ content }) => Math.ceil(content.length / 4),
    supports: ['record', 'explain', 'close'],
    close: context.close as () => Promise<void>,
  };
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

/** How an answer of the suite is written in a script. */
const scripted = (answer: LlmAnswer): ScriptedAnswer => {
  switch (answer) {
    case 'empty':
      return { role: 'assistant', content: '' };
    case 'truncated':
      return new PantheonError('llm-truncated', 'The answer was cut off.');
    case 'error':
      return new Error('The model is out of order.');
    case 'hang':
    case 'stall':
      return () => new Promise(() => undefined);
    default: {
      const { text = '', toolCalls = [], usage } = answer;
      return {
        role: 'assistant',
        content: text,
        toolCalls: toolCalls.map(({ id, name, args }, index) => ({
          id: id ?? `call-${index}`,
          name,
          args: (typeof args === 'string' ? parse(args) : args) as Record<string, unknown>,
        })),
        ...(usage !== undefined && { usage }),
      };
    }
  }
};

export const llmHarness = (decorate: Decorate<ScriptedLlm, ILlmPort>): LlmHarness => {
  const timers = makeManualTimers();
  let next: ScriptedAnswer = 'No answer was set.';
  const answer: ScriptedAnswer = (request) => {
    if (next instanceof Error) throw next;
    return typeof next === 'function' ? next(request) : next;
  };
  // An entry for every call; what it answers is decided when the call comes.
  const llm = decorate(
    makeScriptedLlm(
      Array.from({ length: 100 }, () => answer),
      { timers },
    ),
    timers,
  );
  return {
    llm,
    advance: timers.advance,
    answerWith: (set) => {
      next = scripted(set);
    },
    pending: timers.pending,
    supports: ['scriptable', 'tools', 'usage', 'stream', 'stall', 'close'],
    close: closeWith(llm, timers),
  };
};
