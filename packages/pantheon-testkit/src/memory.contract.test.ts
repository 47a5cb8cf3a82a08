import { describeContract } from '@promethean/pantheon-testkit/vitest';
import {
  busHarness,
  contextHarness,
  journalHarness,
  leaseHarness,
  llmHarness,
  schedulerHarness,
  sharedSchedulerHarness,
  stateHarness,
  toolsHarness,
} from '../test/memory-harnesses.ts';
import { busSuite } from './bus-suite.ts';
import { contextSuite } from './context-suite.ts';
import { importSuite } from './import-suite.ts';
import { journalSuite } from './journal-suite.ts';
import { leaseSuite } from './lease-suite.ts';
import { llmSuite } from './llm-suite.ts';
import { schedulerSuite } from './scheduler-suite.ts';
import { stateSuite } from './state-suite.ts';
import { toolsSuite } from './tools-suite.ts';

describeContract('memory bus', busSuite, () => busHarness());
describeContract('memory scheduler', schedulerSuite, () => schedulerHarness());
describeContract('a shared scheduler', schedulerSuite, () => sharedSchedulerHarness());
describeContract('memory state', stateSuite, () => stateHarness());
describeContract('memory tools', toolsSuite, () => toolsHarness());
describeContract('memory context', contextSuite, () => contextHarness());
describeContract('memory journal', journalSuite, () => journalHarness());
describeContract('memory leases', leaseSuite, () => leaseHarness());
describeContract('scripted llm', llmSuite, () => llmHarness());
describeContract('memory package', importSuite, () => ({
  module: import.meta.resolve('@promethean/pantheon-core/memory'),
  nodeOptions: ['--conditions=@promethean/source'],
}));
