/** Compiled, never run: which harness fits which suite, what the fakes are, and what their options refuse. */
import type { ILlmPort, IMessageBus, IScheduler } from '@promethean/pantheon-core';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import {
  type BusHarness,
  busSuite,
  type Harnesses,
  makeLlmCassette,
  makeManualScheduler,
  makeRecordingBus,
  planSuite,
  type ToolsHarness,
  toolsSuite,
} from './index.ts';
import { makeMemoryBusHarness, makeMemoryToolsHarness } from './memory-harnesses.ts';

declare const makeBus: () => BusHarness;
declare const makeTools: () => Promise<ToolsHarness>;

makeManualScheduler() satisfies IScheduler;
makeRecordingBus() satisfies IMessageBus;
makeLlmCassette({ path: 'talk.json' }) satisfies ILlmPort;

planSuite(busSuite, makeBus);
describeContract('a bus', busSuite, makeBus);
describeContract('tools', toolsSuite, makeTools, { timeoutMs: 60_000 });
({ bus: makeBus, tools: makeTools }) satisfies Harnesses;
({
  bus: makeMemoryBusHarness,
  tools: () => makeMemoryToolsHarness((tools) => ({ ...tools })),
}) satisfies Harnesses;

// @ts-expect-error a harness of another port
describeContract('a bus', busSuite, makeTools);
// @ts-expect-error a harness of another port
planSuite(toolsSuite, makeBus);
// @ts-expect-error an unknown port
({ buss: makeBus }) satisfies Harnesses;
// @ts-expect-error the harness of another port
({ bus: makeTools }) satisfies Harnesses;
// @ts-expect-error a mode that there is not
makeLlmCassette({ path: 'talk.json', mode: 'play' });
// @ts-expect-error no path
makeLlmCassette({ mode: 'replay' });
// @ts-expect-error a manual scheduler has no cron
makeManualScheduler().cron('* * * * *', () => undefined);
// @ts-expect-error what is put around a bus is a bus
makeMemoryBusHarness(() => ({ send: () => undefined }));
