export { makeManualTimers, type ManualTimers, type ManualTimersOptions } from './manual-timers.ts';
export {
  type BusFailure,
  makeMemoryBus,
  type MemoryBus,
  type MemoryBusOptions,
} from './memory-bus.ts';
export {
  makeMemoryContext,
  type MemoryContext,
  type MemoryContextOptions,
} from './memory-context.ts';
export {
  makeMemoryJournal,
  type MemoryJournal,
  type MemoryJournalOptions,
} from './memory-journal.ts';
export {
  makeMemoryLeases,
  makeMemoryLeaseStore,
  type MemoryLeases,
  type MemoryLeasesOptions,
} from './memory-leases.ts';
export {
  makeMemoryScheduler,
  type MemoryScheduler,
  type MemorySchedulerOptions,
} from './memory-scheduler.ts';
export { makeMemoryState, type MemoryState, type MemoryStateOptions } from './memory-state.ts';
export { makeMemoryTools, type MemoryTools, type MemoryToolsOptions } from './memory-tools.ts';
export {
  makeScriptedLlm,
  type ScriptedAnswer,
  type ScriptedLlm,
  type ScriptedLlmOptions,
} from './scripted-llm.ts';
