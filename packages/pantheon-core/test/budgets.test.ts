/** Contract 8.1: what was spent is kept with the actor, over orchestrators and restarts, and is never more than the limit. */
import { makeOrchestrator } from '@promethean/pantheon-core';
import type {
  ActorRecord,
  Budget,
  IActorStatePort,
  Orchestrator,
  OrchestratorOptions,
} from '@promethean/pantheon-core';
import {
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryJournal,
  makeMemoryScheduler,
  makeMemoryState,
} from '@promethean/pantheon-core/memory';
import { describe, expect, test } from 'vitest';
import { PantheonError } from '@promethean/pantheon-core';
import { actorOf, behavior, makeDesk, script } from './desk.ts';
import type { DeskParts } from './desk.ts';

const call = { type: 'tool', name: 'a', args: {} } as const;
const spentOf = async (orchestrator: Orchestrator, id: string) =>
  (await orchestrator.budgets.get(id))?.spent;

/** Two processes, as far as a state port can tell: each has its own orchestrator, they share the state. */
const makePair = (state: IActorStatePort, parts: DeskParts = {}) =>
  [makeDesk({ ...parts, deps: { state } }), makeDesk({ ...parts, deps: { state } })] as const;

/** A state port that counts what it is asked. */
const counting = () => {
  const state = makeMemoryState();
  const counts = { updates: 0, conflicts: 0, gets: 0 };
  const counted: IActorStatePort = {
    ...state,
    get: (id) => {
      counts.gets += 1;
      return state.get(id);
    },
    update: async (id, patch, options) => {
      counts.updates += 1;
      try {
        return await state.update(id, patch, options);
      } catch (error) {
        if (PantheonError.is(error, 'state-conflict')) counts.conflicts += 1;
        throw error;
      }
    },
  };
  return { state: counted, counts };
};

describe('a budget that two processes share', () => {
  test('is spent to the last call and not beyond, by 50 calls at once', async () => {
    const { state, counts } = counting();
    const desks = makePair(state);
    const { id } = await state.spawn(script([], { budget: { toolCalls: 37 } }), 'g');
    const actor = (await state.get(id)) as ActorRecord;
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, (_, n) =>
        desks[(n % 2) as 0 | 1].orchestrator.executeAction(call, actor),
      ),
    );
    expect(desks[0].invoked.length + desks[1].invoked.length).toBe(37);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(37);
    const codes = results.flatMap((result) =>
      result.status === 'rejected' ? [(result.reason as PantheonError).code] : [],
    );
    expect(codes).toEqual(Array(13).fill('budget-exhausted'));
    expect(await spentOf(desks[0].orchestrator, id)).toEqual({ toolCalls: 37 });
    // Those that one process asks for at once share an update.
    expect(counts.updates).toBeLessThanOrEqual(4);
    expect(counts.conflicts).toBeLessThanOrEqual(2);
  });

  test('counts after a restart as well, and can be renewed', async () => {
    const state = makeMemoryState();
    const [first, second] = makePair(state);
    const { id } = await state.spawn(
      script([behavior('use', 'persistent', [call])], { budget: { toolCalls: 3, ticks: 10 } }),
      'g',
    );
    await first.orchestrator.deliver(id, 'one');
    await first.orchestrator.deliver(id, 'two');
    await second.orchestrator.deliver(id, 'three');
    expect((await second.orchestrator.deliver(id, 'four')).status).toBe('budget');
    expect(second.invoked).toHaveLength(1);
    expect(await second.orchestrator.budgets.get(id)).toEqual({
      limits: { toolCalls: 3, ticks: 10 },
      spent: { toolCalls: 3, ticks: 4 },
    });
    await second.orchestrator.budgets.reset(id, ['toolCalls']);
    expect(await spentOf(first.orchestrator, id)).toEqual({ ticks: 4 });
    expect((await state.get(id))?.state).toBe('paused');
    await state.update(id, { state: 'idle' });
    expect((await first.orchestrator.deliver(id, 'five')).status).toBe('ok');
    await first.orchestrator.budgets.reset(id);
    expect(await spentOf(first.orchestrator, id)).toEqual({});
  });

  test('a stubborn writer of the same record ends in an error, not in a call', async () => {
    const state = makeMemoryState();
    const { id } = await state.spawn(script([], { budget: { toolCalls: 3 } }), 'g');
    let tries = 0;
    const { orchestrator, invoked } = makeDesk({
      deps: {
        state: {
          ...state,
          update: async (...args) => {
            tries += 1;
            if (args[2]?.expectedVersion !== undefined) await state.update(id, {});
            return state.update(...args);
          },
        },
      },
    });
    const actor = (await state.get(id)) as ActorRecord;
    await expect(orchestrator.executeAction(call, actor)).rejects.toMatchObject({
      code: 'state-conflict',
      retryable: true,
    });
    expect(invoked).toEqual([]);
    expect(tries).toBeLessThan(200);
  });
});

test('a reservation of which nobody knows whether it was kept stays counted, and the call is not made', async () => {
  const state = makeMemoryState();
  const { id } = await state.spawn(script([], { budget: { toolCalls: 3 } }), 'g');
  const { orchestrator, invoked } = makeDesk({
    deps: {
      state: {
        ...state,
        update: async (...args) => {
          await state.update(...args);
          throw new PantheonError('outcome-unknown', 'the connection broke');
        },
      },
    },
  });
  const actor = (await state.get(id)) as ActorRecord;
  await expect(orchestrator.executeAction(call, actor)).rejects.toMatchObject({
    code: 'unavailable',
    retryable: true,
  });
  expect(invoked).toEqual([]);
  expect(await spentOf(orchestrator, id)).toEqual({ toolCalls: 1 });
});

describe('what is taken from several accounts', () => {
  const family = async (budgets: readonly (Budget | undefined)[]) => {
    const desk = makeDesk();
    const scripts = budgets.map((budget, n) =>
      script([], { name: `s${n}`, ...(budget === undefined ? undefined : { budget }) }),
    );
    const ids = [(await desk.deps.state.spawn(scripts[0] as never, 'g')).id];
    for (const one of scripts.slice(1)) {
      const parent = (await desk.deps.state.get(ids.at(-1) as string)) as ActorRecord;
      const spawned = await desk.orchestrator.executeAction(
        { type: 'spawn', actor: one, goal: 'g' },
        parent,
      );
      ids.push((spawned as ActorRecord).id);
    }
    const actors = await Promise.all(ids.map((id) => desk.deps.state.get(id)));
    return { ...desk, ids, actors: actors as readonly ActorRecord[] };
  };

  test('is taken from all of them or from none', async () => {
    const { orchestrator, invoked, ids, actors } = await family([
      { toolCalls: 5 },
      undefined,
      { toolCalls: 2 },
    ]);
    const [root, , leaf] = actors as [ActorRecord, ActorRecord, ActorRecord];
    const use = (actor: ActorRecord) => orchestrator.executeAction(call, actor);
    await use(leaf);
    await use(leaf);
    await expect(use(leaf)).rejects.toMatchObject({ details: { accountId: leaf.id, limit: 2 } });
    expect(await spentOf(orchestrator, ids[0] as string)).toEqual({ toolCalls: 2 });
    for (let n = 0; n < 3; n += 1) await use(root);
    await orchestrator.budgets.reset(leaf.id);
    await expect(use(leaf)).rejects.toMatchObject({ details: { accountId: root.id, limit: 5 } });
    expect(await spentOf(orchestrator, leaf.id)).toEqual({ toolCalls: 0 });
    expect(invoked).toHaveLength(5);
  });

  test('a limit that was raised for the parent holds for children that exist', async () => {
    const { orchestrator, deps, actors } = await family([{ toolCalls: 1 }, undefined]);
    const [root, leaf] = actors as [ActorRecord, ActorRecord];
    await orchestrator.executeAction(call, leaf);
    await expect(orchestrator.executeAction(call, leaf)).rejects.toMatchObject({
      code: 'budget-exhausted',
    });
    const state: IActorStatePort = {
      ...deps.state,
      get: async (id) => {
        const record = (await deps.state.get(id)) as ActorRecord;
        return id === root.id
          ? { ...record, script: { ...record.script, budget: { toolCalls: 2 } } }
          : record;
      },
    };
    const redeployed = makeDesk({ deps: { state } });
    await redeployed.orchestrator.executeAction(call, leaf);
    await expect(redeployed.orchestrator.executeAction(call, leaf)).rejects.toMatchObject({
      details: { limit: 2 },
    });
  });
});

describe('what did not happen', () => {
  const limited = async (budget: Budget, parts: DeskParts, options?: OrchestratorOptions) => {
    const desk = makeDesk({ ...parts, ...(options === undefined ? undefined : { options }) });
    const ask = behavior('ask', 'persistent', async ({ llm }) => {
      await llm.complete({ messages: [{ role: 'user', content: 'four' }], maxTokens: 9 });
      return { actions: [] };
    });
    const { id } = await desk.deps.state.spawn(script([ask], { budget }), 'g');
    return { ...desk, id, actor: (await desk.deps.state.get(id)) as ActorRecord };
  };

  test.each([
    ['unavailable', undefined, 0],
    ['llm-failed', undefined, 10],
    ['llm-failed', { inputTokens: 1, outputTokens: 3, totalTokens: 4 }, 4],
  ] as const)(
    'a model that fails as %s with usage %j costs %i tokens',
    async (code, usage, cost) => {
      const { orchestrator, id } = await limited(
        { tokens: 100 },
        {
          complete: async () => {
            throw new PantheonError(code, 'no', { details: { usage } });
          },
        },
      );
      await orchestrator.deliver(id, 'go');
      expect(await spentOf(orchestrator, id)).toEqual({ tokens: cost });
    },
  );

  test('a tool that there is not, and a child that the state port does not take, cost nothing', async () => {
    const state = makeMemoryState();
    const { orchestrator, id, actor } = await limited(
      { toolCalls: 5, spawns: 5 },
      {
        tool: async () => {
          throw new PantheonError('tool-unknown', 'no such tool');
        },
        deps: {
          state: {
            ...state,
            spawn: async (one, goal, options) => {
              if (options?.parentId !== undefined)
                throw new PantheonError('unavailable', 'no', { retryable: true });
              return state.spawn(one, goal, options);
            },
          },
        },
      },
    );
    await expect(orchestrator.executeAction(call, actor)).rejects.toThrow('no such tool');
    await expect(
      orchestrator.executeAction({ type: 'spawn', actor: script([]), goal: 'g' }, actor),
    ).rejects.toMatchObject({ code: 'unavailable' });
    expect(await spentOf(orchestrator, id)).toEqual({ toolCalls: 0, spawns: 0 });
  });

  test('a call that was given up while its budget was asked for is not made, and costs nothing', async () => {
    const state = makeMemoryState();
    let open: () => void = () => {};
    let isSlow = false;
    const { orchestrator, invoked, advance, id, actor } = await limited(
      { toolCalls: 5 },
      {
        deps: {
          state: {
            ...state,
            update: async (...args) => {
              if (isSlow) await new Promise<void>((resolve) => (open = resolve));
              return state.update(...args);
            },
          },
        },
      },
      { actionTimeoutMs: 100 },
    );
    isSlow = true;
    const failure = orchestrator.executeAction(call, actor).catch((error: unknown) => error);
    await advance(200);
    expect(await failure).toMatchObject({ code: 'timeout' });
    isSlow = false;
    open();
    await expect.poll(() => spentOf(orchestrator, id)).toEqual({ toolCalls: 0 });
    expect(invoked).toEqual([]);
  });
});

describe('the ticks of a budget', () => {
  test('are paid once, however often the journal opens the tick', async () => {
    const state = makeMemoryState();
    const journal = makeMemoryJournal();
    let clock = 0;
    const never = (): Promise<never> => new Promise<never>(() => {});
    const start = (tool: () => Promise<unknown>): Orchestrator =>
      makeOrchestrator({
        now: () => (clock += 1),
        log: () => {},
        context: makeMemoryContext(),
        tools: { register: () => {}, invoke: tool, list: () => [{ name: 'a', idempotent: true }] },
        llm: { complete: never },
        bus: makeMemoryBus(),
        schedule: makeMemoryScheduler(),
        state,
        journal,
      });
    const { id } = await state.spawn(
      script([behavior('use', 'persistent', [call])], { budget: { ticks: 2, toolCalls: 9 } }),
      'g',
    );
    let calls = 0;
    const first = start(() => ((calls += 1), never()));
    void first.deliver(id, 'one');
    await expect.poll(() => calls).toBe(1);
    const second = start(async () => 'done');
    const { finished } = await (await second.recover()).ended;
    expect(finished.map(({ status }) => status)).toEqual(['ok']);
    // The call of the process that ended was reserved, and nobody can say that it did not happen.
    expect(await spentOf(second, id)).toEqual({ ticks: 1, toolCalls: 2 });
    expect((await second.deliver(id, 'two')).status).toBe('ok');
    expect((await second.deliver(id, 'three')).status).toBe('budget');
  });
});

describe('orchestrator.budgets', () => {
  test('counts actors that no state port knows in the process', async () => {
    const { orchestrator } = makeDesk();
    const actor = actorOf([], { budget: { toolCalls: 1 } });
    expect(await orchestrator.budgets.get('ada')).toBeUndefined();
    await orchestrator.executeAction(call, actor);
    expect(await orchestrator.budgets.get('ada')).toEqual({
      limits: { toolCalls: 1 },
      spent: { toolCalls: 1 },
    });
    await expect(orchestrator.executeAction(call, actor)).rejects.toMatchObject({
      code: 'budget-exhausted',
    });
    await orchestrator.budgets.reset('ada');
    await orchestrator.executeAction(call, actor);
  });

  test('refuses actors and resources that there are not', async () => {
    const { orchestrator, deps } = makeDesk();
    await expect(orchestrator.budgets.reset('nobody')).rejects.toMatchObject({
      code: 'actor-unknown',
    });
    const { id } = await deps.state.spawn(script([]), 'g');
    await expect(orchestrator.budgets.reset(id, ['gold' as never])).rejects.toMatchObject({
      code: 'option-invalid',
    });
    expect(await orchestrator.budgets.get(id)).toBeUndefined();
  });
});

test('with a journal, a message that no budget allowed is handled when it is sent again and the budget allows it', async () => {
  const journal = makeMemoryJournal();
  const plans: string[] = [];
  const { deps, orchestrator } = makeDesk({ deps: { journal } });
  const { id } = await deps.state.spawn(
    script(
      [
        behavior('read', 'active', ({ userMessage }) => {
          plans.push(userMessage ?? '');
          return { actions: [] };
        }),
      ],
      { budget: { ticks: 1 } },
    ),
    'g',
  );
  const handled = { userMessage: 'two', message: message(id, 'two') };
  const actor = (await deps.state.get(id)) as ActorRecord;
  await orchestrator.tickActor(actor, { userMessage: 'one', message: message(id, 'one') });
  expect((await orchestrator.tickActor(actor, handled)).status).toBe('budget');
  await orchestrator.budgets.reset(id);
  await deps.state.update(id, { state: 'idle' });
  expect((await orchestrator.tickActor(actor, handled)).status).toBe('ok');
  expect(plans).toEqual(['one', 'two']);
  expect(await spentOf(orchestrator, id)).toEqual({ ticks: 1 });
});

const message = (to: string, content: string) => ({
  id: content,
  from: 'user',
  to,
  content,
  sentAt: 0,
  hops: 0,
});

test('a model that claims to have used less than nothing gives nothing back that others have spent', async () => {
  const usage = { inputTokens: -5_000, outputTokens: 0, totalTokens: -5_000 };
  const { deps, orchestrator } = makeDesk({
    complete: async () => ({ role: 'assistant', content: 'free', usage }),
  });
  const ask = behavior('ask', 'persistent', async ({ llm }) => {
    await llm.complete({ messages: [{ role: 'user', content: 'hello' }], maxTokens: 10 });
    return { actions: [] };
  });
  const { id } = await deps.state.spawn(script([ask], { budget: { tokens: 1_000 } }), 'g');
  await deps.state.update(id, { metadata: { 'pantheon:spent': { tokens: 500 } } });
  await orchestrator.deliver(id, 'go');
  expect(await spentOf(orchestrator, id)).toEqual({ tokens: 500 });
});
