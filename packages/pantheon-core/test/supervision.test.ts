/** Contract 8.4 and 3.10: what stands above an actor decides whether it ticks; actors that are done; ticks that kill the process. */
import { PantheonError } from '@promethean/pantheon-core';
import type {
  ActorRecord,
  ActorScript,
  BusMessage,
  IActorStatePort,
} from '@promethean/pantheon-core';
import { makeMemoryJournal } from '@promethean/pantheon-core/memory';
import { describe, expect, test } from 'vitest';
import { actorOf, behavior, gate, makeDesk, script } from './desk.ts';
import type { Desk } from './desk.ts';

const beat = (ticks: string[], more: Partial<ActorScript> = {}) =>
  script(
    [
      behavior('beat', 'persistent', ({ actor }) => {
        ticks.push(actor.id);
        return { actions: [] };
      }),
    ],
    { name: 'beater', loop: { intervalMs: 50 }, ...more },
  );

/** A parent, its child and its grandchild, both with a loop. */
const family = async (ticks: string[], desk: Desk = makeDesk()) => {
  const { deps, orchestrator } = desk;
  const parent = await deps.state.spawn(script([]), 'p', { id: 'parent' });
  const spawn = (from: ActorRecord): Promise<ActorRecord> =>
    orchestrator.executeAction(
      { type: 'spawn', actor: beat(ticks), goal: 'beat' },
      from,
    ) as Promise<ActorRecord>;
  const child = await spawn(parent);
  const grandchild = await spawn(child);
  return { ...desk, parent, child, grandchild };
};

describe('an actor below another one', () => {
  test('waits while its ancestor is paused, and goes on when that one does', async () => {
    const ticks: string[] = [];
    const { deps, orchestrator, advance, grandchild, events } = await family(ticks);
    await deps.state.update('parent', { state: 'paused' });
    await expect(orchestrator.deliver(grandchild.id, 'go')).rejects.toMatchObject({
      code: 'actor-not-runnable',
      retryable: true,
      details: { state: 'paused', ancestorId: 'parent' },
    });
    await advance(100);
    expect(ticks).toEqual([]);
    await deps.state.update('parent', { state: 'idle' });
    await advance(50);
    expect(ticks).toHaveLength(2);
    expect(events.filter(({ type }) => type === 'actor-state-changed')).toEqual([]);
  });

  test.each(['completed', 'failed', 'removed'] as const)(
    'is stopped when its ancestor is %s, and so is its loop',
    async (end) => {
      const ticks: string[] = [];
      const { deps, orchestrator, advance, child, grandchild, events } = await family(ticks);
      if (end === 'removed') await deps.state.remove?.('parent');
      else await deps.state.update('parent', { state: end });
      await expect(orchestrator.tickActor(grandchild)).rejects.toMatchObject({
        code: 'actor-not-runnable',
      });
      await advance(200);
      expect(ticks).toEqual([]);
      expect(orchestrator.stats().loops).toBe(0);
      for (const { id } of [child, grandchild])
        expect(await deps.state.get(id)).toMatchObject({ state: 'failed' });
      expect(events.find(({ type }) => type === 'actor-state-changed')).toMatchObject({
        actorId: grandchild.id,
        state: 'failed',
        reason: { message: `its parent parent has ended (${end})` },
      });
    },
  );

  test('ticks where the state port has never known its parent', async () => {
    const ticks: string[] = [];
    const { orchestrator } = makeDesk();
    const child = (await orchestrator.executeAction(
      { type: 'spawn', actor: beat(ticks), goal: 'g' },
      actorOf([]),
    )) as ActorRecord;
    await orchestrator.deliver(child.id, 'go');
    expect(ticks).toEqual([child.id]);
  });

  test('costs one look at the state port for each generation', async () => {
    const { deps, grandchild } = await family([]);
    const asked: string[] = [];
    const { orchestrator } = makeDesk({
      deps: {
        state: {
          ...deps.state,
          get: (id) => {
            asked.push(id);
            return deps.state.get(id);
          },
        },
      },
    });
    await orchestrator.deliver(grandchild.id, 'go');
    expect(asked).toEqual([grandchild.id, grandchild.parentId, 'parent']);
  });
});

describe('an actor whose plan says that it is done', () => {
  const done = (actions: readonly { readonly type: 'tool'; readonly name: string }[] = []) =>
    script([
      behavior('finish', 'persistent', () => ({
        actions: actions.map((action) => ({ ...action, args: {} })),
        complete: true,
      })),
    ]);

  test('is completed after its tick, makes room for another child, and its children stop', async () => {
    const { deps, orchestrator, events } = makeDesk({ options: { maxChildren: 1 } });
    const parent = await deps.state.spawn(script([]), 'p');
    const spawn = (from: ActorRecord) =>
      orchestrator.executeAction(
        { type: 'spawn', actor: done(), goal: 'g' },
        from,
      ) as Promise<ActorRecord>;
    const child = await spawn(parent);
    const grandchild = await spawn(child);
    await expect(spawn(parent)).rejects.toMatchObject({ code: 'spawn-limit' });
    expect((await orchestrator.deliver(child.id, 'go')).status).toBe('ok');
    expect(await deps.state.get(child.id)).toMatchObject({ state: 'completed' });
    const changed = events.filter(({ type }) => type === 'actor-state-changed');
    expect(changed).toEqual([
      { type: 'actor-state-changed', at: 1_000, actorId: child.id, state: 'completed' },
    ]);
    await expect(orchestrator.tickActor(child)).rejects.toThrow('is completed');
    await expect(orchestrator.tickActor(grandchild)).rejects.toMatchObject({
      details: { state: 'failed', ancestorId: child.id },
    });
    await spawn(parent);
  });

  test('goes on where its tick failed', async () => {
    const { deps, orchestrator } = makeDesk({
      tool: async () => {
        throw new Error('broken');
      },
    });
    const { id } = await deps.state.spawn(done([{ type: 'tool', name: 'a' }]), 'g');
    expect((await orchestrator.deliver(id, 'go')).status).toBe('failed');
    expect(await deps.state.get(id)).toMatchObject({ state: 'idle' });
  });

  test('may be one that no state port knows', async () => {
    const { orchestrator } = makeDesk();
    const actor = { id: 'bare', script: done(), goals: [] };
    await orchestrator.tickActor(actor);
    await expect(orchestrator.tickActor(actor)).rejects.toThrow('bare is completed');
  });
});

describe('recover', () => {
  test('starts the loops of spawned actors again, and stops orphans', async () => {
    const ticks: string[] = [];
    const first = await family(ticks);
    const { deps, child, grandchild } = first;
    const lost = await deps.state.spawn(script([]), 'lost', { id: 'lost' });
    const orphan = (await first.orchestrator.executeAction(
      { type: 'spawn', actor: beat(ticks), goal: 'g' },
      lost,
    )) as ActorRecord;
    // Made by the application, which starts its loop itself.
    await deps.state.spawn(beat(ticks), 'own', { id: 'own', parentId: 'parent' });
    await first.orchestrator.stop();
    await deps.state.remove?.('lost');
    ticks.length = 0;
    const { orchestrator, advance } = makeDesk({ deps: { state: deps.state } });
    expect(await orchestrator.recover()).toMatchObject({
      ticks: 0,
      loops: 2,
      waits: 0,
      stopped: [orphan.id],
    });
    await advance(100);
    expect(ticks).toEqual([child.id, grandchild.id, child.id, grandchild.id]);
    expect(await deps.state.get(orphan.id)).toMatchObject({ state: 'failed' });
    // Nothing is started twice.
    await orchestrator.recover();
    expect(orchestrator.stats().loops).toBe(2);
  });

  test('finds the actors of its scripts beside those of another application', async () => {
    const ticks: string[] = [];
    const { deps, child, grandchild } = await family(ticks);
    const state: IActorStatePort = {
      ...deps.state,
      list: async (filter) => {
        if (filter?.script !== undefined || filter?.parentId !== undefined)
          return deps.state.list(filter);
        throw new PantheonError('script-unknown', 'an actor follows a script that nobody knows');
      },
    };
    const blind = makeDesk({ deps: { state } });
    expect(await blind.orchestrator.recover()).toMatchObject({ ticks: 0, loops: 0 });
    expect(blind.logs.map(({ message: line }) => line)).toContain(
      'What the last process left in the state could not be taken up',
    );
    const options = { scripts: [beat(ticks)] };
    const { orchestrator, advance } = makeDesk({ deps: { state }, options });
    expect(await orchestrator.recover()).toMatchObject({ loops: 2 });
    await advance(50);
    expect(ticks).toEqual([child.id, grandchild.id]);
  });

  const message: BusMessage = {
    id: 'm1',
    from: 'user',
    to: 'ada',
    content: 'kill',
    sentAt: 0,
    hops: 0,
  };

  test('sets a tick aside that has ended the process ten times, and the actor goes on', async () => {
    const journal = makeMemoryJournal();
    const { deps } = makeDesk();
    let plans = 0;
    const deadly = script([
      behavior('die', 'persistent', ({ userMessage }) => {
        plans += 1;
        return userMessage === 'kill' ? new Promise<never>(() => {}) : { actions: [] };
      }),
    ]);
    const actor = await deps.state.spawn(deadly, 'g', { id: 'ada' });
    let ids = 0;
    const newId = () => `tick-${(ids += 1)}`;
    const start = () => makeDesk({ deps: { state: deps.state, journal }, options: { newId } });
    void start().orchestrator.tickActor(actor, { userMessage: 'kill', message });
    await expect.poll(() => plans).toBe(1);
    for (let process = 2; process <= 10; process += 1) {
      expect(await start().orchestrator.recover()).toMatchObject({ ticks: 1 });
      await expect.poll(() => plans).toBe(process);
    }
    const last = start();
    const { left, finished } = await (await last.orchestrator.recover()).ended;
    expect(finished).toEqual([]);
    expect(left).toMatchObject([{ actorId: 'ada', error: { code: 'deliveries-exceeded' } }]);
    expect(plans).toBe(10);
    expect(last.events).toMatchObject([
      { type: 'tick-ended', actorId: 'ada', error: { code: 'deliveries-exceeded' } },
      { type: 'message-dead', letter: { message, attempts: 10 } },
    ]);
    expect(await journal.unfinished()).toEqual([]);
    expect((await last.orchestrator.deliver('ada', 'live')).status).toBe('ok');
  });

  test('closes ticks of actors that have ended', async () => {
    const journal = makeMemoryJournal();
    const { deps } = makeDesk();
    const actor = await deps.state.spawn(script([]), 'g', { id: 'ada' });
    await journal.open({ tickId: 't1', actorId: actor.id });
    await deps.state.update('ada', { state: 'completed' });
    const { orchestrator } = makeDesk({ deps: { state: deps.state, journal } });
    const { left } = await (await orchestrator.recover()).ended;
    expect(left).toMatchObject([{ tickId: 't1', error: { code: 'actor-not-runnable' } }]);
    expect(await journal.unfinished()).toEqual([]);
  });
});

describe('a state port that is slow or does not answer', () => {
  const failing = (more: Partial<ActorScript> = {}) =>
    actorOf(
      [behavior('try', 'persistent', [{ type: 'tool', name: 'a', args: {}, timeoutMs: 5 }])],
      {
        supervision: { maxFailures: 1 },
        ...more,
      },
    );
  const tool = async () => {
    throw new Error('broken');
  };

  test('does not let a tick time out with the limit of its last action', async () => {
    const { deps } = makeDesk();
    const written = gate();
    const state = {
      ...deps.state,
      update: async (...update: Parameters<IActorStatePort['update']>) => {
        await written.promise;
        return deps.state.update(...update);
      },
    };
    const { orchestrator, advance } = makeDesk({ tool, deps: { state } });
    const ticking = orchestrator.tickActor(failing());
    await advance(100);
    written.open();
    expect((await ticking).status).toBe('failed');
  });

  test('holds a tick no longer than an action, and a stop not beyond its deadline', async () => {
    const { deps } = makeDesk();
    const state = { ...deps.state, update: () => new Promise<never>(() => {}) };
    const { orchestrator, advance, logs } = makeDesk({
      tool,
      deps: { state },
      options: { actionTimeoutMs: 1_000 },
    });
    const first = orchestrator.tickActor(failing());
    await advance(1_000);
    expect((await first).status).toBe('failed');
    expect(logs).toContainEqual(
      expect.objectContaining({ message: 'The end of a tick of ada was not stored' }),
    );
    const second = makeDesk({ tool, deps: { state } });
    void second.orchestrator.tickActor(failing()).catch(() => {});
    await second.advance(0);
    const stopping = second.orchestrator.stop({ timeoutMs: 100 });
    await second.advance(1_000);
    expect(await stopping).toMatchObject({ clean: false });
  });
});

test('the loop of a spawned actor ends when the actor is removed', async () => {
  const ticks: string[] = [];
  const { deps, orchestrator, advance } = makeDesk();
  const parent = await deps.state.spawn(script([]), 'g');
  const child = (await orchestrator.executeAction(
    { type: 'spawn', actor: beat(ticks, { loop: { intervalMs: 10 } }), goal: 'g' },
    parent,
  )) as ActorRecord;
  await advance(20);
  expect(ticks).toHaveLength(2);
  await deps.state.remove?.(child.id);
  await advance(50);
  expect([ticks.length, orchestrator.stats().loops]).toEqual([2, 0]);
});
