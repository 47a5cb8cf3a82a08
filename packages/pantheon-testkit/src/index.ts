export {
  makeManualTimers,
  makeScriptedLlm,
  type ManualTimers,
  type ManualTimersOptions,
  type ScriptedAnswer,
  type ScriptedLlm,
  type ScriptedLlmOptions,
} from '@promethean/pantheon-core/memory';
export { busSuite, type BusHarness } from './bus-suite.ts';
export { contextSuite, type ContextHarness } from './context-suite.ts';
export type { Harnesses, MakeHarness } from './harnesses.ts';
export { importSuite, type ImportHarness } from './import-suite.ts';
export { journalSuite, type JournalHarness } from './journal-suite.ts';
export { leaseSuite, type LeaseHarness } from './lease-suite.ts';
export { makeLlmCassette, type LlmCassette, type LlmCassetteOptions } from './llm-cassette.ts';
export { llmSuite, type LlmAnswer, type LlmHarness } from './llm-suite.ts';
export {
  makeManualScheduler,
  type ManualScheduler,
  type ManualSchedulerOptions,
} from './manual-scheduler.ts';
export { planSuite, type PlannedCase, type PlanSuiteOptions } from './plan-suite.ts';
export {
  makeRecordingBus,
  type RecordingBus,
  type RecordingBusOptions,
  type WaitForOptions,
} from './recording-bus.ts';
export { type CaseResult, runCase, type RunCaseHooks, type RunCaseOptions } from './run-case.ts';
export { schedulerSuite, type SchedulerHarness } from './scheduler-suite.ts';
export { stateScripts, stateSuite, type StateHarness } from './state-suite.ts';
export { contractVersion, type Case, type Harness, type Suite } from './suite.ts';
export { toolsSuite, type ToolsHarness } from './tools-suite.ts';
