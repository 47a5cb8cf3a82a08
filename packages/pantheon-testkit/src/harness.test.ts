import { afterEach, describe, expect, test } from 'vitest';
import { failsOf } from '../test/broken-ports.ts';
import { sharedSchedulerHarness } from '../test/shared-scheduler.ts';
import {
  makeMemoryBusHarness,
  makeMemoryContextHarness,
  makeMemoryLeaseHarness,
  makeScriptedLlmHarness,
  makeMemorySchedulerHarness,
  makeMemoryStateHarness,
  makeMemoryToolsHarness,
} from './memory-harnesses.ts';
import {
  busSuite,
  type Case,
  contextSuite,
  type Harness,
  leaseSuite,
  llmSuite,
  planSuite,
  runCase,
  schedulerSuite,
  stateSuite,
  type Suite,
  toolsSuite,
} from './index.ts';
import { capabilitiesOf } from './suite.ts';

/** What a test holds on purpose. */
const timers: ReturnType<typeof setTimeout>[] = [];

afterEach(() => {
  for (const timer of timers.splice(0)) clearTimeout(timer);
});

const without = <H extends Harness>(harness: H, capability: string): H => ({
  ...harness,
  supports: harness.supports?.filter((one) => one !== capability) ?? [],
});

const SUITES = {
  bus: [busSuite, makeMemoryBusHarness],
  context: [contextSuite, makeMemoryContextHarness],
  lease: [leaseSuite, makeMemoryLeaseHarness],
  llm: [llmSuite, makeScriptedLlmHarness],
  scheduler: [schedulerSuite, makeMemorySchedulerHarness],
  state: [stateSuite, makeMemoryStateHarness],
  tools: [toolsSuite, makeMemoryToolsHarness],
} as unknown as Readonly<Record<string, readonly [Suite<Harness>, () => Harness]>>;

/** Harnesses whose ports are their own but for one thing. */
const sharedLetters = (): (() => Harness) => {
  const { deadLetters } = makeMemoryBusHarness().bus;
  return () =>
    makeMemoryBusHarness((bus) => (deadLetters === undefined ? bus : { ...bus, deadLetters }));
};
const sharedEntries = (): (() => Harness) => {
  const { record, compile } = makeMemoryContextHarness().context;
  return () =>
    makeMemoryContextHarness((context) => ({
      ...context,
      ...(record && { record }),
      compile: (request) =>
        request.sources.some(({ id }) => id === 'conversation')
          ? compile(request)
          : context.compile(request),
    }));
};
const sharedNames = (): (() => Harness) => {
  const { scheduler, ...first } = sharedSchedulerHarness();
  return () => {
    const harness = sharedSchedulerHarness((own) => ({ ...own, named: scheduler.named as never }));
    return {
      ...harness,
      advance: async (ms: number) => {
        await harness.advance(ms);
        await first.advance(ms);
      },
    } as Harness;
  };
};

describe('a harness that', () => {
  test('keeps every rule fails none', async () => {
    expect(await failsOf(toolsSuite, () => makeMemoryToolsHarness())).toEqual([]);
  });

  test.each(Object.keys(SUITES))(
    'shares the %s port with the next one fails harness:1',
    async (name) => {
      const [suite, makeHarness] = SUITES[name] as (typeof SUITES)[string];
      const { close: _, ...shared } = makeHarness();
      const [isolation] = planSuite(suite, () => ({ ...shared }));
      expect([isolation?.id, (await isolation?.run())?.status]).toEqual(['harness:1', 'failed']);
    },
  );

  test('is one for all fails harness:1', async () => {
    const only = makeScriptedLlmHarness();
    const [isolation] = planSuite(llmSuite, () => only);
    expect([isolation?.id, (await isolation?.run())?.status]).toEqual(['harness:1', 'failed']);
  });

  test('leaves a timer fails harness:2', async () => {
    const makeHarness = () => {
      timers.push(setTimeout(() => undefined, 60_000));
      return makeMemoryToolsHarness();
    };
    expect(await failsOf(toolsSuite, makeHarness)).toEqual(['harness:2']);
  });

  test('leaves what it can tell of fails harness:2, in its words', async () => {
    const plan = planSuite(
      { cases: [] },
      (): Harness => ({ leftovers: () => ['the key "actor:1"'] }),
      { quietMs: 50 },
    );
    expect(await plan.at(-1)?.run()).toMatchObject({
      status: 'failed',
      error: { message: expect.stringContaining('still: the key "actor:1"; the key') },
    });
  });

  test('needs a moment until nothing is left is waited for', async () => {
    const makeHarness = (): Harness => {
      let looks = 0;
      return { leftovers: () => ((looks += 1) < 3 ? ['a socket that is closing'] : []) };
    };
    expect(await failsOf({ cases: [] }, makeHarness)).toEqual([]);
  });

  test('names a capability that there is not fails harness:3, and is told those that there are', async () => {
    const makeHarness = () => ({
      ...makeMemoryToolsHarness(),
      supports: ['list', 'close', 'cron'],
    });
    expect(await failsOf(toolsSuite, makeHarness)).toEqual(['harness:3']);
    const honest = planSuite(toolsSuite, makeHarness).find(({ id }) => id === 'harness:3');
    expect(await honest?.run()).toMatchObject({
      error: {
        message: 'supports names "cron"; the capabilities of this suite are: "list", "close".',
      },
    });
  });

  test('hides what its port has fails harness:3, though nothing of it works', async () => {
    const makeHarness = () => {
      const harness = without(makeMemoryToolsHarness(), 'list');
      return { ...harness, tools: { ...harness.tools, list: () => [{ name: 'a lie' }] } };
    };
    const honest = planSuite(toolsSuite, makeHarness).find(({ id }) => id === 'harness:3');
    expect(await honest?.run()).toMatchObject({
      error: { message: 'the port has "list": name it in supports, or leave it out of the port.' },
    });
  });

  test.each<[what: string, harness: unknown, message: string]>([
    ['none', undefined, 'The function that makes a harness must give an object, not undefined.'],
    [
      'that of another port',
      { bus: {}, settle: 1 },
      'The harness has no "tools", the port that this suite is for; it has "bus", "settle".',
    ],
    [
      'one whose supports is a text',
      { tools: {}, supports: 'list' },
      'supports of the harness must be a list of names, not "list".',
    ],
  ])('is %s fails every case with what is wrong', async (_, harness, message) => {
    for (const { run } of planSuite(toolsSuite, () => harness as never))
      expect(await run()).toMatchObject({ status: 'failed', error: { message } });
  });

  test('leaves a listener on the process fails harness:2', async () => {
    const listen = (): void => undefined;
    const makeHarness = () => {
      process.on('SIGWINCH', listen);
      return makeMemoryToolsHarness();
    };
    try {
      expect(await failsOf(toolsSuite, makeHarness)).toEqual(['harness:2']);
    } finally {
      process.removeAllListeners('SIGWINCH');
    }
  });

  test.each([
    ['dead letters of the bus', busSuite, sharedLetters],
    ['recorded entries of the context', contextSuite, sharedEntries],
    ['names of the scheduler', schedulerSuite, sharedNames],
  ] as unknown as readonly (readonly [string, Suite<Harness>, () => () => Harness])[])(
    'shares the %s with the next one fails harness:1',
    async (_, suite, make) => {
      const [isolation] = planSuite(suite, make(), { timeoutMs: 400 });
      expect([isolation?.id, (await isolation?.run())?.status]).toEqual(['harness:1', 'failed']);
    },
  );

  test('declares a capability for some cases only fails those that would be skipped', async () => {
    let made = 0;
    const makeHarness = () =>
      (made += 1) < 5 ? makeMemoryToolsHarness() : without(makeMemoryToolsHarness(), 'list');
    expect(await failsOf(toolsSuite, makeHarness)).toEqual(['port:1', 'tools:8']);
  });

  test('cannot be closed fails every case', async () => {
    const makeHarness = (): Harness => ({ close: () => Promise.reject(new Error('stuck')) });
    const cases: readonly Case<Harness>[] = [
      { id: 'tools:1', title: 'nothing', run: () => Promise.resolve() },
    ];
    expect(await failsOf({ cases }, makeHarness)).toEqual(['harness:2', 'harness:3', 'tools:1']);
  });
});

/** Every capability that a memory port has. */
const CLAIMED = Object.entries(SUITES).flatMap(([name, [suite, makeHarness]]) =>
  capabilitiesOf(suite)
    .filter((capability) => makeHarness().supports?.includes(capability))
    .map((capability) => [name, capability] as const),
);

test.each(CLAIMED)(
  'a harness of a %s port that hides "%s" fails what it hid',
  async (name, hidden) => {
    const [suite, makeHarness] = SUITES[name] as (typeof SUITES)[string];
    const fails: string[] = [];
    for (const { id, run } of planSuite(suite, () => without(makeHarness(), hidden))) {
      const result = await run();
      if (result.status === 'failed') {
        fails.push(id);
        if (id === 'harness:3') continue;
        expect(String(result.error)).toBe(
          `Error: ${id} passes although it is not declared: add "${hidden}" to supports of the harness.`,
        );
      }
    }
    expect(fails.filter((id) => id !== 'harness:3')).toEqual(
      suite.cases.filter(({ requires }) => requires === hidden).map(({ id }) => id),
    );
  },
);

/** The members that a capability stands for, taken from the port or the harness. */
const LACKING: Readonly<Record<string, readonly string[]>> = {
  capacity: ['capacity'],
  deadLetters: ['deadLetters'],
  named: ['another'],
  scriptable: ['answerWith'],
  shared: ['another'],
  tools: ['answerWith'],
  usage: ['answerWith'],
  stall: ['answerWith'],
};

test.each(CLAIMED)(
  'a harness of a %s port that has not got "%s" skips it, with nothing passed by chance',
  async (name, lacking) => {
    const [suite, makeHarness] = SUITES[name] as (typeof SUITES)[string];
    const members = LACKING[lacking] ?? [lacking];
    const bare = (value: object): object =>
      Object.fromEntries(
        Object.entries(value)
          .filter(([key]) => !members.includes(key))
          .map(([key, member]) => [
            key,
            typeof member === 'object' && member !== null && !Array.isArray(member)
              ? bare(member as object)
              : member,
          ]),
      );
    const makeBare = (): Harness => ({ ...(bare(makeHarness()) as Harness), supports: [] });
    for (const one of suite.cases.filter(({ requires }) => requires === lacking)) {
      expect([one.id, await runCase(one, makeBare)]).toEqual([
        one.id,
        expect.objectContaining({ status: 'skipped' }),
      ]);
    }
  },
);

describe('a case', () => {
  const one = (run: Case<Harness>['run'], requires?: string): Case<Harness> => ({
    id: 'tools:1',
    title: 'a case',
    run,
    ...(requires !== undefined && { requires }),
  });
  const hang = (): Promise<void> => new Promise(() => undefined);

  test('that hangs fails after its time, and its harness is closed', async () => {
    let closed = 0;
    const makeHarness = (): Harness => ({
      close: async () => {
        closed += 1;
      },
    });
    expect(await runCase(one(hang), makeHarness, { timeoutMs: 20 })).toMatchObject({
      status: 'failed',
      error: { message: 'tools:1 did not end within 20 ms.' },
    });
    expect(closed).toBe(1);
  });

  test('of a capability that is not declared is skipped when it hangs, and its harness is closed', async () => {
    let closed = 0;
    const makeHarness = (): Harness => ({
      close: async () => {
        closed += 1;
      },
    });
    const options = { undeclaredTimeoutMs: 20 };
    expect(await runCase(one(hang, 'list'), makeHarness, options)).toMatchObject({
      status: 'skipped',
      reason: 'The port does not claim "list".',
    });
    expect(closed).toBe(1);
  });

  test('whose harness cannot be made fails with that error', async () => {
    const error = new Error('no server');
    const makeHarness = (): Promise<Harness> => Promise.reject(error);
    expect(
      await runCase(
        one(async () => undefined),
        makeHarness,
      ),
    ).toMatchObject({
      status: 'failed',
      error,
    });
  });

  test('whose harness comes too late fails, and that harness is closed', async () => {
    let open: (harness: Harness) => void = () => undefined;
    const late = new Promise<Harness>((resolve) => {
      open = resolve;
    });
    const result = await runCase(
      one(async () => undefined),
      () => late,
      { timeoutMs: 20 },
    );
    expect(result).toMatchObject({
      error: { message: 'The making of the harness did not end within 20 ms.' },
    });
    await new Promise<void>((resolve) => open({ close: async () => resolve() }));
  });
});
