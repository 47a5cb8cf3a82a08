/** Contract section 5: loops. */
import type { Actor } from '@promethean/pantheon-core';
import { describe, expect, test } from 'vitest';
import { actorOf, behavior, gate, makeDesk, script } from './desk.ts';

const counting = (ticks: number[], now: () => number) =>
  behavior('count', 'passive', () => {
    ticks.push(now());
    return { actions: [] };
  });

describe('5.1 startActorLoop', () => {
  test.each([Number.NaN, -1, 0, 1.5, '5', null, Infinity, 2 ** 31, 2 ** 53, 1e308, {}])(
    'the interval %j is refused at once and nothing runs',
    async (interval) => {
      const { orchestrator, advance } = makeDesk();
      const ticks: number[] = [];
      expect(() =>
        orchestrator.startActorLoop(actorOf([counting(ticks, () => 0)]), interval as number),
      ).toThrow('must be an integer from 1 to 2147483647');
      await advance(10_000);
      expect(ticks).toEqual([]);
    },
  );

  test('each turn takes the actor fresh from the state port, and the given one where it is unknown', async () => {
    const { orchestrator, deps, advance } = makeDesk();
    const goals: string[] = [];
    const look = behavior('look', 'passive', ({ goal }) => {
      goals.push(goal);
      return { actions: [] };
    });
    const record = await deps.state.spawn(script([look]), 'first');
    orchestrator.startActorLoop(record, 100);
    await advance(100);
    await deps.state.update(record.id, { goals: ['second'] });
    await advance(100);
    await deps.state.remove?.(record.id);
    await advance(100);
    expect(goals).toEqual(['first', 'second', 'first']);
  });

  test('never two loops for one actor: the same interval gives the same loop, another one is refused', async () => {
    const { orchestrator, advance, deps } = makeDesk();
    const ticks: number[] = [];
    const actor = actorOf([counting(ticks, deps.now)]);
    const stop = orchestrator.startActorLoop(actor, 100);
    expect(orchestrator.startActorLoop(actor, 100)).toBe(stop);
    expect(() => orchestrator.startActorLoop(actor, 200)).toThrow('ada loops every 100 ms already');
    await advance(300);
    expect(ticks).toHaveLength(3);
    expect(orchestrator.stats().loops).toBe(1);
  });
});

describe('5.2 overlap and drift', () => {
  test('a turn that is due while the previous one runs is skipped and counted; later ones keep the beat', async () => {
    const { orchestrator, deps, advance } = makeDesk();
    const ticks: number[] = [];
    const doors = [gate(), gate()];
    const slow = behavior('slow', 'passive', async () => {
      ticks.push(deps.now() - 1_000);
      await doors[ticks.length - 1]?.promise;
      return { actions: [] };
    });
    orchestrator.startActorLoop(actorOf([slow]), 100);
    await advance(350);
    expect(ticks).toEqual([100]);
    doors[0]?.open();
    await advance(50);
    expect(ticks).toEqual([100, 400]);
    doors[1]?.open();
    await advance(200);
    expect(ticks).toEqual([100, 400, 500, 600]);
  });

  test('turns that fall into a running tick are skipped, counted and told', async () => {
    const { orchestrator, deps, advance, events } = makeDesk();
    const slow = behavior('slow', 'passive', async () => {
      await new Promise<void>((resolve) => deps.schedule.once(350, resolve));
      return { actions: [] };
    });
    const stop = orchestrator.startActorLoop(actorOf([slow]), 100);
    await advance(100 + 350);
    expect(orchestrator.stats().turnsSkipped).toBe(3);
    expect(events.filter(({ type }) => type === 'loop-skipped')).toEqual([
      expect.objectContaining({ reason: 'busy', turns: 3 }),
    ]);
    stop();
  });

  test('a scheduler over many processes is told whose loop it is', async () => {
    const names: string[] = [];
    const { deps, advance } = makeDesk();
    const { orchestrator } = makeDesk({
      deps: {
        schedule: {
          ...deps.schedule,
          every: () => expect.fail('a loop is a schedule with a name'),
          named: (name) => (names.push(name), deps.schedule),
        },
      },
    });
    let ticks = 0;
    const stop = orchestrator.startActorLoop(
      actorOf([behavior('count', 'passive', () => ((ticks += 1), { actions: [] }))]),
      100,
    );
    await advance(250);
    stop();
    expect([names, ticks]).toEqual([['loop:ada'], 2]);
  });

  test('an orchestrator keeps its loops from overlapping whatever the scheduler does', async () => {
    const door = gate();
    const tasks: (() => unknown)[] = [];
    const { orchestrator } = makeDesk({
      deps: {
        schedule: { every: (_, task) => (tasks.push(task), () => {}), once: () => () => {} },
      },
    });
    let running = 0;
    orchestrator.startActorLoop(
      actorOf([
        behavior('slow', 'passive', async () => {
          running += 1;
          await door.promise;
          return { actions: [] };
        }),
      ]),
      100,
    );
    const turns = [1, 2, 3].map(() => tasks[0]?.());
    await new Promise((resolve) => setImmediate(resolve));
    expect(running).toBe(1);
    expect(orchestrator.stats().turnsSkipped).toBe(2);
    door.open();
    await Promise.all(turns);
  });
});

describe('5.3 stopping a loop', () => {
  test('is final: before the first turn, twice, inside of its own tick, and while the record is being read', async () => {
    const { orchestrator, deps, advance } = makeDesk();
    const ticks: string[] = [];
    const noting = (id: string, then: () => void = () => {}): Actor =>
      actorOf(
        [
          behavior('note', 'passive', () => {
            ticks.push(id);
            then();
            return { actions: [] };
          }),
        ],
        {},
        id,
      );
    const before = orchestrator.startActorLoop(noting('before'), 10);
    before();
    before();
    const inside: () => void = orchestrator.startActorLoop(
      noting('inside', () => inside()),
      10,
    );
    await advance(100);
    expect(ticks).toEqual(['inside']);
    expect(orchestrator.stats().loops).toBe(0);

    const { get } = deps.state;
    const reading = makeDesk({
      deps: {
        state: {
          ...deps.state,
          get: async (id) => {
            stop();
            return get(id);
          },
        },
      },
    });
    const stop: () => void = reading.orchestrator.startActorLoop(noting('reading'), 10);
    await reading.advance(100);
    expect(ticks).toEqual(['inside']);
  });

  test('a loop can be started again at once', async () => {
    const { orchestrator, advance, deps } = makeDesk();
    const ticks: number[] = [];
    const actor = actorOf([counting(ticks, deps.now)]);
    for (let i = 0; i < 200; i += 1) orchestrator.startActorLoop(actor, 10)();
    const stop = orchestrator.startActorLoop(actor, 10);
    await advance(30);
    stop();
    await advance(30);
    expect(ticks).toEqual([1_010, 1_020, 1_030]);
  });

  test('a paused actor is skipped and goes on later; a completed one ends its loop', async () => {
    const { orchestrator, deps, advance, events } = makeDesk();
    const ticks: number[] = [];
    const { id } = await deps.state.spawn(script([counting(ticks, deps.now)]), 'g');
    orchestrator.startActorLoop(actorOf([], {}, id), 10);
    await deps.state.update(id, { state: 'paused' });
    await advance(20);
    expect(ticks).toEqual([]);
    await deps.state.update(id, { state: 'idle' });
    await advance(10);
    expect(ticks).toHaveLength(1);
    await deps.state.update(id, { state: 'completed' });
    await advance(10);
    expect(orchestrator.stats().loops).toBe(0);
    expect(events.filter(({ type }) => type === 'loop-skipped')).toHaveLength(3);
  });
});

describe('loops of spawned actors', () => {
  test('a script with a loop starts it when the actor is spawned by an action', async () => {
    const { orchestrator, deps, advance } = makeDesk();
    const ticks: number[] = [];
    const child = script([counting(ticks, deps.now)], { loop: { intervalMs: 50 } });
    await orchestrator.executeAction({ type: 'spawn', actor: child, goal: 'beat' }, actorOf([]));
    await advance(100);
    expect(ticks).toHaveLength(2);
  });
});
