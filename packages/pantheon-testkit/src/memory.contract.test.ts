import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { cronSchedulerHarness } from '../test/cron-scheduler.ts';
import { sharedSchedulerHarness } from '../test/shared-scheduler.ts';
import {
  makeMemoryBusHarness,
  makeMemoryContextHarness,
  makeMemoryJournalHarness,
  makeMemoryLeaseHarness,
  makeScriptedLlmHarness,
  makeMemorySchedulerHarness,
  makeMemoryStateHarness,
  makeMemoryToolsHarness,
} from './memory-harnesses.ts';
import { busSuite } from './bus-suite.ts';
import { contextSuite } from './context-suite.ts';
import { importSuite } from './import-suite.ts';
import { journalSuite } from './journal-suite.ts';
import { leaseSuite } from './lease-suite.ts';
import { llmSuite } from './llm-suite.ts';
import { schedulerSuite } from './scheduler-suite.ts';
import { stateSuite } from './state-suite.ts';
import { toolsSuite } from './tools-suite.ts';

describeContract('memory bus', busSuite, () => makeMemoryBusHarness());
describeContract('memory scheduler', schedulerSuite, () => makeMemorySchedulerHarness());
describeContract('a scheduler with cron', schedulerSuite, () => cronSchedulerHarness());
describeContract('a shared scheduler', schedulerSuite, () => sharedSchedulerHarness());
describeContract('memory state', stateSuite, () => makeMemoryStateHarness());
describeContract('memory tools', toolsSuite, () => makeMemoryToolsHarness());
describeContract('memory context', contextSuite, () => makeMemoryContextHarness());
describeContract('memory journal', journalSuite, () => makeMemoryJournalHarness());
describeContract('memory leases', leaseSuite, () => makeMemoryLeaseHarness());
describeContract('scripted llm', llmSuite, () => makeScriptedLlmHarness());
describeContract('memory package', importSuite, () => ({
  module: import.meta.resolve('@promethean/pantheon-core/memory'),
  nodeOptions: ['--conditions=@promethean/source'],
}));
