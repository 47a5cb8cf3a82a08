export {
  makeManualTimers,
  type ManualTimers,
  type ManualTimersOptions,
} from '@promethean/pantheon-core/memory';
export { busSuite, type BusHarness } from './bus-suite.ts';
export { contextSuite, type ContextHarness } from './context-suite.ts';
export { importSuite, type ImportHarness } from './import-suite.ts';
export { llmSuite, type LlmAnswer, type LlmHarness } from './llm-suite.ts';
export { schedulerSuite, type SchedulerHarness } from './scheduler-suite.ts';
export { stateScripts, stateSuite, type StateHarness } from './state-suite.ts';
export type { Case, Harness, Suite } from './suite.ts';
export { toolsSuite, type ToolsHarness } from './tools-suite.ts';
