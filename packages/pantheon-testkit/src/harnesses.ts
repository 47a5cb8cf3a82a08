import { busSuite, type BusHarness } from './bus-suite.ts';
import { contextSuite, type ContextHarness } from './context-suite.ts';
import { importSuite, type ImportHarness } from './import-suite.ts';
import { journalSuite, type JournalHarness } from './journal-suite.ts';
import { leaseSuite, type LeaseHarness } from './lease-suite.ts';
import { llmSuite, type LlmHarness } from './llm-suite.ts';
import { planSuite, type PlannedCase, type PlanSuiteOptions } from './plan-suite.ts';
import { schedulerSuite, type SchedulerHarness } from './scheduler-suite.ts';
import { stateSuite, type StateHarness } from './state-suite.ts';
import type { Harness, Suite } from './suite.ts';
import { toolsSuite, type ToolsHarness } from './tools-suite.ts';

/** Makes a fresh harness for every case. */
export type MakeHarness<H extends Harness> = () => H | Promise<H>;

/** What an adapter exports as `pantheonHarnesses`, so that the command line can run its suites: a harness for every port that it has. */
export interface Harnesses {
  readonly bus?: MakeHarness<BusHarness>;
  readonly context?: MakeHarness<ContextHarness>;
  readonly import?: MakeHarness<ImportHarness>;
  readonly journal?: MakeHarness<JournalHarness>;
  readonly lease?: MakeHarness<LeaseHarness>;
  readonly llm?: MakeHarness<LlmHarness>;
  readonly scheduler?: MakeHarness<SchedulerHarness>;
  readonly state?: MakeHarness<StateHarness>;
  readonly tools?: MakeHarness<ToolsHarness>;
}

/** The name of a port that has a suite. */
export type PortName = keyof Harnesses;

const SUITES: { readonly [Port in PortName]: unknown } = {
  bus: busSuite,
  context: contextSuite,
  import: importSuite,
  journal: journalSuite,
  lease: leaseSuite,
  llm: llmSuite,
  scheduler: schedulerSuite,
  state: stateSuite,
  tools: toolsSuite,
};

/** The ports that have a suite. */
export const portNames: readonly string[] = Object.keys(SUITES);

/** Whether a port of that name has a suite. */
export const isPortName = (name: string): name is PortName => Object.hasOwn(SUITES, name);

/** The cases of a port's suite on the port's harness. */
export const planPort = (
  port: PortName,
  makeHarness: MakeHarness<Harness>,
  options: PlanSuiteOptions,
): readonly PlannedCase[] => planSuite(SUITES[port] as Suite<Harness>, makeHarness, options);
