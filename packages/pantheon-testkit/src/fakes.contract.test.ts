/** The fakes are ports like any other: each keeps the contract of its port. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { expect, test } from 'vitest';
import { makeMemoryBusHarness, makeScriptedLlmHarness } from './memory-harnesses.ts';
import {
  busSuite,
  type LlmHarness,
  llmSuite,
  makeLlmCassette,
  makeManualScheduler,
  makeRecordingBus,
  makeScriptedLlm,
  planSuite,
  schedulerSuite,
} from './index.ts';

describeContract('manual scheduler', schedulerSuite, () => {
  const scheduler = makeManualScheduler();
  return {
    scheduler,
    now: scheduler.now,
    advance: scheduler.advance,
    stall: scheduler.stall,
    pending: scheduler.pending,
    supports: ['close'],
    close: async () => {
      const closing = scheduler.close();
      await scheduler.advance(60_000);
      await closing;
    },
  };
});

describeContract('recording bus', busSuite, () =>
  makeMemoryBusHarness((bus) => makeRecordingBus(bus)),
);

const makeFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'testkit-cassette-'));

describeContract('llm cassette that records', llmSuite, async (): Promise<LlmHarness> => {
  const folder = await makeFolder();
  const harness = makeScriptedLlmHarness();
  const cassette = makeLlmCassette({
    path: join(folder, 'cassette.json'),
    mode: 'record',
    llm: harness.llm,
  });
  return {
    ...harness,
    llm: cassette,
    close: async () => {
      await cassette.close();
      await rm(folder, { recursive: true });
    },
  };
});

test('an llm cassette that replays keeps the contract as well', async () => {
  const folder = await makeFolder();
  const path = join(folder, 'cassette.json');
  const supports = ['stream', 'close'];
  const advance = (): Promise<void> => Promise.resolve();
  try {
    const recording = planSuite(llmSuite, (): LlmHarness => {
      const llm = makeScriptedLlm(Array.from({ length: 9 }, () => 'Good morning, everybody.'));
      return { llm: makeLlmCassette({ path, mode: 'auto', llm }), advance, supports };
    });
    for (const { id, run } of recording)
      expect([id, await run()]).not.toMatchObject([id, { status: 'failed' }]);
    const passed: string[] = [];
    for (const { id, run } of planSuite(llmSuite, () => ({
      llm: makeLlmCassette({ path }),
      advance,
      supports,
    }))) {
      const result = await run();
      expect([id, result]).not.toMatchObject([id, { status: 'failed' }]);
      if (result.status === 'passed') passed.push(id);
    }
    for (const id of ['llm:1', 'llm:4', 'llm:6', 'llm:7', 'llm:7b', 'llm:7c', 'port:1', 'port:2'])
      expect(passed).toContain(id);
  } finally {
    await rm(folder, { recursive: true });
  }
});
