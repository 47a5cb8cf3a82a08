/** The specification, heading by heading: its examples run unchanged, its names, defaults, order and log lines hold. */
import { makeOrchestrator } from '@promethean/pantheon-core';
import type { Action, Actor, Behavior } from '@promethean/pantheon-core';
import { describe, expect, test } from 'vitest';
import { actorOf, behavior, makeDesk, say, script } from './desk.ts';

const modes = ['active', 'passive', 'persistent'] as const;
const oneOfEach = (ran: string[]): readonly Behavior[] =>
  modes.map((mode) =>
    behavior(`is ${mode}`, mode, () => {
      ran.push(mode);
      return { actions: [] };
    }),
  );

describe('Core Architecture: Dependency Injection', () => {
  test('the eight dependencies are enough, and each missing one is named', () => {
    const { now, log, context, tools, llm, bus, schedule, state } = makeDesk().deps;
    const deps = { now, log, context, tools, llm, bus, schedule, state };
    expect(Object.keys(makeOrchestrator(deps)).toSorted()).toEqual([
      'approvals',
      'budgets',
      'deliver',
      'executeAction',
      'fork',
      'listen',
      'recover',
      'startActorLoop',
      'stats',
      'stop',
      'tickActor',
    ]);
    for (const name of Object.keys(deps)) {
      expect(() => makeOrchestrator({ ...deps, [name]: undefined })).toThrow(`deps.${name}`);
    }
  });
});

describe('Action Execution System: Action Types', () => {
  test('message: bus.send with from, to and content; the recipient is user by default', async () => {
    const { orchestrator, sent } = makeDesk();
    const actor = actorOf([]);
    await orchestrator.executeAction({ type: 'message', content: 'hello' }, actor);
    await orchestrator.executeAction({ type: 'message', content: 'hi', target: 'bob' }, actor);
    expect(sent).toEqual([
      { from: 'ada', to: 'user', content: 'hello' },
      { from: 'ada', to: 'bob', content: 'hi' },
    ]);
  });

  test('tool: tools.invoke with name and args', async () => {
    const { orchestrator, invoked } = makeDesk();
    const action: Action = { type: 'tool', name: 'search', args: { query: 'cats' } };
    expect(await orchestrator.executeAction(action, actorOf([]))).toBe('search done');
    expect(invoked).toEqual([{ name: 'search', args: { query: 'cats' } }]);
  });

  test('spawn: state.spawn with the script and the goal', async () => {
    const { orchestrator, deps } = makeDesk();
    const child = script([], { name: 'helper' });
    await orchestrator.executeAction({ type: 'spawn', actor: child, goal: 'help' }, actorOf([]));
    const [spawned] = await deps.state.list();
    expect(spawned).toMatchObject({
      script: child,
      goals: ['help'],
      state: 'idle',
      parentId: 'ada',
    });
  });
});

describe('Behavior Selection System: Behavior Selection Logic', () => {
  test.each([
    { input: { userMessage: 'hi' }, runs: ['active', 'persistent'] },
    { input: {}, runs: ['passive', 'persistent'] },
    { input: { userMessage: '' }, runs: ['passive', 'persistent'] },
    { input: undefined, runs: ['passive', 'persistent'] },
  ])('input $input runs $runs', async ({ input, runs }) => {
    const ran: string[] = [];
    await makeDesk().orchestrator.tickActor(actorOf(oneOfEach(ran)), input);
    expect(ran).toEqual(runs);
  });
});

describe('Behavior Selection System: Behavior Execution Order', () => {
  test('talents and behaviors in script order, each plan followed by its actions', async () => {
    const order: string[] = [];
    const { orchestrator } = makeDesk({
      tool: async (name) => {
        order.push(name);
      },
    });
    const planning = (name: string): Behavior =>
      behavior(name, 'persistent', () => {
        order.push(`plan ${name}`);
        return {
          actions: [1, 2].map((n) => ({ type: 'tool', name: `${name}${n}`, args: {} }) as const),
        };
      });
    const actor: Actor = {
      id: 'ada',
      goals: [],
      script: {
        name: 'two talents',
        contextSources: [],
        talents: [
          { name: 'first', behaviors: [planning('a'), planning('b')] },
          { name: 'second', behaviors: [planning('c')] },
        ],
      },
    };
    await orchestrator.tickActor(actor);
    expect(order).toEqual(['plan a', 'a1', 'a2', 'plan b', 'b1', 'b2', 'plan c', 'c1', 'c2']);
  });

  test('a failure in one behavior does not affect the others', async () => {
    const { orchestrator, sent, logs } = makeDesk();
    const actor = actorOf([
      behavior('broken', 'persistent', () => {
        throw new Error('no plan today');
      }),
      behavior('fine', 'persistent', [say('still here')]),
    ]);
    const report = await orchestrator.tickActor(actor);
    expect(sent.map(({ content }) => content)).toEqual(['still here']);
    expect(logs).toContainEqual({
      message: 'Behavior broken failed',
      meta: { error: 'no plan today' },
    });
    expect(report.status).toBe('partial');
  });
});

describe('Actor Lifecycle Management: Actor Ticking', () => {
  test('the context is compiled from the message and the script, and handed on with the joined goals', async () => {
    const context = [{ role: 'user', content: 'a passage' }] as const;
    const { orchestrator, compiled } = makeDesk({ compile: async () => context });
    const contextSources = [{ id: 'docs', label: 'Documents' }];
    const inputs: unknown[] = [];
    const actor = actorOf(
      [
        behavior('look', 'persistent', (input) => {
          inputs.push({ goal: input.goal, context: input.context });
          return { actions: [] };
        }),
      ],
      { contextSources },
    );
    await orchestrator.tickActor(actor, { userMessage: 'where?' });
    await orchestrator.tickActor(actor);
    expect(compiled).toEqual([
      { texts: ['where?'], sources: contextSources },
      { texts: [], sources: contextSources },
    ]);
    expect(inputs).toEqual(Array(2).fill({ goal: 'be useful; be brief', context }));
  });

  test('its log line', async () => {
    const { orchestrator, logs } = makeDesk();
    await orchestrator.tickActor(actorOf([]), { userMessage: 'hi' });
    expect(logs[0]).toEqual({
      message: 'Ticking actor: ada',
      meta: { goals: ['be useful', 'be brief'], hasInput: true },
    });
  });
});

describe('Actor Lifecycle Management: Actor Loop Management and Loop Configuration', () => {
  test('ticks every 5000 ms by default, until stopped', async () => {
    const { orchestrator, advance } = makeDesk();
    const ran: string[] = [];
    const stopLoop = orchestrator.startActorLoop(actorOf(oneOfEach(ran)));
    await advance(4_999);
    expect(ran).toEqual([]);
    await advance(1);
    expect(ran).toEqual(['passive', 'persistent']);
    await advance(5_000);
    expect(ran).toHaveLength(4);
    stopLoop();
    await advance(50_000);
    expect(ran).toHaveLength(4);
  });

  test('each actor has its own interval', async () => {
    const { orchestrator, advance } = makeDesk();
    const ticks: Record<string, number> = {};
    for (const [id, intervalMs] of [
      ['fast', 100],
      ['slow', 1_000],
    ] as const) {
      const count = behavior('count', 'passive', () => {
        ticks[id] = (ticks[id] ?? 0) + 1;
        return { actions: [] };
      });
      orchestrator.startActorLoop(actorOf([count], {}, id), intervalMs);
    }
    await advance(2_000);
    expect(ticks).toEqual({ fast: 20, slow: 2 });
  });

  test('a tick that fails is logged and does not end the loop', async () => {
    let compilations = 0;
    const { orchestrator, advance, logs } = makeDesk({
      compile: async () => {
        compilations += 1;
        throw new Error('the context is gone');
      },
    });
    orchestrator.startActorLoop(actorOf(oneOfEach([])), 100);
    await advance(300);
    expect(compilations).toBe(3);
    expect(logs.filter(({ message }) => message === 'Actor loop error for ada')).toEqual(
      Array(3).fill({
        message: 'Actor loop error for ada',
        meta: { error: 'the context is gone' },
      }),
    );
  });
});

describe('Error Handling and Logging', () => {
  test('action isolation: a failed action is logged and does not stop the next', async () => {
    const { orchestrator, sent, logs } = makeDesk({
      tool: async () => {
        throw new Error('out of order');
      },
    });
    const actor = actorOf([
      behavior('act', 'persistent', [{ type: 'tool', name: 'broken', args: {} }, say('and yet')]),
    ]);
    const report = await orchestrator.tickActor(actor);
    expect(sent).toHaveLength(1);
    expect(report.outcomes.map(({ status }) => status)).toEqual(['failed', 'ok']);
    expect(logs).toContainEqual({
      message: 'Action failed: tool',
      meta: { actorId: 'ada', error: 'out of order' },
    });
  });

  test('its log line for actions', async () => {
    const { orchestrator, logs } = makeDesk();
    const action = say('hello');
    await orchestrator.tickActor(actorOf([behavior('greet', 'persistent', [action])]));
    await orchestrator.executeAction(action, actorOf([]));
    expect(logs.filter(({ message }) => message === 'Executing action: message')).toEqual(
      Array(2).fill({ message: 'Executing action: message', meta: { actorId: 'ada', action } }),
    );
  });
});

describe('Usage Examples', () => {
  test('Basic Actor Execution', async () => {
    const { deps } = makeDesk();
    const { context: contextPort, tools: toolPort, llm: llmPort, bus: messageBus } = deps;
    const { schedule: scheduler, state: actorStatePort } = deps;
    const actor = actorOf(oneOfEach([]));

    // Create orchestrator with dependencies
    const orchestrator = makeOrchestrator({
      now: () => Date.now(),
      log: () => {},
      context: contextPort,
      tools: toolPort,
      llm: llmPort,
      bus: messageBus,
      schedule: scheduler,
      state: actorStatePort,
    });

    // Execute a single tick
    await orchestrator.tickActor(actor, { userMessage: 'Hello' });
  });

  test('Continuous Actor Operation', async () => {
    const { orchestrator, advance, pendingTimers } = makeDesk();
    const actor = actorOf(oneOfEach([]));
    // Start an actor loop with custom interval
    const stopLoop = orchestrator.startActorLoop(actor, 3000);
    await advance(3_000);

    // Later, stop the loop
    stopLoop();
    await advance(0);
    expect(orchestrator.stats().ticks.ok).toBe(1);
    expect(pendingTimers()).toBe(0);
  });

  test('Manual Action Execution', async () => {
    const { orchestrator, sent } = makeDesk();
    const actor = actorOf([]);
    // Execute a specific action
    const action: Action = {
      type: 'message',
      content: 'Hello, world!',
      target: 'user',
    };

    await orchestrator.executeAction(action, actor);
    expect(sent).toEqual([{ from: 'ada', to: 'user', content: 'Hello, world!' }]);
  });
});

describe('Integration Patterns', () => {
  const answering = behavior('answer', 'active', ({ userMessage }) => ({
    actions: [say(`you said ${userMessage}`)],
  }));

  test('Event-Driven Architecture', async () => {
    const { deps, orchestrator, sent, advance } = makeDesk();
    const actor = actorOf([answering]);
    // Subscribe to message bus for inter-agent communication
    deps.bus.subscribe((msg) => {
      if (msg.to === actor.id) {
        orchestrator.tickActor(actor, { userMessage: msg.content });
      }
    });
    await deps.bus.send({ from: 'user', to: 'ada', content: 'hello' });
    await advance(0);
    expect(sent.at(-1)).toEqual({ from: 'ada', to: 'user', content: 'you said hello' });
  });

  test('Scheduled Tasks', async () => {
    const { deps, orchestrator, advance } = makeDesk();
    const ran: string[] = [];
    const actor = actorOf(oneOfEach(ran));
    // Schedule periodic tasks
    const cleanupTask = deps.schedule.every(60000, async () => {
      await orchestrator.tickActor(actor);
    });
    await advance(60_000);
    cleanupTask();
    await advance(600_000);
    expect(ran).toEqual(['passive', 'persistent']);
  });

  test('User Interaction', async () => {
    const { deps, orchestrator, sent } = makeDesk();
    // Handle user input
    async function handleUserInput(actorId: string, message: string) {
      const actor = await deps.state.get(actorId);
      if (actor) {
        await orchestrator.tickActor(actor, { userMessage: message });
      }
    }
    const { id } = await deps.state.spawn(script([answering]), 'answer');
    await handleUserInput(id, 'hello');
    await handleUserInput('nobody', 'hello');
    await orchestrator.deliver(id, 'again');
    expect(sent.map(({ content }) => content)).toEqual(['you said hello', 'you said again']);
  });
});
