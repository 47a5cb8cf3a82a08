/** Contract 1: a wait is a durable timer. */
import {
  makeManualTimers,
  makeMemoryJournal,
  makeMemoryLeases,
  makeMemoryLeaseStore,
  makeMemoryScheduler,
} from '@promethean/pantheon-core/memory';
import type {
  Actor,
  ActorRecord,
  IActorStatePort,
  IJournalPort,
  ILeasePort,
} from '@promethean/pantheon-core';
import { expect, test } from 'vitest';
import { behavior, gate, makeDesk, script } from './desk.ts';

/** Waits half a second when it is spoken to, and notes when it ticks without being spoken to. */
const sleeper = (woken: number[], now: () => number, during: () => unknown = () => {}) =>
  script([
    behavior('sleep', 'active', [{ type: 'wait', durationMs: 500 }]),
    behavior('wake', 'passive', async () => {
      woken.push(now());
      await during();
      return { actions: [] };
    }),
  ]);

const wakesOf = (actor: ActorRecord | undefined): readonly unknown[] =>
  Object.entries(actor?.metadata ?? {})
    .filter(([key]) => key.startsWith('pantheon:wake:'))
    .map(([, dueAt]) => dueAt);

/** Ids of ticks that no other process gives: on a manual clock, all of them start at the same time. */
const numbered = (process: number) => {
  let count = 0;
  return (actor: Actor): string => `${actor.id}@${process}-${(count += 1)}`;
};

/** An actor that was put to sleep by a process that has ended since. */
const asleep = async (woken: number[], journal?: IJournalPort, during?: () => unknown) => {
  const { deps, orchestrator } = makeDesk(journal === undefined ? {} : { deps: { journal } });
  let processes = 1;
  let now: () => number = deps.now;
  const { id } = await deps.state.spawn(
    sleeper(woken, () => now(), during),
    'g',
  );
  await orchestrator.deliver(id, 'sleep');
  await orchestrator.stop();
  const restart = (state: IActorStatePort = deps.state) => {
    processes += 1;
    const desk = makeDesk({
      deps: journal === undefined ? { state } : { state, journal },
      options: { newId: numbered(processes) },
    });
    ({ now } = desk.deps);
    return desk;
  };
  return { id, state: deps.state, restart };
};

test('it stands in the record from the action to the end of the tick that it causes', async () => {
  const woken: number[] = [];
  const { deps, orchestrator, advance } = makeDesk();
  const door = gate();
  const { id } = await deps.state.spawn(
    sleeper(woken, deps.now, () => door.promise),
    'g',
  );
  await orchestrator.deliver(id, 'sleep');
  expect(wakesOf(await deps.state.get(id))).toEqual([1_500]);
  await advance(499);
  expect(woken).toEqual([]);
  await advance(1);
  expect(woken).toEqual([1_500]);
  expect(wakesOf(await deps.state.get(id))).toEqual([1_500]);
  door.open();
  await expect.poll(async () => wakesOf(await deps.state.get(id))).toEqual([]);
  await advance(10_000);
  expect(woken).toHaveLength(1);
});

test('it is armed by the next process, and an overdue one is woken at once', async () => {
  const woken: number[] = [];
  const { id, state, restart } = await asleep(woken);
  const { orchestrator, advance, pendingTimers } = restart();
  expect(await orchestrator.recover()).toMatchObject({ waits: 1 });
  expect(await orchestrator.recover()).toMatchObject({ waits: 0 });
  expect(pendingTimers()).toBe(1);
  await advance(500);
  expect(woken).toEqual([1_500]);
  expect(wakesOf(await state.get(id))).toEqual([]);

  const late = await asleep(woken);
  const desk = late.restart();
  await desk.advance(5_000);
  await desk.orchestrator.recover();
  await desk.advance(0);
  expect(woken).toEqual([1_500, 6_000]);
});

test('it waits on while the actor is paused', async () => {
  const woken: number[] = [];
  const { id, state, restart } = await asleep(woken);
  const { orchestrator, advance } = restart();
  await orchestrator.recover();
  await state.update(id, { state: 'paused' });
  await advance(3_000);
  expect(woken).toEqual([]);
  expect(wakesOf(await state.get(id))).toEqual([1_500]);
  await state.update(id, { state: 'idle' });
  await advance(60_000);
  expect(woken).toHaveLength(1);
  expect(wakesOf(await state.get(id))).toEqual([]);
});

test.each(['completed', 'removed'] as const)(
  'it is forgotten with an actor that is %s',
  async (end) => {
    const woken: number[] = [];
    const { id, state, restart } = await asleep(woken);
    const { orchestrator, advance, pendingTimers } = restart();
    await orchestrator.recover();
    if (end === 'removed') await state.remove?.(id);
    else await state.update(id, { state: end });
    await advance(120_000);
    expect([woken, pendingTimers(), wakesOf(await state.get(id))]).toEqual([[], 0, []]);
  },
);

test('with a journal it is one tick, however often it is fired', async () => {
  const woken: number[] = [];
  const journal = makeMemoryJournal();
  const { id, state, restart } = await asleep(woken, journal);
  // Two processes fire it, and the record is not tidied up by the first.
  const forgetful: IActorStatePort = { ...state, update: () => Promise.reject(new Error('no')) };
  for (const port of [forgetful, state]) {
    const { orchestrator, advance } = restart(port);
    await orchestrator.recover();
    await advance(500);
  }
  expect(woken).toHaveLength(1);
  expect(wakesOf(await state.get(id))).toEqual([]);
});

test('with a journal a waking tick that was interrupted is finished, once', async () => {
  const woken: number[] = [];
  const journal = makeMemoryJournal();
  const door = gate();
  let isDying = true;
  const { id, state, restart } = await asleep(woken, journal, () =>
    isDying ? new Promise(() => {}) : door.promise,
  );
  const dying = restart();
  await dying.orchestrator.recover();
  await dying.advance(500);
  expect(woken).toHaveLength(1);
  isDying = false;
  door.open();
  const { orchestrator, advance } = restart();
  const { finished } = await (await orchestrator.recover()).ended;
  expect(finished.map(({ status }) => status)).toEqual(['ok']);
  await advance(500);
  expect(woken).toHaveLength(2);
  expect(wakesOf(await state.get(id))).toEqual([]);
});

test('a wait whose tick ends the process each time is given up with it', async () => {
  const woken: number[] = [];
  const journal = makeMemoryJournal();
  const { id, state, restart } = await asleep(woken, journal, () => new Promise(() => {}));
  for (let process = 1; process <= 10; process += 1) {
    const { orchestrator, advance } = restart();
    await orchestrator.recover();
    await advance(500);
  }
  expect(woken).toHaveLength(10);
  const { orchestrator, advance, pendingTimers } = restart();
  const { ended, waits } = await orchestrator.recover();
  expect((await ended).left).toMatchObject([{ error: { code: 'deliveries-exceeded' } }]);
  await advance(500);
  expect([waits, woken.length, pendingTimers(), wakesOf(await state.get(id))]).toEqual([
    0,
    10,
    0,
    [],
  ]);
});

test('a stop keeps what is waited for', async () => {
  const { id, state } = await asleep([]);
  expect(wakesOf(await state.get(id))).toEqual([1_500]);
});

test('a wake-up that the budget does not allow comes when it does', async () => {
  const woken: number[] = [];
  const { deps, orchestrator, advance } = makeDesk();
  const { id } = await deps.state.spawn({ ...sleeper(woken, deps.now), budget: { ticks: 1 } }, 'g');
  await orchestrator.deliver(id, 'sleep');
  await advance(10_000);
  expect([woken, (await deps.state.get(id))?.state]).toEqual([[], 'paused']);
  await orchestrator.budgets.reset(id);
  await deps.state.update(id, { state: 'idle' });
  await advance(60_000);
  expect([woken.length, wakesOf(await deps.state.get(id))]).toEqual([1, []]);
});

test('of two processes with leases that wait for it, one wakes the actor', async () => {
  const woken: number[] = [];
  const waking = gate();
  const { id, state } = await asleep(woken, undefined, () => waking.promise);
  const timers = makeManualTimers({ startMs: 1_000 });
  const store = makeMemoryLeaseStore(timers);
  const processes = [1, 2].map(() =>
    makeDesk({
      deps: {
        state,
        now: timers.now,
        schedule: makeMemoryScheduler({ timers }),
        leases: makeMemoryLeases({ timers, store }),
      },
    }),
  );
  for (const { orchestrator } of processes) await orchestrator.recover();
  await timers.advance(600);
  expect(woken).toHaveLength(1);
  waking.open();
  await timers.advance(60_000);
  expect([woken.length, wakesOf(await state.get(id))]).toEqual([1, []]);
  for (const { orchestrator } of processes) await orchestrator.stop();
});

test('a wake-up whose process loses the actor comes again', async () => {
  const woken: number[] = [];
  const { id, state } = await asleep(woken, undefined, () => new Promise(() => {}));
  const timers = makeManualTimers({ startMs: 1_000 });
  const leases: ILeasePort = {
    acquire: async (name, { onLost } = {}) => {
      let isHeld = true;
      timers.set(() => {
        isHeld = false;
        onLost?.();
      }, 100);
      return { name, token: '1:a', epoch: 1, isHeld: () => isHeld, release: async () => {} };
    },
  };
  const { orchestrator } = makeDesk({
    deps: { state, now: timers.now, schedule: makeMemoryScheduler({ timers }), leases },
  });
  await orchestrator.recover();
  await timers.advance(700);
  expect([woken.length, wakesOf(await state.get(id))]).toEqual([1, [1_500]]);
  await timers.advance(1_000);
  expect(woken).toHaveLength(2);
  await orchestrator.stop({ timeoutMs: 0 });
});
