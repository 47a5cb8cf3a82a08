/** What a journal changes: a tick that was interrupted anywhere is finished, and nothing that was recorded is done again. */
import { expect, test } from 'vitest';
import { PantheonError, makeOrchestrator } from '@promethean/pantheon-core';
import type {
  Action,
  ActorRecord,
  ActorScript,
  BusMessage,
  IJournalPort,
  Orchestrator,
  OrchestratorOptions,
  Plan,
  PlanInput,
  ToolSpec,
} from '@promethean/pantheon-core';
import {
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryJournal,
  makeMemoryScheduler,
  makeMemoryState,
  makeMemoryTools,
} from '@promethean/pantheon-core/memory';

/** What outlives a process: its journal, its state, its bus, and the effects of its tools. */
const makeWorld = () => {
  const effects: { readonly key: string; readonly name: string }[] = [];
  const received: BusMessage[] = [];
  const bus = makeMemoryBus();
  bus.subscribe((message) => received.push(message), { to: 'user' });
  return {
    journal: makeMemoryJournal(),
    state: makeMemoryState(),
    bus,
    received,
    effects,
    plans: [] as string[],
  };
};
type World = ReturnType<typeof makeWorld>;

/** A promise that never settles: what a process that was killed was doing. */
const dead = (): Promise<never> => new Promise<never>(() => {});

/** Kills the process, as far as a test can: from then on the journal answers nothing, and nothing goes on. */
type Kill = { readonly at: number; readonly when: 'before' | 'after' };

const dying = (journal: IJournalPort, kill: Kill, died: () => void): IJournalPort => {
  let writes = 0;
  const write = async <T>(run: () => Promise<T>): Promise<T> => {
    writes += 1;
    if (writes > kill.at) return dead();
    if (writes < kill.at) return run();
    if (kill.when === 'after') await run();
    died();
    return dead();
  };
  return {
    ...journal,
    open: (tick) =>
      write(async () => {
        const record = await journal.open(tick);
        return {
          ...record,
          step: async (name, run) => {
            // The work is done, and then the record of it is written.
            const value = await run();
            return write(() => record.step(name, () => value));
          },
          complete: (status) => write(() => record.complete(status)),
        };
      }),
  };
};

const toolSpecs: readonly ToolSpec[] = [
  { name: 'pay', idempotent: true },
  { name: 'launch' },
  { name: 'look', sideEffect: 'none' },
];

const start = (
  world: World,
  {
    kill,
    onTool = () => {},
    options,
  }: {
    readonly kill?: Kill;
    readonly onTool?: (name: string) => unknown;
    readonly options?: OrchestratorOptions;
  } = {},
): { readonly orchestrator: Orchestrator; readonly died: Promise<void> } => {
  const tools = makeMemoryTools();
  for (const spec of toolSpecs) {
    tools.register({
      ...spec,
      invoke: async (_args, call) => {
        const key = call.idempotencyKey ?? '';
        if (!world.effects.some((effect) => effect.key === key))
          world.effects.push({ key, name: spec.name });
        return (await onTool(spec.name)) ?? `${spec.name} done`;
      },
    });
  }
  let die: () => void = () => {};
  const died = new Promise<void>((resolve) => {
    die = resolve;
  });
  const orchestrator = makeOrchestrator(
    {
      now: Date.now,
      log: () => {},
      context: makeMemoryContext(),
      tools,
      llm: { complete: dead },
      bus: world.bus,
      schedule: makeMemoryScheduler(),
      state: world.state,
      journal: kill === undefined ? world.journal : dying(world.journal, kill, die),
    },
    options,
  );
  return { orchestrator, died };
};

const scriptOf = (
  world: World,
  rounds: readonly (readonly Action[])[],
  more: Partial<ActorScript> = {},
): ActorScript => ({
  name: 'clerk',
  contextSources: [],
  ...more,
  talents: [
    {
      name: 'work',
      behaviors: [
        {
          name: 'act',
          mode: 'persistent',
          plan: ({ round }: PlanInput): Plan => {
            world.plans.push(`round ${round}`);
            return { actions: rounds[round] ?? [], again: round + 1 < rounds.length };
          },
        },
      ],
    },
  ],
});

const pay: Action = { type: 'tool', name: 'pay', args: {} };
const launch: Action = { type: 'tool', name: 'launch', args: {} };
const say: Action = { type: 'message', content: 'done' };
/** What became of what was left. */
const recovered = async (orchestrator: Orchestrator) => (await orchestrator.recover()).ended;
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Ticks one actor in a process that dies at a write, and then in one that recovers. */
const interrupted = async (
  rounds: readonly (readonly Action[])[],
  kill: Kill,
): Promise<{ readonly world: World; readonly hasDied: boolean; readonly actor: ActorRecord }> => {
  const world = makeWorld();
  const actor = await world.state.spawn(scriptOf(world, rounds), 'work');
  const first = start(world, { kill });
  const ticking = first.orchestrator.tickActor(actor, { userMessage: 'go' });
  const hasDied = await Promise.race([
    first.died.then(() => true),
    ticking.then(
      () => false,
      () => false,
    ),
  ]);
  await settle();
  const second = start(world);
  const { left } = await recovered(second.orchestrator);
  expect(left).toEqual([]);
  await settle();
  expect(await world.journal.unfinished()).toEqual([]);
  return { world, hasDied, actor };
};

test('a process that dies at any write loses nothing and repeats nothing that was recorded', async () => {
  let deaths = 0;
  for (let at = 2; ; at += 1) {
    let hasDied = false;
    for (const when of ['before', 'after'] as const) {
      const { world, ...run } = await interrupted([[pay, say], [say]], { at, when });
      hasDied = run.hasDied;
      if (hasDied) deaths += 1;
      // The opening is the first write; after it come two plans, an intent, three actions and the end.
      expect(world.effects.map(({ name }) => name)).toEqual(['pay']);
      expect(world.received.map(({ content }) => content)).toEqual(['done', 'done']);
      const repeated = world.plans.length - 2;
      expect(repeated).toBeLessThanOrEqual(when === 'before' && (at === 2 || at === 6) ? 1 : 0);
    }
    if (!hasDied) break;
  }
  // Two plans, an intent, three actions, one completion; before and after each.
  expect(deaths).toBe(14);
});

test('a call whose outcome nobody knows is not made again, unless its tool may be called again', async () => {
  const world = makeWorld();
  const actor = await world.state.spawn(scriptOf(world, [[pay, launch, say]]), 'work');
  // The process ends while the second tool runs.
  const calls: string[] = [];
  const first = start(world, {
    onTool: (name) => {
      calls.push(name);
      return name === 'launch' ? dead() : undefined;
    },
  });
  void first.orchestrator.tickActor(actor);
  await expect.poll(() => calls).toEqual(['pay', 'launch']);

  const { finished } = await recovered(start(world).orchestrator);
  expect(finished.map(({ status }) => status)).toEqual(['partial']);
  expect(finished[0]?.outcomes.map(({ status, error }) => error?.code ?? status)).toEqual([
    'ok',
    'outcome-unknown',
    'ok',
  ]);
  expect(world.effects.map(({ name }) => name)).toEqual(['pay', 'launch']);
  expect(world.plans).toEqual(['round 0']);
});

test('the same call has the same key in every process', async () => {
  const world = makeWorld();
  const actor = await world.state.spawn(scriptOf(world, [[pay]]), 'work');
  let isCalled = false;
  const first = start(world, {
    onTool: () => {
      isCalled = true;
      return dead();
    },
  });
  void first.orchestrator.tickActor(actor);
  await expect.poll(() => isCalled).toBe(true);
  const { finished } = await recovered(start(world).orchestrator);
  expect(finished[0]?.outcomes.map(({ id, status }) => ({ id, status }))).toEqual([
    { id: world.effects[0]?.key, status: 'ok' },
  ]);
  expect(world.effects).toHaveLength(1);
});

test('a message that comes again is handled once, and one whose tick failed is tried again without a new plan', async () => {
  const world = makeWorld();
  const actor = await world.state.spawn(scriptOf(world, [[pay, say]]), 'work');
  let isBroken = true;
  const { orchestrator } = start(world, {
    onTool: () => {
      if (isBroken) throw new Error('the till is closed');
    },
  });
  const message: BusMessage = {
    id: 'm1',
    from: 'user',
    to: actor.id,
    content: 'go',
    sentAt: 0,
    hops: 0,
  };
  const input = { userMessage: 'go', message };
  const failed = await orchestrator.tickActor(actor, input);
  expect(failed.outcomes.map(({ status }) => status)).toEqual(['failed', 'ok']);
  expect(failed.status).toBe('partial');
  isBroken = false;
  // Partly done is done: only what failed as a whole is tried again.
  const again = await orchestrator.tickActor(actor, input);
  expect(again).toMatchObject({ status: 'partial', tickId: failed.tickId, outcomes: [] });
  expect(world.plans).toEqual(['round 0']);

  const other = await world.state.spawn(scriptOf(world, [[pay]]), 'work');
  isBroken = true;
  const toOther = { userMessage: 'go', message: { ...message, to: other.id } };
  expect((await orchestrator.tickActor(other, toOther)).status).toBe('failed');
  isBroken = false;
  expect((await orchestrator.tickActor(other, toOther)).status).toBe('ok');
  expect((await orchestrator.tickActor(other, toOther)).outcomes).toEqual([]);
  expect(world.plans).toEqual(['round 0', 'round 0']);
});

test('a call whose outcome is unknown is not made again when its message comes again, unless its tool allows it', async () => {
  const deliver = async (action: Action) => {
    const world = makeWorld();
    const actor = await world.state.spawn(scriptOf(world, [[action]]), 'work');
    const calls: string[] = [];
    const { orchestrator } = start(world, {
      onTool: (name) => {
        calls.push(name);
        return dead();
      },
      options: { actionTimeoutMs: 5 },
    });
    const message = { id: 'm1', from: 'user', to: actor.id, content: 'go', sentAt: 0, hops: 0 };
    const input = { userMessage: 'go', message };
    const reports = [];
    for (let delivery = 0; delivery < 3; delivery += 1)
      reports.push(await orchestrator.tickActor(actor, input));
    return { reports, calls, keys: new Set(world.effects.map(({ key }) => key)).size };
  };
  const launched = await deliver(launch);
  expect(launched.calls).toEqual(['launch']);
  for (const { status, outcomes } of launched.reports)
    expect([status, outcomes[0]?.error?.code]).toEqual(['failed', 'timeout']);
  // A tool that recognises the key of a call may be called again, with that key.
  const paid = await deliver(pay);
  expect([paid.calls, paid.keys]).toEqual([['pay', 'pay', 'pay'], 1]);
});

test('what a process left unknown stays unknown when the message comes again', async () => {
  const world = makeWorld();
  const actor = await world.state.spawn(scriptOf(world, [[launch]]), 'work');
  const message = { id: 'm1', from: 'user', to: actor.id, content: 'go', sentAt: 0, hops: 0 };
  const input = { userMessage: 'go', message };
  let calls = 0;
  const first = start(world, {
    onTool: () => {
      calls += 1;
      return dead();
    },
  });
  void first.orchestrator.tickActor(actor, input);
  await expect.poll(() => calls).toBe(1);
  const second = start(world, { onTool: () => void (calls += 1) }).orchestrator;
  for (let delivery = 0; delivery < 3; delivery += 1) {
    const report = await second.tickActor(actor, input);
    expect(report.outcomes[0]?.error?.code).toBe('outcome-unknown');
  }
  expect(calls).toBe(1);
});

test('a stop leaves what it interrupts for the next process, a cancellation does not', async () => {
  const world = makeWorld();
  const actor = await world.state.spawn(scriptOf(world, [[launch, say]]), 'work');
  const first = start(world, { onTool: () => dead() });
  const ticking = first.orchestrator.tickActor(actor);
  await expect.poll(() => world.effects).toHaveLength(1);
  await first.orchestrator.stop({ timeoutMs: 1 });
  expect((await ticking).status).toBe('cancelled');
  expect(await world.journal.unfinished()).toHaveLength(1);
  const second = start(world);
  const { finished } = await recovered(second.orchestrator);
  expect(finished.map(({ status }) => status)).toEqual(['partial']);

  const controller = new AbortController();
  const third = start(world, { onTool: () => dead() });
  const cancelled = third.orchestrator.tickActor(actor, { signal: controller.signal });
  await expect.poll(() => world.effects).toHaveLength(2);
  controller.abort();
  expect((await cancelled).status).toBe('cancelled');
  expect(await world.journal.unfinished()).toEqual([]);
});

test('a caller who gave up before the tick began leaves nothing in the journal', async () => {
  const world = makeWorld();
  const actor = await world.state.spawn(scriptOf(world, [[say]]), 'work');
  const { orchestrator } = start(world);
  const report = await orchestrator.tickActor(actor, { signal: AbortSignal.abort() });
  expect(report.status).toBe('cancelled');
  expect(await world.journal.unfinished()).toEqual([]);
});

test('a child is spawned once, and a recorded spawn finds its script again', async () => {
  const world = makeWorld();
  const helper = scriptOf(world, [[]], { name: 'helper', version: '2' });
  const spawn: Action = { type: 'spawn', actor: helper, goal: 'help', message: 'hello' };
  const actor = await world.state.spawn(scriptOf(world, [[spawn, pay]]), 'work');
  const first = start(world, { onTool: () => dead(), options: { scripts: [helper] } });
  void first.orchestrator.tickActor(actor);
  await expect.poll(() => world.effects).toHaveLength(1);
  const second = start(world, { options: { scripts: [helper] } });
  const { finished } = await recovered(second.orchestrator);
  expect(finished[0]?.status).toBe('ok');
  expect(finished[0]?.outcomes[0]?.value).toMatchObject({ parentId: actor.id, script: helper });
  expect(await world.state.list({ parentId: actor.id })).toHaveLength(1);
  // Without the script, the recorded plan cannot be followed, and says so.
  const third = start(world, { onTool: () => dead() });
  world.effects.length = 0;
  void third.orchestrator.tickActor(actor);
  await expect.poll(() => world.effects).toHaveLength(1);
  const { finished: lost } = await recovered(start(world).orchestrator);
  expect(lost[0]?.behaviors[0]?.error?.code).toBe('script-unknown');
});

test('ticks of an actor that is gone are closed, and those of a paused one wait', async () => {
  const world = makeWorld();
  const gone = await world.state.spawn(scriptOf(world, [[pay]]), 'work');
  const paused = await world.state.spawn(scriptOf(world, [[pay]]), 'work');
  const first = start(world, { onTool: () => dead() });
  void first.orchestrator.tickActor(gone);
  void first.orchestrator.tickActor(paused);
  await expect.poll(() => world.effects).toHaveLength(2);
  await world.state.remove(gone.id);
  await world.state.update(paused.id, { state: 'paused' });
  const { finished, left } = await recovered(start(world).orchestrator);
  expect(finished).toEqual([]);
  expect(left.map(({ actorId, error }) => [actorId, error.code])).toEqual([
    [gone.id, 'actor-unknown'],
    [paused.id, 'actor-not-runnable'],
  ]);
  expect((await world.journal.unfinished()).map(({ actorId }) => actorId)).toEqual([paused.id]);
});

test('texts and results that not every store takes are recorded all the same', async () => {
  const world = makeWorld();
  const odd = `nul \u0000 half \ud83d ${'x'.repeat(10)}`;
  const deep: unknown = JSON.parse('['.repeat(80) + ']'.repeat(80));
  const results: Record<string, unknown> = { pay: odd, look: deep };
  const look: Action = { type: 'tool', name: 'look', args: {} };
  const failing: Action = { type: 'tool', name: 'nobody \ud83d', args: {} };
  const script = scriptOf(world, [[pay, look, failing, launch]]);
  const actor = await world.state.spawn(script, 'work');
  let isCalled = false;
  const first = start(world, {
    onTool: (name) => {
      isCalled ||= name === 'launch';
      return name === 'launch' ? dead() : results[name];
    },
  });
  void first.orchestrator.tickActor(actor, { userMessage: odd });
  await expect.poll(() => isCalled).toBe(true);
  const { finished } = await recovered(start(world).orchestrator);
  expect(finished[0]?.outcomes.map(({ value, error }) => error?.code ?? value)).toEqual([
    odd,
    deep,
    'tool-unknown',
    'outcome-unknown',
  ]);
  expect(finished[0]?.hasInput).toBe(true);
  expect(world.plans).toHaveLength(1);
});

test('of two processes that run one tick, both follow what was recorded first', async () => {
  const world = makeWorld();
  const message: BusMessage = {
    id: 'm1',
    from: 'user',
    to: 'ada',
    content: 'go',
    sentAt: 0,
    hops: 0,
  };
  const openers: (() => void)[] = [];
  const script: ActorScript = {
    name: 'clerk',
    contextSources: [],
    talents: [
      {
        name: 'work',
        behaviors: [
          {
            name: 'act',
            mode: 'persistent',
            plan: async (): Promise<Plan> => {
              const number = openers.length;
              await new Promise<void>((resolve) => openers.push(resolve));
              return { actions: [{ type: 'message', content: `plan ${number}` }] };
            },
          },
        ],
      },
    ],
  };
  const actor = await world.state.spawn(script, 'work', { id: 'ada' });
  const input = { userMessage: 'go', message };
  const ticks = [start(world), start(world)].map(({ orchestrator }) =>
    orchestrator.tickActor(actor, input),
  );
  await expect.poll(() => openers).toHaveLength(2);
  openers[1]?.();
  await settle();
  openers[0]?.();
  const reports = await Promise.all(ticks);
  await settle();
  expect(new Set(reports.map(({ tickId }) => tickId)).size).toBe(1);
  expect(reports.flatMap(({ actions }) => actions)).toEqual([
    { type: 'message', content: 'plan 1' },
    { type: 'message', content: 'plan 1' },
  ]);
  expect(world.received.map(({ content }) => content)).toEqual(['plan 1']);
});

test('without a journal there are no ticks to finish', async () => {
  const world = makeWorld();
  const { orchestrator } = start({ ...world, journal: undefined as never });
  const { ended, ...taken } = await orchestrator.recover();
  expect(taken).toEqual({ ticks: 0, loops: 0, waits: 0, stopped: [] });
  expect(await ended).toEqual({ finished: [], left: [] });
});

test('a journal that fails fails the tick before anything runs', async () => {
  const world = makeWorld();
  const actor = await world.state.spawn(scriptOf(world, [[pay]]), 'work');
  await world.journal.close();
  const { orchestrator } = start(world);
  await expect(orchestrator.tickActor(actor)).rejects.toMatchObject({ code: 'closed' });
  expect(world.plans).toEqual([]);
});

test.each(['plan', 'intent', 'action'])(
  'a tick whose journal fails at its %s goes on later, and nothing of it is taken for done',
  async (kind) => {
    const world = makeWorld();
    let isDown = true;
    const journal: World['journal'] = {
      ...world.journal,
      open: async (...opened) => {
        const record = await world.journal.open(...opened);
        return {
          ...record,
          step: async (name, run) => {
            if (!isDown || !name.startsWith(`${kind} `)) return record.step(name, run);
            // The outcome of a call is lost after it was made, an intent before.
            if (kind === 'action') await run();
            isDown = false;
            throw new PantheonError('unavailable', 'no server', { retryable: true });
          },
        };
      },
    };
    const actor = await world.state.spawn(scriptOf(world, [[pay, say]]), 'work');
    const first = start({ ...world, journal }).orchestrator;
    const report = await first.tickActor(actor, { userMessage: 'go' });
    expect(report.status).toBe('cancelled');
    expect(await world.journal.unfinished()).toHaveLength(1);
    expect(world.received).toEqual([]);
    const { ended } = await first.recover();
    expect((await ended).finished.map(({ status }) => status)).toEqual(['ok']);
    await settle();
    expect(world.effects.map(({ name }) => name)).toEqual(['pay']);
    expect(world.received).toHaveLength(1);
    expect(await world.journal.unfinished()).toEqual([]);
  },
);

test('a tick that is given up while it announces a call does not make it after its end', async () => {
  const end = {
    cancelled: (abort: AbortController) => abort.abort(),
    stopped: (_: AbortController, orchestrator: Orchestrator) =>
      orchestrator.stop({ timeoutMs: 1 }),
  };
  for (const how of Object.values(end)) {
    const world = makeWorld();
    let announce: () => void = () => {};
    let isAnnouncing = false;
    const announced = new Promise<void>((resolve) => {
      announce = resolve;
    });
    const journal: IJournalPort = {
      ...world.journal,
      open: async (...opened) => {
        const record = await world.journal.open(...opened);
        return {
          ...record,
          step: async (name, run) => {
            if (name.startsWith('intent')) {
              isAnnouncing = true;
              await announced;
            }
            return record.step(name, run);
          },
        };
      },
    };
    const { orchestrator } = start({ ...world, journal: journal as World['journal'] });
    const actor = await world.state.spawn(scriptOf(world, [[launch]]), 'work');
    const abort = new AbortController();
    const ticking = orchestrator.tickActor(actor, { userMessage: 'go', signal: abort.signal });
    await expect.poll(() => isAnnouncing).toBe(true);
    void how(abort, orchestrator);
    expect((await ticking).status).toBe('cancelled');
    announce();
    await settle();
    await settle();
    expect(world.effects).toEqual([]);
  }
});

/** A journal whose list of unfinished ticks is old by the time that it is read. */
const late = (journal: IJournalPort, meanwhile: () => Promise<unknown>): IJournalPort => ({
  ...journal,
  unfinished: async () => {
    const ticks = await journal.unfinished();
    await meanwhile();
    return ticks;
  },
});

test('recover does not run a tick again that another process has finished meanwhile', async () => {
  const world = makeWorld();
  const actor = await world.state.spawn(scriptOf(world, [[pay]]), 'work');
  let tries = 0;
  const onTool = () => {
    tries += 1;
    throw new Error('broken');
  };
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const first = start(world, { onTool: () => opened.then(onTool) });
  const ticking = first.orchestrator.tickActor(actor, { userMessage: 'go' });
  await expect.poll(() => world.effects).toHaveLength(1);
  const journal = late(world.journal, () => {
    open();
    return ticking;
  });
  const second = start({ ...world, journal: journal as World['journal'] }, { onTool });
  const { finished } = await recovered(second.orchestrator);
  expect([finished.map(({ status }) => status), tries]).toEqual([['failed'], 1]);
});

test('recover does not set a tick aside that has ended at its last try', async () => {
  const world = makeWorld();
  const { id: actorId } = await world.state.spawn(scriptOf(world, []), 'work');
  for (let attempt = 1; attempt <= 10; attempt += 1)
    await world.journal.open({ tickId: 't', actorId });
  const journal = late(world.journal, async () => {
    const record = await world.journal.open({ tickId: 't', actorId }, { resume: true });
    await record.complete('ok');
  });
  const { orchestrator } = start({ ...world, journal: journal as World['journal'] });
  const { left } = await recovered(orchestrator);
  expect([left, (await world.journal.read('t'))?.status]).toEqual([[], 'ok']);
});

test('recover asks once for a tick whose actor is busy, however often it is called', async () => {
  const world = makeWorld();
  const actor = await world.state.spawn(scriptOf(world, [[pay]]), 'work');
  await world.journal.open({ tickId: 't', actorId: actor.id });
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { orchestrator } = start(world, { onTool: () => opened });
  const ticking = orchestrator.tickActor(actor, { userMessage: 'go' });
  await expect.poll(() => world.effects).toHaveLength(1);
  const recoveries = [];
  for (let n = 0; n < 5; n += 1) recoveries.push(await orchestrator.recover());
  expect(orchestrator.stats().waiting).toBe(1);
  open();
  await ticking;
  await Promise.all(recoveries.map(({ ended }) => ended));
  expect((await world.journal.read('t'))?.attempt).toBe(2);
});

test('recover finishes what it can beside a tick whose script nobody knows any more', async () => {
  const world = makeWorld();
  const actor = await world.state.spawn(scriptOf(world, [[pay]]), 'work');
  await world.journal.open({ tickId: 'old', actorId: 'stranger' });
  await world.journal.open({ tickId: 't', actorId: actor.id });
  const state: World['state'] = {
    ...world.state,
    get: async (id) => {
      if (id === 'stranger') throw new PantheonError('script-unknown', 'no script gone@1');
      return world.state.get(id);
    },
  };
  const { finished, left } = await recovered(start({ ...world, state }).orchestrator);
  expect(finished).toMatchObject([{ tickId: 't', status: 'ok' }]);
  expect(left).toMatchObject([{ tickId: 'old', error: { code: 'script-unknown' } }]);
  expect(await world.journal.unfinished()).toMatchObject([{ tickId: 'old' }]);
});
