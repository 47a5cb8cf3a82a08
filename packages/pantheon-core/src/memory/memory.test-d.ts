/** Compiled, never run: what the in-memory ports are, and what their options refuse. */
import type {
  IActorStatePort,
  IContextPort,
  ILeasePort,
  ILlmPort,
  IMessageBus,
  IScheduler,
  IToolPort,
  Timers,
} from '../core/ports.ts';
import {
  makeManualTimers,
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryLeases,
  makeMemoryLeaseStore,
  makeMemoryScheduler,
  makeMemoryState,
  makeMemoryTools,
  makeScriptedLlm,
} from './index.ts';

makeMemoryBus() satisfies Required<IMessageBus>;
makeMemoryScheduler() satisfies IScheduler;
makeMemoryState() satisfies Required<IActorStatePort>;
makeMemoryTools() satisfies Required<IToolPort>;
makeMemoryContext() satisfies Required<IContextPort>;
makeMemoryLeases() satisfies Required<ILeasePort>;
makeMemoryLeases({ store: makeMemoryLeaseStore() }) satisfies Required<ILeasePort>;
makeScriptedLlm([]) satisfies Required<ILlmPort>;
makeManualTimers() satisfies Timers;

// The patterns of the specification: what a callback gives is not looked at.
makeMemoryScheduler().every(1_000, () => Promise.resolve({ status: 'ok' }));
makeMemoryBus().subscribe(async (message) => message.content.length);

// @ts-expect-error an option that does not exist
makeMemoryBus({ retries: 3 });
// @ts-expect-error a clock that gives a date
makeMemoryBus({ now: () => new Date() });
// @ts-expect-error timers without a clock
makeMemoryScheduler({ timers: { set: () => 1, clear: () => undefined } });
// @ts-expect-error an id that is no text
makeMemoryState({ newId: () => 7 });
// @ts-expect-error a time in words
makeMemoryTools({ defaultTimeoutMs: '1s' });
// @ts-expect-error a source that is no list
makeMemoryContext({ documents: { notes: 'text' } });
// @ts-expect-error a store that cannot renew
makeMemoryLeases({ store: { take: async () => 1, release: async () => undefined } });
// @ts-expect-error an answer that is no message
makeScriptedLlm([{ content: 'hello' }]);
// @ts-expect-error cron is no capability of it
makeMemoryScheduler().cron('* * * * *', () => undefined);
