/** A harness for each in-memory port. `wrap` puts something between the suite and the port: that is how a port is broken on purpose. */
import type {
  IContextPort,
  IJournalPort,
  ILeasePort,
  ILlmPort,
  IMessageBus,
  IActorStatePort,
  IScheduler,
  IToolPort,
  LlmRequest,
  Message,
} from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
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
  type ScriptedAnswer,
} from '@promethean/pantheon-core/memory';
import type {
  BusHarness,
  ContextHarness,
  JournalHarness,
  LeaseHarness,
  LlmAnswer,
  LlmHarness,
  SchedulerHarness,
  StateHarness,
  ToolsHarness,
} from '@promethean/pantheon-testkit';

export type Wrap<Port> = (port: Port, timers: ManualTimers) => Port;

/** Closes the port while its clock runs on, so that what a case left open is given up. */
const closeWith =
  (port: { readonly close?: () => Promise<void> }, timers: ManualTimers) =>
  async (): Promise<void> => {
    const closing = port.close?.();
    await timers.advance(60_000);
    await closing;
  };

const hostTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const schedulerHarness = (wrap: Wrap<IScheduler> = (port) => port): SchedulerHarness => {
  const timers = makeManualTimers();
  const scheduler = makeMemoryScheduler({ timers });
  return {
    scheduler: wrap(scheduler, timers),
    now: timers.now,
    advance: timers.advance,
    stall: timers.stall,
    pending: timers.pending,
    supports: ['close'],
    close: closeWith(scheduler, timers),
  };
};

/** Schedulers of one store, as several processes have them: an instant of a named schedule runs in one that has it. */
const sharedSchedulers = (timers: ManualTimers): (() => IScheduler) => {
  const store = makeMemoryScheduler({ timers });
  const shared = new Map<
    string,
    { readonly tasks: Set<() => unknown>; readonly end: () => void }
  >();
  const share = (
    name: string,
    start: (run: () => unknown) => () => void,
    task: () => unknown,
  ): (() => void) => {
    const tasks = shared.get(name)?.tasks ?? new Set();
    if (!shared.has(name)) shared.set(name, { tasks, end: start(() => [...tasks][0]?.()) });
    const own = (): unknown => task();
    tasks.add(own);
    return () => {
      if (!tasks.delete(own) || tasks.size > 0) return;
      shared.get(name)?.end();
      shared.delete(name);
    };
  };
  return () => {
    const own = makeMemoryScheduler({ timers });
    return {
      ...own,
      named: (name) => ({
        every: (ms, task) => share(`${name} every ${ms}`, (run) => store.every(ms, run), task),
        once: (ms, task) => share(`${name} once ${ms}`, (run) => store.once(ms, run), task),
      }),
      close: async () => {
        await own.close();
        await store.close();
      },
    };
  };
};

export const sharedSchedulerHarness = (
  wrap: Wrap<IScheduler> = (port) => port,
): SchedulerHarness => {
  const timers = makeManualTimers();
  const make = sharedSchedulers(timers);
  const scheduler = make();
  const others: IScheduler[] = [];
  return {
    scheduler: wrap(scheduler, timers),
    another: () => {
      const other = make();
      others.push(other);
      return wrap(other, timers);
    },
    now: timers.now,
    advance: timers.advance,
    stall: timers.stall,
    pending: timers.pending,
    supports: ['named', 'close'],
    close: async () => {
      for (const one of [scheduler, ...others]) await closeWith(one, timers)();
    },
  };
};

export const toolsHarness = (wrap: Wrap<IToolPort> = (port) => port): ToolsHarness => {
  const timers = makeManualTimers();
  const tools = makeMemoryTools({ timers });
  return {
    tools: wrap(tools, timers),
    advance: timers.advance,
    pending: timers.pending,
    supports: ['list', 'close'],
    close: closeWith(tools, timers),
  };
};

export const busHarness = (wrap: Wrap<IMessageBus> = (port) => port): BusHarness => {
  const timers = makeManualTimers();
  const bus = makeMemoryBus({ timers, retryDelayMs: 100, capacity: 200 });
  return {
    bus: wrap(bus, timers),
    // The bus gives the host a turn after every 128 deliveries; no case has more than thirty times as many.
    settle: async () => {
      for (let turns = 0; turns < 30; turns += 1) await hostTurn();
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

export const stateHarness = (wrap: Wrap<IActorStatePort> = (port) => port): StateHarness => {
  const timers = makeManualTimers({ startMs: Date.UTC(2025, 0, 1) });
  const state = makeMemoryState({ now: timers.now });
  return {
    state: wrap(state, timers),
    another: () => wrap(state, timers),
    advance: timers.advance,
    supports: ['remove', 'shared', 'close'],
    close: state.close,
  };
};

export const journalHarness = (wrap: Wrap<IJournalPort> = (port) => port): JournalHarness => {
  const timers = makeManualTimers();
  const journal = makeMemoryJournal({ now: timers.now });
  return { journal: wrap(journal, timers), supports: ['read', 'close'], close: journal.close };
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

export const leaseHarness = (
  wrap: Wrap<ILeasePort> = (port) => port,
  wrapStore: Wrap<LeaseStore> = (store) => store,
): LeaseHarness => {
  const timers = makeManualTimers();
  const store = wrapStore(makeMemoryLeaseStore(timers), timers);
  const { store: near, cut, mend } = cuttable(store);
  const stalled = { ...timers, set: () => undefined };
  const ports: ILeasePort[] = [];
  const made = (port: ILeasePort): ILeasePort => {
    ports.push(port);
    return wrap(port, timers);
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

export const contextHarness = (wrap: Wrap<IContextPort> = (port) => port): ContextHarness => {
  const timers = makeManualTimers();
  const documents: Record<string, readonly string[]> = {};
  // The sources become known one by one, while the port takes all of them at its making.
  let made: IContextPort | undefined;
  const port = (): IContextPort => (made ??= wrap(makeMemoryContext({ documents }), timers));
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
    conversationOf: (actorId) => ({
      id: 'conversation',
      label: `What ${actorId} said`,
      where: { actorId },
    }),
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

export const llmHarness = (wrap: Wrap<ILlmPort> = (port) => port): LlmHarness => {
  const timers = makeManualTimers();
  let next: ScriptedAnswer = 'No answer was set.';
  // An entry for every call; what it answers is decided when the call comes.
  const script = Array.from(
    { length: 100 },
    () =>
      (request: LlmRequest): Message | string | Promise<Message | string> => {
        if (next instanceof Error) throw next;
        return typeof next === 'function' ? next(request) : next;
      },
  );
  const llm = makeScriptedLlm(script, { timers });
  return {
    llm: wrap(llm, timers),
    advance: timers.advance,
    answerWith: (answer) => {
      next = scripted(answer);
    },
    pending: timers.pending,
    supports: ['scriptable', 'tools', 'usage', 'stream', 'stall', 'close'],
  };
};
