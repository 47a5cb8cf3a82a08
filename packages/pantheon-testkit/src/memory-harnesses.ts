/**
 * Harnesses of the in-memory ports: whole, right ports for those who put something around a port and have to prove that the
 * contract still holds.
 */
import {
  type IActorStatePort,
  type IContextPort,
  type IJournalPort,
  type ILeasePort,
  type ILlmPort,
  type IMessageBus,
  type IScheduler,
  type IToolPort,
  PantheonError,
} from '@promethean/pantheon-core';
import type { LeaseStore } from '@promethean/pantheon-core/adapter';
import {
  makeManualTimers,
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryJournal,
  makeMemoryLeases,
  makeMemoryLeaseStore,
  makeMemoryScheduler,
  makeMemoryState,
  makeMemoryTools,
  makeScriptedLlm,
  type ManualTimers,
  type MemoryBus,
  type MemoryContext,
  type MemoryJournal,
  type MemoryLeases,
  type MemoryScheduler,
  type MemoryState,
  type MemoryTools,
  type ScriptedAnswer,
  type ScriptedLlm,
} from '@promethean/pantheon-core/memory';
import type { BusHarness } from './bus-suite.ts';
import type { ContextHarness } from './context-suite.ts';
import type { JournalHarness } from './journal-suite.ts';
import type { LeaseHarness } from './lease-suite.ts';
import type { LlmAnswer, LlmHarness } from './llm-suite.ts';
import type { SchedulerHarness } from './scheduler-suite.ts';
import type { StateHarness } from './state-suite.ts';
import type { ToolsHarness } from './tools-suite.ts';

/** Puts something around a port. What it needs of time it takes from the port's timers, which the suite moves. */
export type Decorate<From, To> = (port: From, timers: ManualTimers) => To;

/** Closes a port while its clock runs on, so that what a case left open is given up. */
const closeWith =
  (port: { readonly close?: () => Promise<void> }, timers: ManualTimers) =>
  async (): Promise<void> => {
    const closing = port.close?.();
    await timers.advance(60_000);
    await closing;
  };

const hostTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The in-memory bus, with room for 200 messages and 100 ms before the first retry. */
export const makeMemoryBusHarness = (
  decorate: Decorate<MemoryBus, IMessageBus> = (bus) => bus,
): BusHarness => {
  const timers = makeManualTimers();
  const bus = decorate(makeMemoryBus({ timers, retryDelayMs: 100, capacity: 200 }), timers);
  return {
    bus,
    // The bus gives the host a turn after every 128 deliveries; no case has more than forty times as many.
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

/** The in-memory context port, made with the sources that a case has added by its first call. */
export const makeMemoryContextHarness = (
  decorate: Decorate<MemoryContext, IContextPort> = (context) => context,
): ContextHarness => {
  const timers = makeManualTimers();
  const documents: Record<string, readonly string[]> = {};
  // The sources become known one by one, while the port takes all of them at its making.
  let made: IContextPort | undefined;
  const port = (): IContextPort => (made ??= decorate(makeMemoryContext({ documents }), timers));
  const context = {
    compile: (request) => port().compile(request),
    record: async (actorId, entries) => port().record?.(actorId, entries),
    explain: async (request) => (await port().explain?.(request)) ?? [],
    close: async () => port().close?.(),
  } satisfies IContextPort;
  return {
    context,
    addSource: async (id, texts) => {
      documents[id] = texts;
      return { id, label: `The source ${id}` };
    },
    conversationOf: (actorId) => ({
      id: 'conversation',
      label: `What ${actorId} said`,
      where: { actorId },
    }),
    estimateTokens: ({ content }) => Math.ceil(content.length / 4),
    supports: ['record', 'explain', 'close'],
    close: context.close,
  };
};

/** The in-memory journal. `another` is the same journal, decorated anew. */
export const makeMemoryJournalHarness = (
  decorate: Decorate<MemoryJournal, IJournalPort> = (journal) => journal,
): JournalHarness => {
  const timers = makeManualTimers();
  const journal = makeMemoryJournal({ now: timers.now });
  const decorated = decorate(journal, timers);
  return {
    journal: decorated,
    another: () => decorate(journal, timers),
    supports: ['shared', 'read', 'close'],
    close: closeWith(decorated, timers),
  };
};

/** A store that can be out of reach: what is asked of it then fails, or is answered when it is there again. */
const cuttable = (
  store: LeaseStore,
): { readonly store: LeaseStore } & Pick<LeaseHarness, 'cut' | 'mend'> => {
  let how: 'fails' | 'hangs' | undefined;
  let waiting: (() => void)[] = [];
  const reached = async (): Promise<void> => {
    if (how === 'fails') throw new PantheonError('unavailable', 'The store is away.');
    if (how === 'hangs') await new Promise<void>((resolve) => waiting.push(resolve));
  };
  return {
    store: {
      take: (...args) => reached().then(() => store.take(...args)),
      renew: (...args) => reached().then(() => store.renew(...args)),
      release: (...args) => reached().then(() => store.release(...args)),
    },
    cut: (next) => {
      how = next;
    },
    mend: () => {
      how = undefined;
      for (const go of waiting) go();
      waiting = [];
    },
  };
};

/** In-memory leases on a store of their own, which `cut` takes out of reach; `decorateStore` puts something around it. */
export const makeMemoryLeaseHarness = (
  decorate: Decorate<MemoryLeases, ILeasePort> = (leases) => leases,
  decorateStore: Decorate<LeaseStore, LeaseStore> = (store) => store,
): LeaseHarness => {
  const timers = makeManualTimers();
  const store = decorateStore(makeMemoryLeaseStore(timers), timers);
  const { store: near, cut, mend } = cuttable(store);
  const stalled = { ...timers, set: () => undefined };
  const ports: ILeasePort[] = [];
  const made = (leases: MemoryLeases): ILeasePort => {
    const port = decorate(leases, timers);
    ports.push(port);
    return port;
  };
  return {
    leases: made(makeMemoryLeases({ timers, store: near })),
    another: ({ isStalled = false } = {}) =>
      made(makeMemoryLeases({ timers: isStalled ? stalled : timers, store })),
    now: timers.now,
    advance: timers.advance,
    cut,
    mend,
    supports: ['close'],
    close: async () => {
      await mend();
      for (const port of ports) await closeWith(port, timers)();
    },
    leftovers: () =>
      timers.pending() === 0 ? [] : [`${timers.pending()} timers of the lease port`],
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

/** The scripted model; each of its first hundred calls is answered as the case has set by then. */
export const makeScriptedLlmHarness = (
  decorate: Decorate<ScriptedLlm, ILlmPort> = (llm) => llm,
): LlmHarness => {
  const timers = makeManualTimers();
  let next: ScriptedAnswer = 'No answer was set.';
  const answer: ScriptedAnswer = (request) => {
    if (next instanceof Error) throw next;
    return typeof next === 'function' ? next(request) : next;
  };
  const script = Array.from({ length: 100 }, () => answer);
  const llm = decorate(makeScriptedLlm(script, { timers }), timers);
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

/** The in-memory scheduler. */
export const makeMemorySchedulerHarness = (
  decorate: Decorate<MemoryScheduler, IScheduler> = (scheduler) => scheduler,
): SchedulerHarness => {
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

/** The in-memory state port. `another` is the same port, decorated anew. */
export const makeMemoryStateHarness = (
  decorate: Decorate<MemoryState, IActorStatePort> = (state) => state,
): StateHarness => {
  const timers = makeManualTimers({ startMs: Date.UTC(2025, 0, 1) });
  const state = makeMemoryState({ now: timers.now });
  const decorated = decorate(state, timers);
  return {
    state: decorated,
    another: () => decorate(state, timers),
    advance: timers.advance,
    supports: ['remove', 'shared', 'close'],
    close: closeWith(decorated, timers),
  };
};

/** The in-memory tool port. */
export const makeMemoryToolsHarness = (
  decorate: Decorate<MemoryTools, IToolPort> = (tools) => tools,
): ToolsHarness => {
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
