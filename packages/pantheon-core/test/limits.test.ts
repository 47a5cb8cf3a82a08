/** Contract section 8, as far as it needs no other package: budgets, permissions, spawn limits, supervision; and section 9. */
import { PantheonError } from '@promethean/pantheon-core';
import type { ActorRecord, Budget, PantheonEvent, ToolSpec } from '@promethean/pantheon-core';
import { describe, expect, test } from 'vitest';
import { actorOf, behavior, makeDesk, say, script } from './desk.ts';

const tool = (name: string) => ({ type: 'tool', name, args: {} }) as const;

describe('8.1 budgets', () => {
  const spending = (budget: Budget) =>
    script(
      [
        behavior('spend', 'persistent', async ({ llm }) => {
          const { content } = await llm.complete({ messages: [{ role: 'user', content: 'four' }] });
          return { actions: [tool('a'), tool('b'), say(content)] };
        }),
      ],
      { budget },
    );

  test.each([
    [{ ticks: 2 }, { ticks: 2, calls: 2, tools: 4 }],
    [{ toolCalls: 3 }, { ticks: 2, calls: 2, tools: 3 }],
    [{ tokens: 25 }, { ticks: 2, calls: 2, tools: 4 }],
    [{ cost: 0.25 }, { ticks: 3, calls: 3, tools: 6 }],
  ] as const)(
    '%j: the call beyond the limit does not happen, and the actor pauses',
    async (budget, spent) => {
      let calls = 0;
      const { orchestrator, deps, invoked, events } = makeDesk({
        complete: async ({ maxTokens = 6 }) => {
          calls += 1;
          const outputTokens = Math.min(maxTokens, 9);
          return {
            role: 'assistant',
            content: 'x',
            usage: { inputTokens: 1, outputTokens, totalTokens: 1 + outputTokens },
          };
        },
        options: { estimateCost: ({ totalTokens }) => Math.min(totalTokens, 10) / 100 },
      });
      const { id } = await deps.state.spawn(spending(budget), 'g');
      let ticks = 0;
      for (let i = 0; i < 5; i += 1) {
        const ticked = await orchestrator.deliver(id, 'go').catch((error) => error);
        if (PantheonError.is(ticked, 'actor-not-runnable')) break;
        if (ticked.behaviors.length > 0 && ticked.behaviors[0].error === undefined) ticks += 1;
      }
      expect({ ticks, calls, tools: invoked.length }).toMatchObject(
        'tokens' in budget ? { tools: invoked.length } : spent,
      );
      if ('tokens' in budget) {
        const used = events.reduce(
          (sum, event) =>
            sum + (event.type === 'llm-answered' ? (event.usage?.totalTokens ?? 0) : 0),
          0,
        );
        expect(used).toBeLessThanOrEqual(25);
        expect(used).toBeGreaterThan(10);
      }
      expect(await deps.state.get(id)).toMatchObject({ state: 'paused' });
      const [resource, limit] = Object.entries(budget)[0] as [string, number];
      expect(events.find(({ type }) => type === 'budget-exhausted')).toMatchObject({
        resource,
        limit,
      });
    },
  );

  test('children draw on the account of their ancestor', async () => {
    const { orchestrator, deps, invoked } = makeDesk();
    const child = script([behavior('use', 'persistent', [tool('a'), tool('b')])]);
    const parent = script(
      [behavior('spawn', 'persistent', [{ type: 'spawn', actor: child, goal: 'c' }])],
      {
        budget: { toolCalls: 3 },
      },
    );
    const { id } = await deps.state.spawn(parent, 'p');
    await orchestrator.deliver(id, 'one');
    await orchestrator.deliver(id, 'two');
    for (const { id: childId } of await deps.state.list({ parentId: id }))
      await orchestrator.deliver(childId, 'go');
    expect(invoked).toHaveLength(3);
  });
});

describe('8.2 and 8.3 approvals and permissions', () => {
  const specs: readonly ToolSpec[] = [
    { name: 'read_file' },
    { name: 'read_web' },
    { name: 'delete_all', approval: 'required', sideEffect: 'destructive' },
  ];
  const desk = () => makeDesk({ tools: { list: () => specs } });

  test("a tool that needs an approval is not run on a plan's word", async () => {
    const { orchestrator, invoked } = desk();
    const report = await orchestrator.tickActor(
      actorOf(
        [behavior('destroy', 'persistent', [{ ...tool('delete_all'), args: { approved: true } }])],
        { permissions: { tools: ['delete_all'] } },
      ),
    );
    expect(report.outcomes[0]).toMatchObject({
      status: 'denied',
      error: { code: 'approval-required' },
    });
    expect(invoked).toEqual([]);
  });

  test('an actor uses what its permissions name, and its plans see no other tools', async () => {
    const { orchestrator, invoked, sent } = desk();
    let seen: readonly string[] = [];
    const report = await orchestrator.tickActor(
      actorOf(
        [
          behavior('try', 'persistent', ({ tools }) => {
            seen = tools.map(({ name }) => name);
            return {
              actions: [
                tool('read_file'),
                tool('write_file'),
                say('hi'),
                { ...say('psst'), target: 'bob' },
              ],
            };
          }),
        ],
        { permissions: { tools: ['read_*'], targets: ['user'] } },
      ),
    );
    expect(seen).toEqual(['read_file', 'read_web']);
    expect(report.outcomes.map(({ status }) => status)).toEqual(['ok', 'denied', 'ok', 'denied']);
    expect(invoked).toHaveLength(1);
    expect(sent).toHaveLength(1);
  });

  test('a child gets at most what its parent has, also from a record that was stored', async () => {
    const { orchestrator, deps, invoked } = desk();
    const greedy = script([behavior('try', 'persistent', [tool('read_file'), tool('read_web')])], {
      name: 'greedy',
      permissions: { tools: ['*'] },
    });
    const parent = actorOf([], { permissions: { tools: ['read_file'] } });
    const child = (await orchestrator.executeAction(
      { type: 'spawn', actor: greedy, goal: 'g' },
      parent,
    )) as ActorRecord;
    const stored = structuredClone({ ...child, script: undefined });
    await orchestrator.tickActor({ ...stored, script: child.script });
    const grandchild = (await orchestrator.executeAction(
      { type: 'spawn', actor: greedy, goal: 'g' },
      child,
    )) as ActorRecord;
    await orchestrator.deliver(grandchild.id, 'go');
    expect(invoked.map(({ name }) => name)).toEqual(['read_file', 'read_file']);
    expect((await deps.state.get(grandchild.id))?.parentId).toBe(child.id);
  });
});

describe('spawn limits', () => {
  test('depth: cyclic spawning ends, and the denial is visible', async () => {
    const { orchestrator, deps, advance } = makeDesk();
    const report: string[] = [];
    const spawning = behavior('spawn', 'active', ({ outcomes, round }) => {
      report.push(...outcomes.map(({ status }) => status));
      return {
        actions: round === 0 ? [{ type: 'spawn', actor: cyclic, goal: 'more', message: 'go' }] : [],
        again: round === 0,
      };
    });
    const cyclic = script([spawning]);
    const { id } = await deps.state.spawn(cyclic, 'root');
    orchestrator.listen();
    await orchestrator.deliver(id, 'go');
    await advance(0);
    expect(await deps.state.list()).toHaveLength(4);
    expect(report.filter((status) => status === 'denied')).toHaveLength(1);
  });

  test('children: at most maxChildren are alive, also when many are asked for at once', async () => {
    const { orchestrator, deps } = makeDesk({ options: { maxChildren: 3 } });
    const parent = actorOf([]);
    const spawn = () =>
      orchestrator.executeAction({ type: 'spawn', actor: script([]), goal: 'g' }, parent);
    const results = await Promise.allSettled(Array.from({ length: 10 }, spawn));
    const failed = results.filter((result) => result.status === 'rejected');
    expect(failed.map(({ reason }) => reason.code)).toEqual(Array(7).fill('spawn-limit'));
    const [first] = await deps.state.list();
    await deps.state.update(first?.id as string, { state: 'completed' });
    await spawn();
    await expect(spawn()).rejects.toMatchObject({
      code: 'spawn-limit',
      details: { limit: 'maxChildren' },
    });
  });

  test('an actor may be kept from spawning at all', async () => {
    const { orchestrator } = makeDesk();
    await expect(
      orchestrator.executeAction(
        { type: 'spawn', actor: script([]), goal: 'g' },
        actorOf([], { permissions: { spawn: false } }),
      ),
    ).rejects.toMatchObject({ code: 'permission-denied' });
  });
});

describe('8.4 supervision', () => {
  const failing = (then: 'pause' | 'stop' | 'escalate') =>
    script(
      [
        behavior('fail', 'persistent', () => {
          throw new Error('broken');
        }),
      ],
      { supervision: { maxFailures: 3, withinMs: 60_000, backoffMs: 100, then } },
    );

  test.each([
    ['pause', 'paused'],
    ['stop', 'failed'],
    ['escalate', 'failed'],
  ] as const)('%s: %s after maxFailures, and no sooner', async (then, state) => {
    const { orchestrator, deps, sent, events } = makeDesk();
    const child = (await orchestrator.executeAction(
      { type: 'spawn', actor: failing(then), goal: 'g' },
      actorOf([], {}, 'parent'),
    )) as ActorRecord;
    for (let i = 0; i < 2; i += 1) await orchestrator.deliver(child.id, 'go');
    expect((await deps.state.get(child.id))?.state).toBe('idle');
    await orchestrator.deliver(child.id, 'go');
    expect((await deps.state.get(child.id))?.state).toBe(state);
    await expect(orchestrator.tickActor(child)).rejects.toMatchObject({
      code: 'actor-not-runnable',
    });
    expect(sent.filter(({ to }) => to === 'parent')).toHaveLength(then === 'escalate' ? 1 : 0);
    expect(events.find(({ type }) => type === 'actor-state-changed')).toMatchObject({
      state,
      reason: { message: 'broken' },
    });
  });

  test('failures further apart than withinMs do not add up', async () => {
    const { orchestrator, deps, advance } = makeDesk();
    const { id } = await deps.state.spawn(failing('pause'), 'g');
    for (let i = 0; i < 6; i += 1) {
      await orchestrator.deliver(id, 'go');
      await advance(40_000);
    }
    expect((await deps.state.get(id))?.state).toBe('idle');
  });

  test('the loop of a failing actor pauses longer and longer, and is reset by a success', async () => {
    const { orchestrator, deps, advance } = makeDesk();
    const ticks: number[] = [];
    const flaky = behavior('flaky', 'passive', () => {
      ticks.push(deps.now() - 1_000);
      if (ticks.length !== 4) throw new Error('not yet');
      return { actions: [] };
    });
    const actor = actorOf([flaky], { supervision: { maxFailures: 100, backoffMs: 100 } });
    orchestrator.startActorLoop(actor, 50);
    await advance(1_000);
    expect(ticks).toEqual([50, 150, 350, 750, 800, 900]);
  });

  test('an actor that no state port knows is suspended in this process', async () => {
    const { orchestrator } = makeDesk();
    const actor = { id: 'bare', script: failing('pause'), goals: [] };
    for (let i = 0; i < 3; i += 1) await orchestrator.tickActor(actor);
    await expect(orchestrator.tickActor(actor)).rejects.toMatchObject({
      code: 'actor-not-runnable',
    });
    expect((await orchestrator.tickActor({ ...actor, state: 'idle' })).status).toBe('failed');
  });
});

describe('9 events', () => {
  test('tell a tick from beginning to end, with ids, times and cause', async () => {
    const { orchestrator, events } = makeDesk();
    const ask = behavior('ask', 'active', async ({ llm }) => {
      await llm.complete({ messages: [{ role: 'user', content: '?' }] });
      return { actions: [say('x'), tool('y')] };
    });
    const { tickId } = await orchestrator.tickActor(actorOf([ask]), { userMessage: 'hi' });
    expect(events.map(({ type }) => type)).toEqual([
      'tick-started',
      'context-compiled',
      'llm-answered',
      'plan-ended',
      'action-started',
      'message-sent',
      'action-ended',
      'action-started',
      'action-ended',
      'tick-ended',
    ]);
    for (const event of events) {
      expect(event).toMatchObject({ actorId: 'ada', at: 1_000 });
      if (event.type !== 'message-sent') expect(event).toMatchObject({ tickId });
    }
  });

  test('the same answers from the ports give the same events', async () => {
    const run = async (): Promise<readonly PantheonEvent[]> => {
      const { orchestrator, deps, advance, events } = makeDesk();
      const reply = behavior('reply', 'active', ({ message }) => ({
        actions: [
          { type: 'message', target: message?.from ?? 'user', content: 'pong' },
          tool('note'),
        ],
      }));
      for (const id of ['a', 'b']) await deps.state.spawn(script([reply]), 'g', { id });
      orchestrator.listen();
      await deps.bus.send({ from: 'a', to: 'b', content: 'ping', id: 'first' });
      await advance(1_000);
      return events;
    };
    expect(await run()).toEqual(await run());
  });
});
