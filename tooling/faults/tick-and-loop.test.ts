/** Group B: ticks and loops, and what plans, clocks and callers do to them. */
import { noteFigures } from '@promethean/services/figures';
import {
  PantheonError,
  type Actor,
  type Plan,
  type TickReport,
  errorMessage,
} from '@promethean/pantheon-core';
import {
  makeManualTimers,
  makeMemoryScheduler,
  makeMemoryState,
} from '@promethean/pantheon-core/memory';
import { describe, expect, test } from 'vitest';
import { actorOf, behavior, makeDesk } from './desk.ts';

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);
const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'none';
  } catch (error) {
    return PantheonError.is(error) ? error.code : errorMessage(error);
  }
};

const BAD = [Number.NaN, -1, 0, 1.5, '5', null, Infinity, 2 ** 31, 2 ** 53, 1e308, {}] as const;

test('B1: bad intervals are refused and never run', async (context) => {
  const { timers, orchestrator } = makeDesk();
  const schedule = makeMemoryScheduler({ timers });
  let calls = 0;
  const task = (): void => void (calls += 1);
  const actor = actorOf([behavior('count', () => (task(), { actions: [] }))]);
  const codes: string[] = [];
  for (const bad of BAD) {
    codes.push(codeOf(() => orchestrator.startActorLoop(actor, bad as number)));
    codes.push(codeOf(() => schedule.every(bad as number, task)));
    if (bad !== 0) codes.push(codeOf(() => schedule.once(bad as number, task)));
  }
  codes.push(codeOf(() => schedule.every(undefined as never, task)));
  codes.push(codeOf(() => schedule.once(undefined as never, task)));
  await timers.advance(200);
  const longest = schedule.every(2 ** 31 - 1, task);
  await timers.advance(200);
  longest();
  const refused = codes.filter((code) => code === 'interval-invalid').length;
  noteFigures(context, 'B1', { tried: codes.length, refused, calls });
  expect([refused, calls]).toEqual([codes.length, 0]);
});

test('B2: a tick that is slower than its interval', async (context) => {
  const { timers, orchestrator } = makeDesk();
  let [running, most, ticks] = [0, 0, 0];
  const slow = behavior('slow', () => {
    running += 1;
    most = Math.max(most, running);
    ticks += 1;
    return new Promise<Plan>((resolve) => {
      timers.set(() => {
        running -= 1;
        resolve({ actions: [] });
      }, 500);
    });
  });
  const stop = orchestrator.startActorLoop(actorOf([slow]), 20);
  await timers.advance(3_000);
  stop();
  const { turnsSkipped } = orchestrator.stats();
  noteFigures(context, 'B2', { atOnce: most, ticks, turnsSkipped });
  expect(most).toBe(1);
  // Of 150 turns, those that did not tick.
  expect(turnsSkipped).toBeGreaterThanOrEqual(120);
  expect(ticks).toBeGreaterThanOrEqual(5);
  expect(ticks).toBeLessThanOrEqual(7);
});

test('B3: every second tick fails, in each way that there is', async (context) => {
  const { timers, orchestrator } = makeDesk();
  const ways: readonly (() => never | Promise<never>)[] = [
    () => {
      throw new Error('broken');
    },
    async () => {
      throw new Error('broken');
    },
    () => Promise.reject(undefined),
  ];
  let ticks = 0;
  const flaky = behavior('flaky', () => {
    ticks += 1;
    if (ticks % 2 === 0) return ways[(ticks / 2) % ways.length]!();
    return { actions: [] };
  });
  const base = actorOf([flaky]);
  const actor: Actor = { ...base, script: { ...base.script, supervision: { maxFailures: 1_000 } } };
  const stop = orchestrator.startActorLoop(actor, 100);
  const started: number[] = [];
  let before = 0;
  while (ticks < 50) {
    await timers.advance(100);
    if (ticks > before) started.push(timers.now());
    before = ticks;
  }
  stop();
  const { ok, failed } = orchestrator.stats().ticks;
  const gaps = started.slice(1).map((at, n) => at - started[n]!);
  noteFigures(context, 'B3', {
    ok,
    failed,
    shortestGapMs: Math.min(...gaps),
    gapAfterFailureMs: Math.max(...gaps),
  });
  expect([ok, failed]).toEqual([25, 25]);
  // A failed tick is followed by a pause, a good one is not.
  expect(Math.max(...gaps)).toBeGreaterThanOrEqual(1_000);
  expect(orchestrator.stats().runningActors).toEqual([]);
});

test('B4: a failing behavior, a failing action, a failing context', async (context) => {
  const tools = {
    register: () => {},
    invoke: async (name: string) => {
      if (name === 'broken') throw new Error('no');
      return name;
    },
  };
  const { orchestrator } = makeDesk({ tools });
  const call = (name: string): { type: 'tool'; name: string; args: object } => ({
    type: 'tool',
    name,
    args: {},
  });
  const actions = ['a', 'broken', 'c', 'd', 'e'].map(call);
  const report = await orchestrator.tickActor(
    actorOf([
      behavior('first', () => {
        throw new Error('cannot plan');
      }),
      behavior('second', actions as Plan['actions']),
    ]),
  );
  const failing = makeDesk({
    context: {
      compile: async () => {
        throw new Error('no context');
      },
    },
  });
  const rejected = await failing.orchestrator.tickActor(actorOf([behavior('any', [])])).then(
    () => 'resolved',
    () => 'rejected',
  );
  const statuses = report.outcomes.map(({ status }) => status).join(' ');
  noteFigures(context, 'B4', { tick: report.status, statuses, withoutContext: rejected });
  expect([report.status, statuses, rejected]).toEqual([
    'partial',
    'ok failed ok ok ok',
    'rejected',
  ]);
  expect(report.behaviors[0]?.error?.message).toMatch(/cannot plan/);
});

test('B5: no burst after the process stood still', async (context) => {
  const { timers, orchestrator } = makeDesk();
  let ticks = 0;
  const stop = orchestrator.startActorLoop(
    actorOf([
      behavior('count', () => {
        ticks += 1;
        return { actions: [] };
      }),
    ]),
    50,
  );
  await timers.advance(500);
  const before = ticks;
  timers.stall(3_000);
  await timers.advance(60);
  stop();
  noteFigures(context, 'B5', { before, burst: ticks - before });
  expect(ticks - before).toBeLessThanOrEqual(2);
});

test('B6: a thousand calls, a loop and messages to one actor', async (context) => {
  const desk = makeDesk();
  const { timers, orchestrator, deps } = desk;
  let [running, overlaps, ticks] = [0, 0, 0];
  const order: string[] = [];
  const plan = behavior('busy', async ({ userMessage }) => {
    running += 1;
    if (running > 1) overlaps += 1;
    ticks += 1;
    if (userMessage?.startsWith('call') === true) order.push(userMessage);
    await Promise.resolve();
    running -= 1;
    return { actions: [] };
  });
  const actor = await deps.state.spawn(actorOf([plan]).script, 'be useful', { id: 'ada' });
  orchestrator.listen();
  const stop = orchestrator.startActorLoop(actor, 10);
  const calls = range(1_000).map((n) =>
    orchestrator.tickActor(actor, { userMessage: `call ${n}` }),
  );
  for (const n of range(500))
    await deps.bus.send({ from: 'user', to: 'ada', content: `message ${n}` });
  await timers.advance(100);
  const settled = await Promise.allSettled(calls);
  stop();
  await orchestrator.stop();
  const ok = settled.filter(({ status }) => status === 'fulfilled').length;
  const inOrder = order.every((text, n) => text === `call ${n}`);
  noteFigures(context, 'B6', { settled: ok, ticks, overlaps, inOrder: `${inOrder}` });
  expect([ok, overlaps, inOrder]).toEqual([1_000, 0, true]);
});

test('B7: stop in every place, two hundred times', async (context) => {
  let [late, stopped] = [0, 0];
  for (const seed of range(200)) {
    const { timers, orchestrator } = makeDesk();
    const afterTicks = seed % 4;
    let [isStopped, ticks] = [false, 0];
    let stop: () => void = () => {};
    const end = (): void => {
      stop();
      if (seed % 3 === 0) stop();
      isStopped = true;
      stopped += 1;
    };
    const plan = behavior('stopper', async () => {
      if (isStopped) late += 1;
      ticks += 1;
      if (seed % 2 === 0 && ticks === afterTicks) end();
      await Promise.resolve();
      return { actions: [] };
    });
    const actor = actorOf([plan]);
    stop = orchestrator.startActorLoop(actor, 10);
    if (afterTicks === 0) end();
    await timers.advance(10 * afterTicks + (seed % 10));
    if (!isStopped) end();
    await timers.advance(100);
    isStopped = false;
    // Started again at once, it is one loop.
    const before = ticks;
    const again = orchestrator.startActorLoop(actor, 10);
    await timers.advance(50);
    again();
    if (ticks - before > 5) late += 1;
    await orchestrator.stop();
    expect(timers.pending()).toBe(0);
  }
  noteFigures(context, 'B7', { seeds: 200, stopped, lateTicks: late });
  expect(late).toBe(0);
});

describe('B8: a caller gives up', () => {
  const PHASES = ['before', 'compile', 'plan', 'tool', 'between actions'] as const;

  test('in every phase', async (context) => {
    const figures: Record<string, string> = {};
    let slowestMs = 0;
    for (const phase of PHASES) {
      const controller = new AbortController();
      const { signal } = controller;
      let [calls, abortedAt] = [0, performance.now()];
      const abortAt = (where: (typeof PHASES)[number]): Promise<void> => {
        if (where !== phase) return Promise.resolve();
        abortedAt = performance.now();
        controller.abort();
        // Deaf: it never comes back.
        return where === 'between actions' ? Promise.resolve() : new Promise(() => {});
      };
      const { orchestrator } = makeDesk({
        context: { compile: async () => (await abortAt('compile'), []) },
        tools: {
          register: () => {},
          invoke: async () => {
            if (signal.aborted) calls += 1;
            await abortAt('tool');
            await abortAt('between actions');
          },
        },
      });
      const action = { type: 'tool', name: 'any', args: {} } as const;
      const plan = behavior('plan', async () => {
        await abortAt('plan');
        return { actions: [action, action, action] };
      });
      if (phase === 'before') controller.abort();
      const end = await orchestrator.tickActor(actorOf([plan]), { signal }).then(
        ({ status }: TickReport) => status,
        (error: PantheonError) => error.code,
      );
      figures[phase] = end;
      slowestMs = Math.max(slowestMs, Math.round(performance.now() - abortedAt));
      expect(calls).toBe(0);
    }
    noteFigures(context, 'B8', { ...figures, slowestMs });
    // 100 ms, and what a slow machine adds.
    expect(slowestMs).toBeLessThan(500);
    for (const end of Object.values(figures))
      expect(['cancelled', 'tick-cancelled']).toContain(end);
  });
});

test('B9: plans that are no plans', async (context) => {
  class Fancy {
    readonly actions: readonly unknown[] = [];
  }
  const hostile = (): never => {
    throw new Error('trap');
  };
  const proxy = new Proxy(
    {},
    { get: hostile, has: hostile, ownKeys: hostile, getPrototypeOf: hostile },
  );
  const PLANS: Readonly<Record<string, () => unknown>> = {
    'a getter that throws': () => ({
      get actions(): never {
        throw new Error('getter');
      },
    }),
    'a proxy': () => proxy,
    'a thenable that never calls back': () => ({ then: () => {} }),
    'a thenable that throws': () => ({ then: hostile }),
    'an instance': () => new Fancy(),
    null: () => null,
    'a number': () => 7,
    'actions that are no list': () => ({ actions: { length: 1 } }),
    'an action that is a proxy': () => ({ actions: [proxy] }),
    'an action with a toJSON that throws': () => ({
      actions: [{ type: 'message', content: 'x', toJSON: hostile }],
    }),
    'a cyclic action': () => {
      const action: Record<string, unknown> = { type: 'tool', name: 'x', args: {} };
      (action['args'] as Record<string, unknown>)['self'] = action;
      return { actions: [action] };
    },
  };
  const ends: string[] = [];
  for (const [name, plan] of Object.entries(PLANS)) {
    const { orchestrator, timers } = makeDesk({}, { planTimeoutMs: 1_000 });
    const bad = behavior('bad', plan as never);
    const good = behavior('good', [{ type: 'message', content: 'still here' }]);
    const ticking = orchestrator.tickActor(actorOf([bad, good]));
    await timers.advance(2_000);
    const report = await ticking;
    ends.push(report.status);
    expect([name, report.outcomes.at(-1)?.status]).toEqual([name, 'ok']);
    await orchestrator.stop();
  }
  const count = (status: string): number => ends.filter((one) => one === status).length;
  noteFigures(context, 'B9', {
    plans: ends.length,
    partial: count('partial'),
    ok: count('ok'),
    crashes: 0,
  });
  expect(count('partial') + count('ok')).toBe(ends.length);
});

test('B10: the record changes during the tick', async (context) => {
  const timers = makeManualTimers({ startMs: 1_000 });
  const state = makeMemoryState({ now: timers.now });
  const { orchestrator } = makeDesk({ state }, {}, timers);
  let conflicts = 0;
  const plan = behavior('edit', async ({ actor }) => {
    // Somebody else writes while we plan.
    const { version } = await state.update(actor.id, { metadata: { outside: 'written' } });
    await state
      .update(actor.id, { goals: ['mine'] }, { expectedVersion: actor.version ?? 0 })
      .catch((error: unknown) => {
        if (PantheonError.is(error, 'state-conflict')) conflicts += 1;
      });
    await state.update(actor.id, { metadata: { inside: 'written' } }, { expectedVersion: version });
    return { actions: [] };
  });
  const { script } = actorOf([plan]);
  for (const n of range(50)) await state.spawn(script, 'be useful', { id: `a${n}` });
  const reports = await Promise.all(
    (await state.list()).map((actor) => orchestrator.tickActor(actor)),
  );
  const lost = (await state.list()).filter(
    ({ metadata }) => metadata?.['outside'] !== 'written' || metadata['inside'] !== 'written',
  ).length;
  const removed = await state.spawn(
    actorOf([
      behavior('vanish', async ({ actor }) => {
        await state.remove(actor.id);
        return { actions: [{ type: 'message', content: 'still said' }] };
      }),
    ]).script,
    'vanish',
  );
  const last = await orchestrator.tickActor(removed);
  noteFigures(context, 'B10', {
    ticks: reports.length,
    conflicts,
    lostUpdates: lost,
    removedMeanwhile: last.status,
  });
  expect([conflicts, lost, last.status]).toEqual([50, 0, 'ok']);
});
