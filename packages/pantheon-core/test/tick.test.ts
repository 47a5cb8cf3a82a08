/** Contract section 3: the tick. */
import { PantheonError } from '@promethean/pantheon-core';
import type { ActionOutcome, Actor, Plan, PlanInput } from '@promethean/pantheon-core';
import { describe, expect, test } from 'vitest';
import { actorOf, behavior, gate, makeDesk, never, say } from './desk.ts';

describe('3.1 report', () => {
  test('has behaviors, actions, outcomes, durations and usage', async () => {
    const usage = { inputTokens: 3, outputTokens: 4, totalTokens: 7 };
    const { orchestrator } = makeDesk({
      complete: async () => ({ role: 'assistant', content: 'yes', usage }),
    });
    const ask = behavior('ask', 'active', async ({ llm }) => {
      const { content } = await llm.complete({ messages: [{ role: 'user', content: '?' }] });
      await llm.complete({ messages: [{ role: 'user', content: '?' }] });
      return { actions: [say(content), { type: 'tool', name: 'look', args: { at: 1 } }] };
    });
    const report = await orchestrator.tickActor(actorOf([ask]), { userMessage: 'hi' });
    expect(report).toMatchObject({
      actorId: 'ada',
      status: 'ok',
      hasInput: true,
      behaviors: [{ name: 'ask', mode: 'active', rounds: 1, durationMs: 0 }],
      actions: [say('yes'), { type: 'tool', name: 'look', args: { at: 1 } }],
      usage: { inputTokens: 6, outputTokens: 8, totalTokens: 14 },
    });
    expect(report.outcomes.map(({ id, status, value }) => ({ id, status, value }))).toMatchObject([
      {
        id: `${report.tickId}/0/0/0`,
        status: 'ok',
        value: { from: 'ada', to: 'user', content: 'yes' },
      },
      { id: `${report.tickId}/0/0/1`, status: 'ok', value: 'look done' },
    ]);
    expect(structuredClone(report)).toEqual(report);
  });
});

test.each(['with an observer', 'without one'])(
  '3.1 usage of a failed model call is counted, %s',
  async (how) => {
    const usage = { inputTokens: 3, outputTokens: 4, totalTokens: 7 };
    const { orchestrator } = makeDesk({
      complete: async () => {
        throw new PantheonError('llm-malformed', 'no use', { details: { usage } });
      },
      deps: how === 'without one' ? { observe: undefined } : {},
    });
    const ask = behavior('ask', 'active', async ({ llm }) => {
      await llm.complete({ messages: [{ role: 'user', content: '?' }] });
      return { actions: [] };
    });
    const report = await orchestrator.tickActor(actorOf([ask]), { userMessage: 'hi' });
    expect(report).toMatchObject({ status: 'failed', usage });
  },
);

describe('3.2 context', () => {
  test('is not compiled when no behavior is selected', async () => {
    const { orchestrator, compiled } = makeDesk();
    await orchestrator.tickActor(actorOf([behavior('active only', 'active', [])]));
    expect(compiled).toEqual([]);
  });

  test('is compiled for the actor, which the request tells besides what the specification has', async () => {
    const { orchestrator, compiled } = makeDesk();
    await orchestrator.tickActor(actorOf([behavior('look', 'persistent', [])]));
    expect(compiled[0]?.actorId).toBe('ada');
    expect(Object.keys(compiled[0] ?? {})).toEqual(['texts', 'sources']);
  });

  test('is compiled once for all behaviors and rounds', async () => {
    const { orchestrator, compiled } = makeDesk();
    const twice = behavior('twice', 'persistent', ({ round }) => ({
      actions: [],
      again: round === 0,
    }));
    await orchestrator.tickActor(actorOf([twice, behavior('other', 'persistent', [])]));
    expect(compiled).toHaveLength(1);
  });
});

describe('3.3 parallel planning', () => {
  test('makes all plans at once and executes the actions in script order', async () => {
    const slow = gate();
    const planned: string[] = [];
    const { orchestrator, sent } = makeDesk();
    const actor = actorOf(
      [
        behavior('slow', 'persistent', async () => {
          await slow.promise;
          planned.push('slow');
          return { actions: [say('first')] };
        }),
        behavior('quick', 'persistent', async () => {
          planned.push('quick');
          slow.open();
          return { actions: [say('second')] };
        }),
      ],
      { config: { planning: 'parallel' } },
    );
    const report = await orchestrator.tickActor(actor);
    expect(planned).toEqual(['quick', 'slow']);
    expect(sent.map(({ content }) => content)).toEqual(['first', 'second']);
    expect(report.status).toBe('ok');
  });

  test('a plan that fails ahead of its turn fails only its behavior, also before a slow one', async () => {
    const { orchestrator, sent } = makeDesk();
    const slow = gate();
    const actor = actorOf(
      [
        behavior('slow', 'persistent', async () => {
          await slow.promise;
          return { actions: [say('made it')] };
        }),
        behavior('throws', 'persistent', () => {
          setImmediate(slow.open);
          throw new Error('at once');
        }),
        behavior('rejects', 'persistent', async () => {
          throw new Error('soon');
        }),
      ],
      { config: { planning: 'parallel' } },
    );
    const report = await orchestrator.tickActor(actor);
    expect(sent).toHaveLength(1);
    expect(report.behaviors.map(({ error }) => error?.message)).toEqual([
      undefined,
      'at once',
      'soon',
    ]);
  });

  test('each plan has its own limit in time', async () => {
    const { orchestrator, advance } = makeDesk({ options: { planTimeoutMs: 50 } });
    const actor = actorOf(
      [behavior('deaf', 'persistent', () => never()), behavior('fine', 'persistent', [])],
      { config: { planning: 'parallel' } },
    );
    const ticking = orchestrator.tickActor(actor);
    await advance(50);
    const report = await ticking;
    expect(report.behaviors.map(({ error }) => error?.code)).toEqual(['timeout', undefined]);
  });
});

describe('3.4 rounds', () => {
  const counting = (seen: (readonly ActionOutcome[])[], until: number) =>
    behavior('count', 'persistent', ({ round, outcomes, carry }) => {
      seen.push(outcomes);
      expect(carry).toBe(round === 0 ? undefined : `from ${round - 1}`);
      return {
        actions: [{ type: 'tool', name: `t${round}`, args: {} }],
        again: round + 1 < until,
        carry: `from ${round}`,
      };
    });

  test('again plans once more with what the previous actions came to', async () => {
    const seen: (readonly ActionOutcome[])[] = [];
    const { orchestrator } = makeDesk();
    const report = await orchestrator.tickActor(actorOf([counting(seen, 3)]));
    expect(seen.map((outcomes) => outcomes.map(({ value }) => value))).toEqual([
      [],
      ['t0 done'],
      ['t1 done'],
    ]);
    expect(report.behaviors[0]).toMatchObject({ rounds: 3 });
    expect(report.outcomes.map(({ round }) => round)).toEqual([0, 1, 2]);
  });

  test('at most maxRounds, 8 by default; then rounds-exceeded and the next behavior', async () => {
    for (const [options, script, expected] of [
      [{}, {}, 8],
      [{ maxRounds: 2 }, {}, 2],
      [{ maxRounds: 2 }, { config: { maxRounds: 4 } }, 4],
    ] as const) {
      const seen: (readonly ActionOutcome[])[] = [];
      const { orchestrator, sent } = makeDesk({ options });
      const actor = actorOf(
        [counting(seen, Infinity), behavior('next', 'persistent', [say('on')])],
        script,
      );
      const report = await orchestrator.tickActor(actor);
      expect(seen).toHaveLength(expected);
      expect(report.behaviors[0]?.error?.code).toBe('rounds-exceeded');
      expect(sent).toHaveLength(1);
    }
  });
});

describe('3.5 isolation', () => {
  test.each([
    [
      'throws an Error',
      () => {
        throw new Error('x');
      },
    ],
    [
      'throws undefined',
      () => {
        throw undefined;
      },
    ],
    [
      'throws a proxy whose traps throw',
      () => {
        throw new Proxy(
          {},
          {
            get: () => {
              throw new Error('trap');
            },
          },
        );
      },
    ],
    ['rejects with null', () => Promise.reject(null)],
    ['resolves to nothing', async () => undefined as never],
    ['resolves to a string', async () => 'text' as never],
    ['has actions that are no list', () => ({ actions: 'all of them' }) as never],
    [
      'has getters that throw',
      () => ({
        get actions(): never {
          throw new Error('getter');
        },
      }),
    ],
    ['has too many actions', () => ({ actions: Array(33).fill(say('spam')) })],
  ] as [string, () => Plan | Promise<Plan>][])(
    'a plan that %s fails its behavior only',
    async (_, plan) => {
      const { orchestrator, sent } = makeDesk();
      const report = await orchestrator.tickActor(
        actorOf([
          behavior('bad', 'persistent', plan),
          behavior('good', 'persistent', [say('fine')]),
        ]),
      );
      expect(report.status).toBe('partial');
      expect(report.behaviors[0]?.error).toBeDefined();
      expect(sent.map(({ content }) => content)).toEqual(['fine']);
    },
  );

  test('an action of the wrong shape is invalid, with its path; valid siblings run', async () => {
    const { orchestrator, sent } = makeDesk();
    const bad = [
      { type: 'message' },
      { type: 'message', content: 'x', target: '' },
      { type: 'tool', name: 'x' },
      { type: 'tool', name: 'x', args: JSON.parse('{"a":{"__proto__":{"polluted":1}}}') },
      { type: 'tool', name: 'x', args: { constructor: 1 } },
      { type: 'spawn', goal: 'g', actor: { name: 'x' } },
      { type: 'wait', durationMs: Number.NaN },
      { type: 'remember', entries: [{}] },
      { type: 'launch' },
      null,
      'message',
      {
        get type(): never {
          throw new Error('getter');
        },
      },
    ];
    const report = await orchestrator.tickActor(
      actorOf([behavior('mixed', 'persistent', [...bad, say('valid')] as never)]),
    );
    expect(report.outcomes.map(({ status }) => status)).toEqual([
      ...bad.map(() => 'invalid'),
      'ok',
    ]);
    expect(report.outcomes.map(({ error }) => error?.message)).toEqual([
      'actions[0].content must be a string',
      'actions[1].target must be the id of a recipient',
      'actions[2].args must be an object',
      'actions[3].args.a.__proto__ is not allowed as a key',
      'actions[4].args.constructor is not allowed as a key',
      'actions[5].actor: script.contextSources must be a list',
      'actions[6].durationMs must be an integer from 0 to 2147483647',
      'actions[7].entries[0] must be a message with role and content',
      'actions[8].type "launch" is not known; register it with makeOrchestrator(deps, { actions })',
      'actions[9] must be an object',
      'actions[10] must be an object',
      'actions[11] cannot be read: getter',
      undefined,
    ]);
    expect(sent).toHaveLength(1);
  });

  test('onActionError stop gives up the remaining actions of that behavior only', async () => {
    const { orchestrator, sent } = makeDesk({
      tool: async () => {
        throw new Error('no');
      },
    });
    const failing = { type: 'tool', name: 'fails', args: {} } as const;
    const report = await orchestrator.tickActor(
      actorOf([
        behavior('strict', 'persistent', [failing, say('never')], { onActionError: 'stop' }),
        behavior('lax', 'persistent', [failing, say('sent')]),
      ]),
    );
    expect(report.outcomes.map(({ status }) => status)).toEqual([
      'failed',
      'skipped',
      'failed',
      'ok',
    ]);
    expect(sent.map(({ content }) => content)).toEqual(['sent']);
  });
});

describe('3.6 context, log and observer failures', () => {
  test('a context failure rejects the tick with its own error, and nothing ran', async () => {
    const failure = new Error('no index');
    const { orchestrator, sent } = makeDesk({
      compile: async () => {
        throw failure;
      },
    });
    const ticking = orchestrator.tickActor(actorOf([behavior('talk', 'persistent', [say('hi')])]));
    await expect(ticking).rejects.toBe(failure);
    expect(sent).toEqual([]);
    expect(orchestrator.stats()).toMatchObject({ running: 0, ticks: { rejected: 1 } });
  });

  test.each(['throws', 'rejects'])('a log and an observer that %s change nothing', async (how) => {
    const fail = (): never => {
      if (how === 'throws') throw new Error('log');
      return Promise.reject(new Error('log')) as never;
    };
    const { orchestrator } = makeDesk({ deps: { log: fail, observe: fail } });
    const report = await orchestrator.tickActor(
      actorOf([behavior('talk', 'persistent', [say('hi')])]),
    );
    expect(report.status).toBe('ok');
  });
});

describe('3.7 executeAction', () => {
  test('resolves to the value of the action', async () => {
    const { orchestrator, deps } = makeDesk();
    const actor = actorOf([]);
    expect(await orchestrator.executeAction(say('hi'), actor)).toMatchObject({
      from: 'ada',
      to: 'user',
    });
    expect(await orchestrator.executeAction({ type: 'tool', name: 'x', args: {} }, actor)).toBe(
      'x done',
    );
    const spawned = await orchestrator.executeAction(
      { type: 'spawn', actor: actor.script, goal: 'g' },
      actor,
    );
    expect(await deps.state.get((spawned as Actor).id)).toEqual(spawned);
  });

  test('rejects with a typed error; a forged sender has no effect', async () => {
    const { orchestrator, sent } = makeDesk();
    const actor = actorOf([]);
    await expect(orchestrator.executeAction({ type: 'fly' } as never, actor)).rejects.toMatchObject(
      {
        code: 'action-invalid',
      },
    );
    await expect(orchestrator.executeAction(say('x'), { id: '' } as never)).rejects.toMatchObject({
      code: 'actor-invalid',
    });
    await orchestrator.executeAction({ ...say('x'), from: 'admin' } as never, actor);
    expect(sent).toEqual([{ from: 'ada', to: 'user', content: 'x' }]);
  });

  test('remember writes to the context port, and says what is missing without it', async () => {
    const entries = [{ role: 'user', content: 'note' }] as const;
    const recorded: unknown[] = [];
    const { orchestrator } = makeDesk({
      deps: {
        context: {
          compile: async () => [],
          record: async (actorId, list) => {
            recorded.push({ actorId, list });
          },
        },
      },
    });
    await orchestrator.executeAction({ type: 'remember', entries }, actorOf([]));
    expect(recorded).toEqual([{ actorId: 'ada', list: entries }]);
    await expect(
      makeDesk().orchestrator.executeAction({ type: 'remember', entries }, actorOf([])),
    ).rejects.toMatchObject({ code: 'capability-missing' });
  });

  test('wait ticks the actor again later, without holding the tick', async () => {
    const { orchestrator, advance } = makeDesk();
    let passive = 0;
    const actor = actorOf([
      behavior('ask for time', 'active', [{ type: 'wait', durationMs: 500 }]),
      behavior('wake', 'passive', () => {
        passive += 1;
        return { actions: [] };
      }),
    ]);
    await orchestrator.tickActor(actor, { userMessage: 'later' });
    await advance(499);
    expect(passive).toBe(0);
    await advance(1);
    expect(passive).toBe(1);
  });
});

describe('3.8 redaction', () => {
  test('what redact names reaches neither log nor observer, and the tool gets it all the same', async () => {
    const { orchestrator, logs, events, invoked } = makeDesk({
      options: {
        redact: ['action.args.password'],
      },
    });
    const args = { user: 'ada', password: 'hunter2' };
    await orchestrator.tickActor(
      actorOf([behavior('login', 'persistent', [{ type: 'tool', name: 'login', args }])]),
    );
    expect(invoked[0]?.args).toEqual(args);
    expect(JSON.stringify([logs, events])).not.toContain('hunter2');
    expect(JSON.stringify(logs)).toContain('[redacted]');
  });
});

describe('3.9 bounds', () => {
  test('a deaf plan is given up after planTimeoutMs, its signal aborts, the next behavior runs', async () => {
    const { orchestrator, advance, sent, pendingTimers } = makeDesk();
    let signal: AbortSignal | undefined;
    const actor = actorOf([
      behavior('deaf', 'persistent', (input) => {
        ({ signal } = input);
        return never();
      }),
      behavior('next', 'persistent', [say('still here')]),
    ]);
    const ticking = orchestrator.tickActor(actor);
    await advance(119_999);
    expect(signal?.aborted).toBe(false);
    await advance(1);
    expect(signal?.aborted).toBe(true);
    const report = await ticking;
    expect(report.behaviors[0]?.error).toMatchObject({ code: 'timeout', retryable: true });
    expect(sent).toHaveLength(1);
    await advance(0);
    expect(pendingTimers()).toBe(0);
  });

  test('a deaf tool is given up after actionTimeoutMs, or its own; a late result is counted and dropped', async () => {
    const late = gate();
    const { orchestrator, advance } = makeDesk({
      tool: async (name) => {
        if (name !== 'quick') await late.promise;
        return name;
      },
      options: { actionTimeoutMs: 1_000 },
    });
    const ticking = orchestrator.tickActor(
      actorOf([
        behavior('call', 'persistent', [
          { type: 'tool', name: 'slow', args: {} },
          { type: 'tool', name: 'slower', args: {}, timeoutMs: 5 },
          { type: 'tool', name: 'quick', args: {} },
        ]),
      ]),
    );
    await advance(1_000);
    await advance(5);
    const report = await ticking;
    expect(report.outcomes.map(({ status, value }) => [status, value])).toEqual([
      ['timeout', undefined],
      ['timeout', undefined],
      ['ok', 'quick'],
    ]);
    late.open();
    await advance(0);
    expect(orchestrator.stats().lateResults).toBe(2);
  });

  test('a tick is given up after tickTimeoutMs: what runs is aborted, the rest is skipped', async () => {
    const { orchestrator, advance } = makeDesk({
      options: { tickTimeoutMs: 100, planTimeoutMs: 80 },
    });
    const signals: AbortSignal[] = [];
    const deaf = (name: string) =>
      behavior(name, 'persistent', ({ signal }: PlanInput) => {
        signals.push(signal);
        return never<Plan>();
      });
    const ticking = orchestrator.tickActor(actorOf([deaf('one'), deaf('two'), deaf('three')]));
    await advance(100);
    const report = await ticking;
    expect(report.status).toBe('timeout');
    expect(report.behaviors.map(({ name, error }) => [name, error?.code])).toEqual([
      ['one', 'timeout'],
      ['two', 'timeout'],
    ]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  });

  test('the signal reaches the language model and the tool', async () => {
    const seen: (AbortSignal | undefined)[] = [];
    const caller = new AbortController();
    const { orchestrator } = makeDesk({
      complete: async ({ signal }) => {
        seen.push(signal);
        return { role: 'assistant', content: '' };
      },
      tool: (_, __, call) => {
        seen.push(call?.signal);
        setImmediate(() => caller.abort(new Error('enough')));
        return never();
      },
    });
    const actor = actorOf([
      behavior('both', 'active', async ({ llm }) => {
        await llm.complete({ messages: [] });
        return { actions: [{ type: 'tool', name: 't', args: {} }, say('not sent')] };
      }),
    ]);
    const report = await orchestrator.tickActor(actor, {
      userMessage: 'go',
      signal: caller.signal,
    });
    expect(report.status).toBe('cancelled');
    expect(report.outcomes.map(({ status }) => status)).toEqual(['cancelled', 'skipped']);
    expect(seen).toHaveLength(2);
    expect(seen.map((signal) => signal?.aborted)).toEqual([false, true]);
  });

  test.each(['before', 'compiling', 'planning', 'acting'])(
    'cancelled while %s: status cancelled, nothing after it',
    async (phase) => {
      const caller = new AbortController();
      const abort = async <T>(at: string, value: T): Promise<T> => {
        if (at !== phase) return value;
        caller.abort();
        return never<T>();
      };
      if (phase === 'before') caller.abort();
      const { orchestrator, sent } = makeDesk({
        compile: () => abort('compiling', []),
        tool: () => abort('acting', 'done'),
      });
      const actor = actorOf([
        behavior('work', 'active', () =>
          abort<Plan>('planning', {
            actions: [{ type: 'tool', name: 't', args: {} }, say('late')],
          }),
        ),
      ]);
      const report = await orchestrator.tickActor(actor, {
        userMessage: 'go',
        signal: caller.signal,
      });
      expect(report.status).toBe('cancelled');
      expect(sent).toEqual([]);
      expect(orchestrator.stats().running).toBe(0);
    },
  );

  test('ticks that wait for nothing long leave no timer', async () => {
    const { orchestrator, advance, pendingTimers } = makeDesk();
    await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        orchestrator.tickActor(actorOf([behavior('talk', 'persistent', [say('x')])], {}, `a${i}`)),
      ),
    );
    expect(pendingTimers()).toBeLessThanOrEqual(1);
    await advance(0);
    expect(pendingTimers()).toBe(0);
  });

  test('a thenable that calls back twice, and one that never does', async () => {
    const { orchestrator, advance } = makeDesk({ options: { planTimeoutMs: 10 } });
    const twice = {
      then: (done: (plan: Plan) => void) => {
        done({ actions: [] });
        done({ actions: [] });
      },
    };
    const deaf = { then: () => {} };
    const ticking = orchestrator.tickActor(
      actorOf([
        behavior('twice', 'persistent', () => twice as never),
        behavior('deaf', 'persistent', () => deaf as never),
        behavior('fine', 'persistent', [say('x')]),
      ]),
    );
    await advance(10);
    const report = await ticking;
    expect(report.behaviors.map(({ error }) => error?.code)).toEqual([
      undefined,
      'timeout',
      undefined,
    ]);
  });
});

describe('3.10 actors that do not run', () => {
  test.each(['paused', 'completed', 'failed'] as const)('%s: actor-not-runnable', async (state) => {
    const { orchestrator, deps } = makeDesk();
    const { script } = actorOf([behavior('talk', 'persistent', [say('x')])]);
    const record = await deps.state.spawn(script, 'g');
    await deps.state.update(record.id, { state });
    // The record that the caller holds is older than the update.
    await expect(orchestrator.tickActor(record)).rejects.toMatchObject({
      code: 'actor-not-runnable',
    });
    await expect(orchestrator.deliver(record.id, 'hi')).rejects.toMatchObject({
      code: 'actor-not-runnable',
    });
    await expect(
      orchestrator.tickActor({ id: 'bare', script, goals: [], state }),
    ).rejects.toMatchObject({
      code: 'actor-not-runnable',
    });
    await deps.state.update(record.id, { state: 'idle' });
    expect((await orchestrator.tickActor(record)).status).toBe('ok');
  });
});

describe('3.11 bad input', () => {
  test.each([
    [undefined, 'actor must be an object'],
    [{}, 'actor.id must be a string of 1 to 256 bytes, none of them a control character'],
    [
      { id: 'a\nb', goals: [], script: {} },
      'actor.id must be a string of 1 to 256 bytes, none of them a control character',
    ],
    [
      { id: '名'.repeat(100), goals: [], script: {} },
      'actor.id must be a string of 1 to 256 bytes, none of them a control character',
    ],
    [{ id: 'a' }, 'actor.goals must be a list'],
    [{ id: 'a', goals: [1] }, 'actor.goals[0] must be a string'],
    [{ id: 'a', goals: [] }, 'actor.script must be an object'],
    [
      {
        id: 'a',
        goals: [],
        script: {
          name: 's',
          contextSources: [],
          talents: [{ name: 't', behaviors: [{ name: 'b', mode: 'lazy' }] }],
        },
      },
      'actor.script.talents[0].behaviors[0].mode must be active, passive or persistent',
    ],
  ])('%j: %s', async (actor, message) => {
    const { orchestrator } = makeDesk();
    await expect(orchestrator.tickActor(actor as never)).rejects.toThrow(message);
    expect(() => orchestrator.startActorLoop(actor as never)).toThrow(message);
  });

  test.each([
    [5, 'input must be an object'],
    [{ userMessage: 5 }, 'input.userMessage must be a string'],
  ])('the input %j: %s', async (input, message) => {
    const { orchestrator } = makeDesk();
    await expect(orchestrator.tickActor(actorOf([]), input as never)).rejects.toThrow(message);
  });

  test('a scheduler that was closed fails the tick, and not the mailbox', async () => {
    const closed = (): never => {
      throw new PantheonError('closed', 'the scheduler is closed');
    };
    const { orchestrator } = makeDesk({ deps: { schedule: { every: closed, once: closed } } });
    const actor = actorOf([behavior('talk', 'persistent', [say('x')])]);
    for (let i = 0; i < 2; i += 1) {
      await expect(orchestrator.tickActor(actor)).rejects.toMatchObject({ code: 'closed' });
    }
    expect(orchestrator.stats()).toMatchObject({ running: 0, waiting: 0 });
  });

  test('an actor whose members throw is refused like any other', async () => {
    const actor = {
      get id(): never {
        throw new Error('trap');
      },
    };
    const { orchestrator } = makeDesk();
    await expect(orchestrator.tickActor(actor as never)).rejects.toThrow(
      'actor cannot be read: trap',
    );
  });

  test('options out of range are refused by name', () => {
    for (const options of [
      { maxRounds: 0 },
      { planTimeoutMs: Number.NaN },
      { tickTimeoutMs: 2 ** 31 },
    ]) {
      expect(() => makeDesk({ options })).toThrow(`options.${Object.keys(options)[0]}`);
    }
    expect(() => makeDesk({ options: { tickTimeoutMs: Infinity } })).not.toThrow();
  });

  test('errors are recognised across copies of the package', () => {
    const foreign = Object.assign(new Error('x'), {
      [Symbol.for('promethean.pantheon.error')]: true,
      code: 'timeout',
    });
    expect(PantheonError.is(foreign, 'timeout')).toBe(true);
    expect(PantheonError.is(new Error('x'))).toBe(false);
    expect(PantheonError.is(null)).toBe(false);
  });
});
