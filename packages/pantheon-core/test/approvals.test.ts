/** Calls that wait for somebody outside of the model, and ticks that wait with them. */
import { describe, expect, test } from 'vitest';
import { PantheonError, makeOrchestrator } from '@promethean/pantheon-core';
import type {
  Action,
  ActorScript,
  Approval,
  IJournalPort,
  Orchestrator,
  OrchestratorOptions,
  PantheonEvent,
  Plan,
  ToolSpec,
} from '@promethean/pantheon-core';
import {
  makeManualTimers,
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryJournal,
  makeMemoryScheduler,
  makeMemoryState,
  makeMemoryTools,
} from '@promethean/pantheon-core/memory';

const SPECS: readonly ToolSpec[] = [
  { name: 'delete', approval: 'required', idempotent: true },
  { name: 'once', approval: 'required', onUnknown: 'fail' },
  { name: 'spend', approval: ({ args }) => Number(args['amount']) > 100 },
  {
    name: 'odd',
    approval: () => {
      throw new Error('cannot say');
    },
  },
  { name: 'look', sideEffect: 'none' },
];

/** What outlives a process. */
const makeWorld = () => {
  const timers = makeManualTimers();
  return {
    timers,
    journal: makeMemoryJournal({ now: timers.now }) as IJournalPort,
    state: makeMemoryState(),
    bus: makeMemoryBus(),
    calls: [] as string[],
    plans: [] as string[],
    events: [] as PantheonEvent[],
    onCall: (name: string): unknown => `${name} done`,
  };
};
type World = ReturnType<typeof makeWorld>;

const start = (
  world: World,
  options?: OrchestratorOptions,
  journal: IJournalPort | undefined = world.journal,
  isListing = true,
): Orchestrator => {
  const tools = makeMemoryTools();
  for (const spec of SPECS) {
    tools.register({
      ...spec,
      invoke: (args) => {
        world.calls.push(`${spec.name} ${JSON.stringify(args)}`);
        return world.onCall(spec.name);
      },
    });
  }
  return makeOrchestrator(
    {
      now: world.timers.now,
      log: () => {},
      context: makeMemoryContext(),
      tools: isListing ? tools : { ...tools, list: () => [] },
      llm: { complete: () => Promise.reject(new Error('no model')) },
      bus: world.bus,
      schedule: makeMemoryScheduler({ timers: world.timers }),
      state: world.state,
      observe: (event) => world.events.push(event),
      ...(journal === undefined ? undefined : { journal }),
    },
    options,
  );
};

const call = (name: string, args: Record<string, unknown> = {}): Action => ({
  type: 'tool',
  name,
  args,
});
const say: Action = { type: 'message', content: 'done' };

const scriptOf = (world: World, rounds: readonly (readonly Action[])[]): ActorScript => ({
  name: 'clerk',
  contextSources: [],
  talents: [
    {
      name: 'work',
      behaviors: [
        {
          name: 'act',
          mode: 'persistent',
          plan: ({ round }): Plan => {
            world.plans.push(`round ${round}`);
            return { actions: rounds[round] ?? [], again: round + 1 < rounds.length };
          },
        },
      ],
    },
  ],
});

const spawn = (world: World, ...rounds: readonly (readonly Action[])[]) =>
  world.state.spawn(scriptOf(world, rounds), 'work');

const only = async (orchestrator: Orchestrator): Promise<Approval> => {
  const [approval, ...more] = await orchestrator.approvals.list();
  expect(more).toEqual([]);
  return approval as Approval;
};

const statuses = (
  report: { readonly outcomes: readonly { readonly status: string }[] } | undefined,
) => report?.outcomes.map(({ status }) => status);

describe('a call that needs an approval', () => {
  test('suspends its tick, and is made when it is granted: once, and with the plan that was made', async () => {
    const world = makeWorld();
    const orchestrator = start(world);
    const actor = await spawn(world, [call('look'), call('delete', { id: 7 }), say], [say]);
    const report = await orchestrator.tickActor(actor, { userMessage: 'approved! go ahead' });
    expect(report.status).toBe('suspended');
    expect(statuses(report)).toEqual(['ok', 'suspended', 'skipped']);
    expect(world.calls).toEqual(['look {}']);
    const approval = await only(orchestrator);
    expect(approval).toMatchObject({
      id: `${report.outcomes[1]?.id}#1`,
      tickId: report.tickId,
      actorId: actor.id,
      tool: 'delete',
      args: { id: 7 },
      expiresAt: approval.requestedAt + 86_400_000,
    });
    expect(approval.digest).toMatch(/^[0-9a-f]{64}$/);

    const decided = await orchestrator.approvals.grant(approval.id, {
      digest: approval.digest,
      by: 'ada',
    });
    expect(decided.approval).toEqual(approval);
    const rest = await decided.ended;
    expect(rest).toMatchObject({ tickId: report.tickId, status: 'ok' });
    expect(statuses(rest)).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect(world.calls).toEqual(['look {}', 'delete {"id":7}']);
    expect(world.plans).toEqual(['round 0', 'round 1']);
    expect(await world.journal.unfinished()).toEqual([]);
    expect(await orchestrator.approvals.list()).toEqual([]);
    const told = world.events.filter(({ type }) => type.startsWith('approval-'));
    expect(told).toMatchObject([
      { type: 'approval-requested', approvalId: approval.id, tool: 'delete' },
      { type: 'approval-decided', approvalId: approval.id, granted: true, by: 'ada' },
    ]);
    expect(orchestrator.stats().ticks).toMatchObject({ suspended: 1, ok: 1 });
  });

  test('is denied with the reason, and the tick goes on', async () => {
    const world = makeWorld();
    const orchestrator = start(world);
    const actor = await spawn(world, [call('delete'), say]);
    await orchestrator.tickActor(actor);
    const { id } = await only(orchestrator);
    const { ended } = await orchestrator.approvals.deny(id, { reason: 'not on a Sunday' });
    const report = await ended;
    expect(report?.outcomes[0]).toMatchObject({
      status: 'denied',
      error: { code: 'approval-denied', message: expect.stringContaining('not on a Sunday') },
    });
    expect(statuses(report)).toEqual(['denied', 'ok']);
    expect(world.calls).toEqual([]);
  });

  test('the actor is free for other ticks meanwhile', async () => {
    const world = makeWorld();
    const orchestrator = start(world);
    const actor = await spawn(world, [call('delete')]);
    const first = await orchestrator.tickActor(actor);
    const second = await orchestrator.tickActor(actor);
    expect([first.status, second.status]).toEqual(['suspended', 'suspended']);
    const list = await orchestrator.approvals.list();
    expect(list.map(({ tickId }) => tickId)).toEqual([first.tickId, second.tickId]);
    expect(new Set(list.map(({ digest }) => digest)).size).toBe(2);
    const [, later] = list as [Approval, Approval];
    const { ended } = await orchestrator.approvals.grant(later.id, later);
    expect((await ended)?.tickId).toBe(second.tickId);
    expect(world.calls).toHaveLength(1);
    expect(await orchestrator.approvals.list({ actorId: 'somebody else' })).toEqual([]);
    expect(await orchestrator.approvals.list({ actorId: actor.id })).toHaveLength(1);
  });

  test('a function of the tool decides which calls need one; where it throws, they do', async () => {
    const world = makeWorld();
    const orchestrator = start(world);
    const small = await spawn(world, [call('spend', { amount: 5 })]);
    expect((await orchestrator.tickActor(small)).status).toBe('ok');
    const large = await spawn(world, [call('spend', { amount: 500 })]);
    expect((await orchestrator.tickActor(large)).status).toBe('suspended');
    const odd = await spawn(world, [call('odd')]);
    expect((await orchestrator.tickActor(odd)).status).toBe('suspended');
    expect(world.calls).toEqual(['spend {"amount":5}']);
  });

  test('is denied without a journal, and outside of a tick', async () => {
    const world = makeWorld();
    const { open, unfinished } = world.journal;
    const actor = await spawn(world, [call('delete'), say]);
    for (const journal of [undefined, { open, unfinished }]) {
      const orchestrator = start({ ...world, journal: journal as IJournalPort }, {}, journal);
      const report = await orchestrator.tickActor(actor);
      expect(statuses(report)).toEqual(['denied', 'ok']);
      expect(report.outcomes[0]?.error?.code).toBe('approval-required');
      await expect(orchestrator.executeAction(call('delete'), actor)).rejects.toMatchObject({
        code: 'approval-required',
      });
      await expect(orchestrator.approvals.list()).rejects.toMatchObject({
        code: 'capability-missing',
      });
    }
    expect(world.calls).toEqual([]);
  });

  test('what is not permitted is not asked for', async () => {
    const world = makeWorld();
    const orchestrator = start(world);
    const script = { ...scriptOf(world, [[call('delete')]]), permissions: { tools: ['look'] } };
    const report = await orchestrator.tickActor(await world.state.spawn(script, 'work'));
    expect(report.outcomes[0]?.error?.code).toBe('permission-denied');
    expect(await orchestrator.approvals.list()).toEqual([]);
  });
});

describe('several calls of one plan', () => {
  const waiting = async (world: World, orchestrator: Orchestrator) => {
    const names = ['a', 'b', 'c'];
    const actor = await spawn(
      world,
      names.map((id) => call('delete', { id })),
    );
    await orchestrator.tickActor(actor);
    return (await orchestrator.approvals.list()) as [Approval, Approval, Approval];
  };

  test('are asked for at once, granted in any order, and made in the order of the plan', async () => {
    const world = makeWorld();
    const orchestrator = start(world);
    const [a, b, c] = await waiting(world, orchestrator);
    expect([a, b, c].map(({ args }) => args['id'])).toEqual(['a', 'b', 'c']);
    const last = await orchestrator.approvals.grant(c.id, c);
    expect(await last.ended).toBeUndefined();
    expect(world.calls).toEqual([]);
    const first = await orchestrator.approvals.grant(a.id, a);
    const afterFirst = await first.ended;
    expect(statuses(afterFirst)).toEqual(['ok', 'suspended', 'skipped']);
    const second = await orchestrator.approvals.deny(b.id);
    expect(statuses(await second.ended)).toEqual(['ok', 'denied', 'ok']);
    expect(world.calls).toEqual(['delete {"id":"a"}', 'delete {"id":"c"}']);
    expect(await world.journal.unfinished()).toEqual([]);
  });

  test('that are granted all at once are each made once', async () => {
    const world = makeWorld();
    const orchestrator = start(world);
    const approvals = await waiting(world, orchestrator);
    const decided = await Promise.all(
      approvals.map((approval) => orchestrator.approvals.grant(approval.id, approval)),
    );
    await Promise.all(decided.map(({ ended }) => ended));
    expect(world.calls).toEqual(['a', 'b', 'c'].map((id) => `delete {"id":"${id}"}`));
    expect(await world.journal.unfinished()).toEqual([]);
  });
});

describe('a grant', () => {
  const waiting = async () => {
    const world = makeWorld();
    const orchestrator = start(world);
    const actor = await spawn(world, [call('delete', { id: 1 })]);
    await orchestrator.tickActor(actor);
    return { world, orchestrator, actor, approval: await only(orchestrator) };
  };
  type Grants = { readonly code: string };
  const refused = async (granting: Promise<unknown>, code: string): Promise<void> => {
    await expect(granting).rejects.toMatchObject({ code } satisfies Grants);
  };

  test('names the digest of what was looked at', async () => {
    const { orchestrator, approval, world } = await waiting();
    for (const digest of ['', 'approved', approval.digest.toUpperCase(), undefined as never])
      await refused(orchestrator.approvals.grant(approval.id, { digest }), 'approval-conflict');
    await refused(orchestrator.approvals.deny(approval.id, { digest: 'x' }), 'approval-conflict');
    expect(world.calls).toEqual([]);
    expect(await only(orchestrator)).toEqual(approval);
  });

  test('is for a call that waits, and no other', async () => {
    const { orchestrator, approval } = await waiting();
    for (const id of ['', 'x', `${approval.id}0`, approval.tickId, approval.id.replace('#1', '#2')])
      await refused(orchestrator.approvals.grant(id, approval), 'approval-unknown');
  });

  test('counts once', async () => {
    const { orchestrator, approval, world, actor } = await waiting();
    const grant = () => orchestrator.approvals.grant(approval.id, { ...approval, by: 'a' });
    const both = await Promise.allSettled([
      grant(),
      orchestrator.approvals.deny(approval.id, { by: 'b' }),
    ]);
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const one of both) if (one.status === 'fulfilled') await one.value.ended;
    await refused(grant(), 'approval-unknown');
    const calls = world.calls.length;
    expect(calls).toBeLessThanOrEqual(1);
    // The same call of the next tick needs its own.
    expect((await orchestrator.tickActor(actor)).status).toBe('suspended');
    expect(world.calls).toHaveLength(calls);
  });

  test('comes before the time is over; then the call ends by itself', async () => {
    const { orchestrator, approval, world } = await waiting();
    await world.timers.advance(86_400_000);
    await refused(orchestrator.approvals.grant(approval.id, approval), 'approval-unknown');
    expect(await world.journal.unfinished()).toEqual([]);
    const ended = world.events.findLast(({ type }) => type === 'action-ended');
    expect(ended).toMatchObject({
      outcome: { status: 'denied', error: { code: 'approval-expired' } },
    });
    expect(world.calls).toEqual([]);
    await orchestrator.stop();
  });

  test('does not last: what was granted and not made in time is not made', async () => {
    const { orchestrator, approval, world } = await waiting();
    await orchestrator.stop();
    // Granted by a process that cannot run the actor.
    const other = makeOrchestrator({
      ...makeIdleDeps(world),
      state: makeMemoryState(),
    });
    const { ended } = await other.approvals.grant(approval.id, approval);
    expect(await ended).toBeUndefined();
    await world.timers.advance(86_400_000);
    await (
      await start(world).recover()
    ).ended;
    expect(world.calls).toEqual([]);
    expect(await world.journal.unfinished()).toEqual([]);
  });

  test('is not one for other arguments that were put into the record', async () => {
    const { approval, world } = await waiting();
    const { read } = world.journal;
    const forged: IJournalPort = {
      ...world.journal,
      read: async (tickId) => {
        const tick = await read?.(tickId);
        const text = JSON.stringify(tick).replaceAll('"id":1', '"id":2');
        return JSON.parse(text) as NonNullable<typeof tick>;
      },
    };
    const orchestrator = start({ ...world, journal: forged });
    const [shown] = await orchestrator.approvals.list();
    expect(shown?.args).toEqual({ id: 2 });
    await refused(
      orchestrator.approvals.grant(approval.id, { digest: shown?.digest ?? '' }),
      'approval-conflict',
    );
  });
});

const makeIdleDeps = (world: World) => ({
  now: world.timers.now,
  log: () => {},
  context: makeMemoryContext(),
  tools: makeMemoryTools(),
  llm: { complete: () => Promise.reject(new Error('no model')) },
  bus: world.bus,
  schedule: makeMemoryScheduler({ timers: world.timers }),
  state: world.state,
  journal: world.journal,
});

describe('after a restart', () => {
  test('a suspended tick waits on, and is granted there', async () => {
    const world = makeWorld();
    const actor = await spawn(world, [call('look'), call('delete')]);
    await start(world).tickActor(actor);
    const second = start(world);
    expect(await second.recover()).toMatchObject({ ticks: 0 });
    const approval = await only(second);
    const { ended } = await second.approvals.grant(approval.id, approval);
    expect((await ended)?.status).toBe('ok');
    expect(world.calls).toEqual(['look {}', 'delete {}']);
    expect(world.plans).toEqual(['round 0']);
  });

  test('a call that was granted meanwhile is made', async () => {
    const world = makeWorld();
    const actor = await spawn(world, [call('delete')]);
    const first = start(world);
    await first.tickActor(actor);
    const approval = await only(first);
    const elsewhere = makeOrchestrator({ ...makeIdleDeps(world), state: makeMemoryState() });
    await (
      await elsewhere.approvals.grant(approval.id, approval)
    ).ended;
    const { ticks, ended } = await start(world).recover();
    expect(ticks).toBe(1);
    expect((await ended).finished).toMatchObject([{ status: 'ok' }]);
    expect(world.calls).toEqual(['delete {}']);
  });

  test('what failed before the tick was suspended is not tried again', async () => {
    const world = makeWorld();
    const orchestrator = start(world);
    const actor = await spawn(world, [call('missing'), call('delete')]);
    await orchestrator.tickActor(actor);
    const approval = await only(orchestrator);
    const { ended } = await orchestrator.approvals.grant(approval.id, approval);
    expect(statuses(await ended)).toEqual(['failed', 'ok']);
  });

  test('its time is watched there too', async () => {
    const world = makeWorld();
    const actor = await spawn(world, [call('delete')]);
    await start(world, { approvalTtlMs: 1_000 }).tickActor(actor);
    const second = start(world);
    await second.recover();
    await world.timers.advance(1_000);
    expect(await world.journal.unfinished()).toEqual([]);
    expect(world.calls).toEqual([]);
  });
});

test('an actor that only its caller knows goes on as well', async () => {
  const world = makeWorld();
  const orchestrator = start(world);
  const actor = { id: 'guest', script: scriptOf(world, [[call('delete')]]), goals: ['work'] };
  expect((await orchestrator.tickActor(actor)).status).toBe('suspended');
  const approval = await only(orchestrator);
  const { ended } = await orchestrator.approvals.grant(approval.id, approval);
  expect((await ended)?.status).toBe('ok');
  expect(world.calls).toEqual(['delete {}']);
});

/** What happens to a journal whose process dies at its n-th write. */
const dying = (
  journal: IJournalPort,
  at: number,
  when: 'before' | 'after',
): { readonly journal: IJournalPort; readonly died: Promise<'died'> } => {
  let writes = 0;
  let die: (died: 'died') => void = () => {};
  const died = new Promise<'died'>((resolve) => {
    die = resolve;
  });
  const dead = new Promise<never>(() => {});
  const write = async <T>(run: () => Promise<T>): Promise<T> => {
    writes += 1;
    if (writes > at) return dead;
    if (writes < at) return run();
    if (when === 'after') await run();
    die('died');
    return dead;
  };
  const watched: IJournalPort = {
    ...journal,
    open: (tick, options) =>
      write(async () => {
        const record = await journal.open(tick, options);
        return {
          ...record,
          step: async (name, run) => {
            let isNew = false;
            const value = await record
              .step(name, () => {
                isNew = true;
                throw NEW;
              })
              .catch(() => (isNew ? run() : Promise.reject(new Error('no record'))));
            return isNew ? write(() => record.step(name, () => value)) : value;
          },
          complete: (status) => write(() => record.complete(status)),
        };
      }),
  };
  return { journal: watched, died };
};
const NEW: unique symbol = Symbol('new');

test('a process that dies at any write of a tick that is suspended and granted makes the call once, and plans once', async () => {
  let deaths = 0;
  for (let at = 1; ; at += 1) {
    let isOver = true;
    for (const when of ['before', 'after'] as const) {
      const world = makeWorld();
      const actor = await spawn(world, [call('look'), call('once', { id: 1 })], [say]);
      const { journal, died } = dying(world.journal, at, when);
      const first = start({ ...world, journal }, {}, journal);
      const run = async (): Promise<'ended'> => {
        await first.tickActor(actor);
        const [approval] = (await first.approvals.list()) as [Approval];
        await (
          await first.approvals.grant(approval.id, approval)
        ).ended;
        return 'ended';
      };
      const end = await Promise.race([run(), died]);
      isOver &&= end === 'ended';
      deaths += end === 'died' ? 1 : 0;

      const second = start(world);
      await (
        await second.recover()
      ).ended;
      for (const approval of await second.approvals.list())
        await (
          await second.approvals.grant(approval.id, approval)
        ).ended;
      expect(await world.journal.unfinished()).toEqual([]);
      const made = world.calls.filter((text) => text.startsWith('once'));
      // Where the process died after the intent and before the call, nobody knows: the call is not made.
      expect(made.length).toBeLessThanOrEqual(1);
      const wasOpened = !(at === 1 && when === 'before');
      const [report] = world.events
        .filter((event) => event.type === 'tick-ended')
        .flatMap((event) => ('report' in event && event.report ? [event.report] : []))
        .toReversed();
      if (wasOpened && made.length === 0)
        expect(report?.outcomes[1]?.error?.code).toBe('outcome-unknown');
      // A plan is made twice only where its record was not written.
      expect(world.plans.length).toBeLessThanOrEqual(3);
    }
    if (isOver) break;
  }
  expect(deaths).toBeGreaterThan(20);
});

describe('a call that was asked for', () => {
  const suspended = async (options?: OrchestratorOptions) => {
    const world = makeWorld();
    const actor = await spawn(world, [call('delete')]);
    const first = start(world, options);
    await first.tickActor(actor);
    return { world, actor, first, approval: await only(first) };
  };

  test('is not made without its grant where the tools do not tell of it, as before they are discovered', async () => {
    const { world, first, approval } = await suspended({ approvalTtlMs: 1_000 });
    await first.stop();
    await world.timers.advance(1_000);
    const second = start(world, {}, world.journal, false);
    const { finished } = await (await second.recover()).ended;
    expect(finished.flatMap(({ outcomes }) => outcomes)).toMatchObject([
      { status: 'denied', error: { code: 'approval-expired' } },
    ]);
    expect(world.calls).toEqual([]);
    expect(approval.tool).toBe('delete');
  });

  test('is not made when it was denied, whatever the tools say by then', async () => {
    const { world, approval } = await suspended();
    const second = start(world, {}, world.journal, false);
    const { ended } = await second.approvals.deny(approval.id);
    expect(statuses(await ended)).toEqual(['denied']);
    expect(world.calls).toEqual([]);
  });

  test('waits without end where there is no limit', async () => {
    const { world, first, approval } = await suspended({ approvalTtlMs: Infinity });
    await world.timers.advance(2_147_483_647);
    expect(await first.approvals.list()).toEqual([approval]);
    expect(new Date(approval.expiresAt).toISOString()).toMatch(/^\+275760/);
    const { ended } = await first.approvals.grant(approval.id, approval);
    expect(statuses(await ended)).toEqual(['ok']);
  });

  test('is not made for an actor that was removed meanwhile', async () => {
    const { world, actor, first, approval } = await suspended();
    await world.state.remove?.(actor.id);
    const { ended } = await first.approvals.grant(approval.id, approval);
    expect([await ended, world.calls]).toEqual([undefined, []]);
  });

  test('ends with its time also where the state port cannot be reached then', async () => {
    const world = makeWorld();
    let isDown = false;
    const get: World['state']['get'] = async (id) => {
      if (isDown) throw new PantheonError('unavailable', 'no server', { retryable: true });
      return world.state.get(id);
    };
    const orchestrator = start(
      { ...world, state: { ...world.state, get } },
      { approvalTtlMs: 1_000 },
    );
    await orchestrator.tickActor(await spawn(world, [call('delete')]));
    isDown = true;
    await world.timers.advance(1_000);
    isDown = false;
    await world.timers.advance(60_000);
    expect(await world.journal.unfinished()).toEqual([]);
  });

  test('can be answered with a journal whose methods are inherited, as those of a class are', async () => {
    const world = makeWorld();
    const journal = Object.create({ ...world.journal }) as IJournalPort;
    const orchestrator = start(world, {}, journal);
    await orchestrator.tickActor(await spawn(world, [call('delete')]));
    const approval = await only(orchestrator);
    const { ended } = await orchestrator.approvals.grant(approval.id, approval);
    expect(statuses(await ended)).toEqual(['ok']);
  });

  test('counts as an opening of its tick when the process ended while it was made', async () => {
    const { world, first, approval } = await suspended();
    world.onCall = () => new Promise<never>(() => {});
    await first.approvals.grant(approval.id, approval);
    await expect.poll(() => world.calls).toHaveLength(1);
    const attempts: (number | undefined)[] = [];
    for (let process = 2; process <= 4; process += 1) {
      await start(world).recover();
      await expect.poll(() => world.calls).toHaveLength(process);
      attempts.push((await world.journal.read?.(approval.tickId))?.attempt);
    }
    expect(attempts).toEqual([2, 3, 4]);
  });
});

test('plans that are made at once are all recorded before their tick is suspended', async () => {
  const world = makeWorld();
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const actor = await world.state.spawn(
    {
      name: 'clerk',
      contextSources: [],
      config: { planning: 'parallel' },
      talents: [
        {
          name: 'work',
          behaviors: [
            { name: 'a', mode: 'persistent', plan: () => ({ actions: [call('delete')] }) },
            {
              name: 'b',
              mode: 'persistent',
              plan: async () => {
                world.plans.push('b');
                await opened;
                return { actions: [] };
              },
            },
          ],
        },
      ],
    },
    'work',
  );
  const orchestrator = start(world);
  const ticking = orchestrator.tickActor(actor);
  await expect.poll(() => orchestrator.approvals.list()).toHaveLength(1);
  const approval = await only(orchestrator);
  const { ended } = await orchestrator.approvals.grant(approval.id, approval);
  open();
  expect((await ticking).status).toBe('suspended');
  expect((await ended)?.status).toBe('ok');
  expect(world.plans).toEqual(['b']);
});
