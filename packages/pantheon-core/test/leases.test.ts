/** Several orchestrators on one state, as several processes have them: leases decide which of them runs an actor. */
import { expect, test } from 'vitest';
import { makeOrchestrator } from '@promethean/pantheon-core';
import type {
  ActorScript,
  ILeasePort,
  Orchestrator,
  PantheonEvent,
  Plan,
  PlanInput,
  ToolCallContext,
} from '@promethean/pantheon-core';
import {
  makeManualTimers,
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryJournal,
  makeMemoryLeases,
  makeMemoryLeaseStore,
  makeMemoryScheduler,
  makeMemoryState,
  makeMemoryTools,
} from '@promethean/pantheon-core/memory';

/** What processes share. */
const makeWorld = () => {
  const timers = makeManualTimers();
  return {
    timers,
    store: makeMemoryLeaseStore(timers),
    state: makeMemoryState(),
    journal: makeMemoryJournal({ now: timers.now }),
    bus: makeMemoryBus(),
    calls: [] as ToolCallContext[],
  };
};
type World = ReturnType<typeof makeWorld>;

const makeProcess = (
  world: World,
  {
    timers = world.timers,
    onCall = () => {},
    leases = makeMemoryLeases({ timers, store: world.store }),
  }: {
    readonly timers?: World['timers'];
    readonly onCall?: () => unknown;
    readonly leases?: ILeasePort;
  } = {},
): { readonly orchestrator: Orchestrator; readonly events: PantheonEvent[] } => {
  const events: PantheonEvent[] = [];
  const tools = makeMemoryTools();
  tools.register({
    name: 'act',
    idempotent: true,
    invoke: (_args, call) => {
      world.calls.push({ ...call, fence: call.fence ?? '' });
      return onCall();
    },
  });
  const orchestrator = makeOrchestrator(
    {
      now: world.timers.now,
      log: () => {},
      context: makeMemoryContext(),
      tools,
      llm: { complete: () => Promise.reject(new Error('no model')) },
      bus: world.bus,
      schedule: makeMemoryScheduler({ timers: world.timers }),
      state: world.state,
      journal: world.journal,
      leases,
      observe: (event) => events.push(event),
    },
    { leaseTtlMs: 1_000, newId: (actor) => `${actor.id}@${(ids += 1)}` },
  );
  return { orchestrator, events };
};
let ids = 0;

const scriptOf = (plan: (input: PlanInput) => Plan | Promise<Plan>): ActorScript => ({
  name: 'worker',
  contextSources: [],
  talents: [{ name: 'work', behaviors: [{ name: 'act', mode: 'persistent', plan }] }],
});

const act: Plan = { actions: [{ type: 'tool', name: 'act', args: {} }] };

const gate = () => {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
};

/** Lets what is ready go on. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

test('ticks of one actor do not overlap over processes, and those of others do not wait', async () => {
  const world = makeWorld();
  let [running, most] = [0, 0];
  const script = scriptOf(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return act;
  });
  const actor = await world.state.spawn(script, 'work');
  const processes = Array.from({ length: 3 }, () => makeProcess(world).orchestrator);
  const ticks = Promise.all(
    Array.from({ length: 12 }, (_, n) => processes[n % 3]!.tickActor(actor)),
  );
  let done = false;
  void ticks.finally(() => (done = true));
  while (!done) {
    await settle();
    await world.timers.advance(100);
  }
  expect((await ticks).map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 'ok'));
  expect(most).toBe(1);
  // Each tick had a lease of its own.
  expect(new Set(world.calls.map(({ fence }) => fence)).size).toBe(12);
  const other = await world.state.spawn(
    scriptOf(() => act),
    'work',
  );
  expect((await processes[0]?.tickActor(other))?.status).toBe('ok');
});

test('a tick that loses its lease is given up, begins nothing more, and is left for the next process', async () => {
  const world = makeWorld();
  const inTool = gate();
  const script = scriptOf(() => ({ actions: [...act.actions, ...act.actions] }));
  const actor = await world.state.spawn(script, 'work');
  // Its renewals never come: their clock stands still for everything but the tick.
  const store = { ...world.store, renew: () => new Promise<never>(() => {}) };
  const first = makeProcess(world, {
    onCall: () => inTool.opened,
    leases: makeMemoryLeases({ timers: world.timers, store }),
  });
  const ticking = first.orchestrator.tickActor(actor);
  await settle();
  await world.timers.advance(799);
  expect(first.orchestrator.stats().running).toBe(1);
  await world.timers.advance(1);
  const report = await ticking;
  expect(report.status).toBe('cancelled');
  expect(report.outcomes.map(({ status }) => status)).toEqual(['cancelled', 'skipped']);
  expect(report.outcomes[0]?.error).toMatchObject({ code: 'lease-lost', retryable: true });
  expect(first.events.map(({ type }) => type)).toContain('lease-lost');
  expect(await world.journal.unfinished()).toHaveLength(1);

  await world.timers.advance(200);
  const second = makeProcess(world).orchestrator;
  const { finished } = await (await second.recover()).ended;
  expect(finished).toMatchObject([{ tickId: report.tickId, status: 'ok' }]);
  // The first call's outcome was unknown, so it was made again, with its key; the second one was made once.
  const keys = world.calls.map(({ idempotencyKey }) => idempotencyKey);
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(2);
  inTool.open();
});

test('recover leaves alone what another process is at, at any time', async () => {
  const world = makeWorld();
  const inTool = gate();
  const actor = await world.state.spawn(
    scriptOf(() => act),
    'work',
  );
  const first = makeProcess(world, { onCall: () => inTool.opened }).orchestrator;
  const ticking = first.tickActor(actor);
  await settle();
  const second = makeProcess(world).orchestrator;
  const { finished, left } = await (await second.recover()).ended;
  expect([finished, left]).toEqual([[], []]);
  inTool.open();
  expect((await ticking).status).toBe('ok');
  expect(world.calls).toHaveLength(1);
  await settle();
  expect((await (await second.recover()).ended).finished).toEqual([]);
});

test('a loop runs in one process, and in another one when that one stops', async () => {
  const world = makeWorld();
  const plans: string[] = [];
  const actor = await world.state.spawn(
    scriptOf(() => ({ actions: [] })),
    'work',
  );
  const processes = ['a', 'b'].map((name) => {
    const { orchestrator, events } = makeProcess(world);
    return { name, orchestrator, events };
  });
  for (const { orchestrator } of processes) orchestrator.startActorLoop(actor, 100);
  const turns = (): readonly number[] =>
    processes.map(({ orchestrator }) => orchestrator.stats().ticks.ok);
  for (let n = 0; n < 10; n += 1) {
    await world.timers.advance(100);
    await settle();
  }
  expect(turns().toSorted((a, b) => a - b)).toEqual([0, 10]);
  const [leader, other] = processes.toSorted(
    (a, b) => b.orchestrator.stats().ticks.ok - a.orchestrator.stats().ticks.ok,
  );
  expect(other?.events).toContainEqual(
    expect.objectContaining({ type: 'loop-skipped', reason: 'elsewhere' }),
  );
  await leader?.orchestrator.stop();
  for (let n = 0; n < 3; n += 1) {
    await world.timers.advance(100);
    await settle();
  }
  expect(other?.orchestrator.stats().ticks.ok).toBe(3);
  expect(plans).toEqual([]);
  await other?.orchestrator.stop();
});

test('stop gives every lease back', async () => {
  const world = makeWorld();
  const inTool = gate();
  const actor = await world.state.spawn(
    scriptOf(() => act),
    'work',
  );
  const { orchestrator } = makeProcess(world, { onCall: () => inTool.opened });
  const ticking = orchestrator.tickActor(actor);
  await settle();
  const stopping = orchestrator.stop({ timeoutMs: 50 });
  await world.timers.advance(50);
  await stopping;
  expect((await ticking).status).toBe('cancelled');
  const leases = makeMemoryLeases({ timers: world.timers, store: world.store });
  expect(await leases.acquire(`actor:${actor.id}`)).toBeDefined();
  await leases.close();
});

test('a store that cannot be reached fails the tick before it has run anything', async () => {
  const world = makeWorld();
  const actor = await world.state.spawn(
    scriptOf(() => act),
    'work',
  );
  const leases: ILeasePort = { acquire: () => Promise.reject(new Error('down')) };
  const { orchestrator } = makeProcess(world, { leases });
  await expect(orchestrator.tickActor(actor)).rejects.toThrow('down');
  expect(world.calls).toEqual([]);
  expect(await world.journal.unfinished()).toEqual([]);
});

/** Leases that another process has. */
const taken: ILeasePort = { acquire: async () => undefined };

test('a tick that gets no lease in time is no failure of its actor', async () => {
  const world = makeWorld();
  const actor = await world.state.spawn(
    { ...scriptOf(() => act), supervision: { maxFailures: 1 } },
    'work',
  );
  const { orchestrator } = makeProcess(world, { leases: taken });
  const ticking = orchestrator.tickActor(actor);
  await world.timers.advance(300_000);
  expect((await ticking).status).toBe('timeout');
  expect((await world.state.get(actor.id))?.state).toBe('idle');
  expect(await world.journal.unfinished()).toEqual([]);
});

test('a stop does not wait for what another process has, nor for a store that does not answer', async () => {
  const world = makeWorld();
  const actor = await world.state.spawn(
    scriptOf(() => act),
    'work',
  );
  const waiting = makeProcess(world, { leases: taken }).orchestrator;
  const ticking = waiting.tickActor(actor);
  ticking.catch(() => {});
  await settle();
  const stopping = waiting.stop({ timeoutMs: 10_000 });
  await world.timers.advance(500);
  expect(await stopping).toEqual({ clean: true, aborted: 0 });
  await expect(ticking).rejects.toMatchObject({ code: 'orchestrator-stopped' });

  const deaf: ILeasePort = {
    acquire: async (name) => ({
      name,
      token: '1:a',
      epoch: 1,
      isHeld: () => true,
      release: () => new Promise<never>(() => {}),
    }),
  };
  const holding = makeProcess(world, { leases: deaf }).orchestrator;
  expect((await holding.tickActor(actor)).status).toBe('ok');
  const ended = holding.stop();
  await world.timers.advance(500);
  expect(await ended).toEqual({ clean: true, aborted: 0 });
});

test('a tick that was given up while it asked for its siblings spawns nobody', async () => {
  const world = makeWorld();
  const asked = gate();
  let spawned = 0;
  const child = scriptOf(() => act);
  const actor = await world.state.spawn(
    scriptOf(() => ({ actions: [{ type: 'spawn', actor: child, goal: 'help' }] })),
    'work',
  );
  const abort = new AbortController();
  const state: World['state'] = {
    ...world.state,
    list: async (filter) => {
      abort.abort();
      await asked.opened;
      return world.state.list(filter);
    },
    spawn: (...child) => {
      spawned += 1;
      return world.state.spawn(...child);
    },
  };
  const { orchestrator } = makeProcess({ ...world, state });
  const report = await orchestrator.tickActor(actor, { signal: abort.signal });
  asked.open();
  await settle();
  expect([report.status, spawned]).toEqual(['cancelled', 0]);
});

test('a term that no store takes is refused at once', () => {
  const world = makeWorld();
  for (const leaseTtlMs of [99, 100.5, 86_400_001, Infinity, NaN])
    expect(() => makeOrchestrator(depsOf(world), { leaseTtlMs })).toThrow(
      expect.objectContaining({ code: 'option-invalid' }),
    );
});

const depsOf = (world: World) => ({
  now: world.timers.now,
  log: () => {},
  context: makeMemoryContext(),
  tools: makeMemoryTools(),
  llm: { complete: () => Promise.reject(new Error('no model')) },
  bus: world.bus,
  schedule: makeMemoryScheduler({ timers: world.timers }),
  state: world.state,
});
