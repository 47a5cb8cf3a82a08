/** Contract section 4: mailboxes and delivery. */
import { makeOrchestrator } from '@promethean/pantheon-core';
import type { Actor, MailboxPolicy, Plan, TickReport } from '@promethean/pantheon-core';
import { describe, expect, test } from 'vitest';
import { actorOf, behavior, gate, makeDesk, never, say, script } from './desk.ts';

/** An actor whose ticks wait at a gate, and what they saw, in order. */
const gated = (mailbox?: MailboxPolicy, id = 'ada') => {
  const seen: (string | undefined)[] = [];
  const door = gate();
  let concurrent = 0;
  let most = 0;
  const actor: Actor = actorOf(
    [
      behavior('wait', 'persistent', async ({ userMessage }) => {
        seen.push(userMessage);
        concurrent += 1;
        most = Math.max(most, concurrent);
        await door.promise;
        concurrent -= 1;
        return { actions: [] };
      }),
    ],
    mailbox === undefined ? {} : { mailbox },
    id,
  );
  return { actor, seen, door, most: () => most };
};

const codes = async (ticks: readonly Promise<TickReport>[]): Promise<readonly string[]> =>
  (await Promise.allSettled(ticks)).map((tick) =>
    tick.status === 'fulfilled' ? tick.value.status : tick.reason.code,
  );

describe('4.1 and 4.2: one at a time, first in first out', () => {
  test('ticks of one actor never overlap, whoever asks, and run in order', async () => {
    const { orchestrator, deps, advance } = makeDesk();
    const { actor, seen, door, most } = gated();
    const record = await deps.state.spawn(actor.script, 'g', { id: 'ada' });
    orchestrator.listen();
    orchestrator.startActorLoop(record, 10);
    const ticks = [
      ...Array.from({ length: 500 }, (_, i) =>
        orchestrator.tickActor(record, { userMessage: `direct ${i}` }),
      ),
      orchestrator.deliver('ada', 'delivered'),
    ];
    await deps.bus.send({ from: 'user', to: 'ada', content: 'sent' });
    await advance(10);
    door.open();
    await Promise.all(ticks);
    await advance(0);
    expect(most()).toBe(1);
    expect(seen.filter((text) => text?.startsWith('direct'))).toEqual(
      Array.from({ length: 500 }, (_, i) => `direct ${i}`),
    );
    expect(seen).toHaveLength(503);
  });

  test('different actors run at the same time, up to maxConcurrentTicks, first come first served', async () => {
    const { orchestrator } = makeDesk({ options: { maxConcurrentTicks: 2 } });
    const started: string[] = [];
    const doors = new Map<string, () => void>();
    const tick = (id: string): Promise<TickReport> =>
      orchestrator.tickActor(
        actorOf(
          [
            behavior('wait', 'persistent', async () => {
              started.push(id);
              const { promise, open } = gate();
              doors.set(id, open);
              await promise;
              return { actions: [] };
            }),
          ],
          {},
          id,
        ),
      );
    const ticks = ['a', 'b', 'c', 'd', 'a', 'b'].map(tick);
    const pass = async (id: string): Promise<void> => {
      while (!doors.has(id)) await new Promise((resolve) => setImmediate(resolve));
      doors.get(id)?.();
      doors.delete(id);
      await new Promise((resolve) => setImmediate(resolve));
    };
    await pass('a');
    expect(started).toEqual(['a', 'b', 'c']);
    expect(orchestrator.stats()).toMatchObject({
      running: 2,
      runningActors: ['a', 'b', 'c', 'd'].filter((id) => id === 'b' || id === 'c'),
    });
    for (const id of ['b', 'c', 'd', 'a', 'b']) await pass(id);
    expect(await codes(ticks)).toEqual(Array(6).fill('ok'));
    expect(started).toEqual(['a', 'b', 'c', 'd', 'a', 'b']);
    expect(orchestrator.stats()).toMatchObject({ running: 0, waiting: 0 });
  });

  test.each([
    ['queue', ['ok', 'ok', 'ok', 'mailbox-full'], ['1', '2', '3']],
    ['reject', ['ok', 'actor-busy', 'actor-busy', 'actor-busy'], ['1']],
    ['drop-oldest', ['ok', 'mailbox-dropped', 'ok', 'ok'], ['1', '3', '4']],
    ['coalesce', ['ok', 'ok', 'ok', 'ok'], ['1', '2\n3\n4']],
    ['interrupt', ['cancelled', 'cancelled', 'cancelled', 'ok'], ['4']],
  ] as const)('policy %s with room for two: %j', async (policy, expected, texts) => {
    const { orchestrator } = makeDesk();
    const { actor, seen, door } = gated({ policy, capacity: 2 });
    const ticks = ['1', '2', '3', '4'].map((userMessage) =>
      orchestrator.tickActor(actor, { userMessage }),
    );
    door.open();
    expect(await codes(ticks)).toEqual(expected);
    expect(seen).toEqual(texts);
    expect(orchestrator.stats()).toMatchObject({ running: 0, waiting: 0 });
  });

  test('a long queue of ticks that wait for nothing does not pile up on the stack', async () => {
    const { orchestrator } = makeDesk();
    const { actor, door } = gated({ capacity: 50_000 });
    const idle = { ...actor, script: { ...actor.script, talents: [] } };
    const ticks = [orchestrator.tickActor(actor)];
    for (let i = 0; i < 50_000; i += 1) ticks.push(orchestrator.tickActor(idle));
    door.open();
    await Promise.all(ticks);
    expect(orchestrator.stats()).toMatchObject({ running: 0, waiting: 0, ticks: { ok: 50_001 } });
  });

  test('input that has waited longer than ttlMs is answered, not ticked', async () => {
    const { orchestrator, advance } = makeDesk();
    const { actor, seen, door } = gated({ ttlMs: 100 });
    const ticks = ['1', '2'].map((userMessage) => orchestrator.tickActor(actor, { userMessage }));
    await advance(101);
    door.open();
    expect(await codes(ticks)).toEqual(['ok', 'message-expired']);
    expect(seen).toEqual(['1']);
    expect((await orchestrator.tickActor(actor, { userMessage: '3' })).status).toBe('ok');
  });

  test('an actor whose input was withdrawn while it waited for room never ticks twice at once', async () => {
    const { orchestrator } = makeDesk({ options: { maxConcurrentTicks: 2 } });
    const [x, y, b] = [gated(undefined, 'x'), gated(undefined, 'y'), gated(undefined, 'b')];
    const others = [orchestrator.tickActor(x.actor), orchestrator.tickActor(y.actor)];
    const caller = new AbortController();
    const withdrawn = orchestrator.tickActor(b.actor, { userMessage: '1', signal: caller.signal });
    caller.abort();
    const ticks = [orchestrator.tickActor(b.actor, { userMessage: '2' })];
    x.door.open();
    await others[0];
    ticks.push(orchestrator.tickActor(b.actor, { userMessage: '3' }));
    y.door.open();
    await others[1];
    expect(b.most()).toBe(1);
    b.door.open();
    expect(await codes([withdrawn, ...ticks])).toEqual(['cancelled', 'ok', 'ok']);
    expect(b.most()).toBe(1);
    expect(b.seen).toEqual(['2', '3']);
  });

  test('a caller that gives up while waiting is answered at once', async () => {
    const { orchestrator } = makeDesk();
    const { actor, seen, door } = gated();
    const first = orchestrator.tickActor(actor, { userMessage: '1' });
    const caller = new AbortController();
    const second = orchestrator.tickActor(actor, { userMessage: '2', signal: caller.signal });
    caller.abort();
    expect((await second).status).toBe('cancelled');
    door.open();
    await first;
    expect(seen).toEqual(['1']);
  });

  test('dropped and refused bus messages end as dead letters with their reason', async () => {
    const { orchestrator, deps, advance, events } = makeDesk();
    const { actor, door } = gated({ policy: 'drop-oldest', capacity: 1 });
    await deps.state.spawn(actor.script, 'g', { id: 'ada' });
    orchestrator.listen();
    for (const content of ['1', '2', '3'])
      await deps.bus.send({ from: 'user', to: 'ada', content });
    await advance(0);
    door.open();
    await advance(0);
    const letters = await deps.bus.deadLetters?.list();
    expect(letters?.map(({ message, reason }) => [message.content, reason.code])).toEqual([
      ['2', 'mailbox-dropped'],
    ]);
    expect(events.filter(({ type }) => type === 'message-dead')).toHaveLength(1);
    expect(orchestrator.stats().deadLetters).toBe(1);
  });

  test('an idle orchestrator remembers no actor', async () => {
    const { orchestrator } = makeDesk();
    for (let i = 0; i < 1_000; i += 1) await orchestrator.tickActor(actorOf([], {}, `a${i}`));
    expect(orchestrator.stats()).toMatchObject({ running: 0, waiting: 0, runningActors: [] });
  });
});

describe('4.3 re-entrancy', () => {
  test('a plan or a tool that asks for a tick of its own actor gets tick-reentrant', async () => {
    const errors: unknown[] = [];
    const desk = makeDesk({
      tool: async () => desk.orchestrator.tickActor(actor, { userMessage: 'again' }),
    });
    const actor: Actor = actorOf([
      behavior('selfish', 'active', async () => {
        await desk.orchestrator
          .tickActor(actor, { userMessage: 'again' })
          .catch((error) => errors.push(error.code));
        return { actions: [{ type: 'tool', name: 'tick me', args: {} }] };
      }),
    ]);
    const report = await desk.orchestrator.tickActor(actor, { userMessage: 'go' });
    expect(errors).toEqual(['tick-reentrant']);
    expect(report.outcomes[0]).toMatchObject({
      status: 'failed',
      error: { code: 'tick-reentrant' },
    });
  });

  test('also by way of another actor', async () => {
    const { orchestrator } = makeDesk();
    const calling = (id: string, other: () => Actor): Actor =>
      actorOf(
        [
          behavior('call', 'persistent', async () => {
            await orchestrator.tickActor(other());
            return { actions: [] } satisfies Plan;
          }),
        ],
        {},
        id,
      );
    const a: Actor = calling('a', () => b);
    const b: Actor = calling('b', () => a);
    const report = await orchestrator.tickActor(a);
    expect(report.status).toBe('ok');
    // The tick of b failed, and b's failure is b's own affair.
    expect(orchestrator.stats().ticks).toMatchObject({ ok: 1, failed: 1 });
  });

  test('a message to oneself is a message like any other', async () => {
    const { orchestrator, deps, advance } = makeDesk();
    const heard: string[] = [];
    const talk = behavior('talk', 'active', ({ userMessage, actor }) => {
      heard.push(userMessage as string);
      return {
        actions: heard.length < 3 ? [{ type: 'message', target: actor.id, content: 'next' }] : [],
      };
    });
    const { id } = await deps.state.spawn(script([talk]), 'g');
    orchestrator.listen();
    await orchestrator.deliver(id, 'first');
    await advance(0);
    expect(heard).toEqual(['first', 'next', 'next']);
  });
});

describe('4.4 listen and deliver', () => {
  test('a message to an actor ticks it with the text and the message; others are left alone', async () => {
    const { orchestrator, deps, advance, events } = makeDesk();
    const inputs: unknown[] = [];
    const look = behavior('look', 'active', ({ userMessage, message }) => {
      inputs.push({ userMessage, from: message?.from, id: message?.id });
      return { actions: [say('reply')] };
    });
    const { id } = await deps.state.spawn(script([look]), 'g');
    const end = orchestrator.listen();
    const sent = await deps.bus.send({ from: 'bob', to: id, content: 'hi' });
    await deps.bus.send({ from: 'bob', to: 'stranger', content: 'hi' });
    await advance(0);
    expect(inputs).toEqual([{ userMessage: 'hi', from: 'bob', id: sent.id }]);
    expect(events.find(({ type }) => type === 'message-sent')).toMatchObject({
      causeId: sent.id,
      hops: 1,
    });
    end();
    end();
    await deps.bus.send({ from: 'bob', to: id, content: 'too late' });
    await advance(0);
    expect(inputs).toHaveLength(1);
    await expect(orchestrator.deliver('nobody', 'hi')).rejects.toMatchObject({
      code: 'actor-unknown',
    });
  });

  test('an actor that is paused while its input waits does not tick', async () => {
    const { orchestrator, deps } = makeDesk();
    const { actor, door, seen } = gated();
    const { id } = await deps.state.spawn(actor.script, 'g');
    const ticks = ['1', '2'].map((text) => orchestrator.deliver(id, text));
    await new Promise((resolve) => setImmediate(resolve));
    await deps.state.update(id, { state: 'paused' });
    door.open();
    expect(await codes(ticks)).toEqual(['ok', 'actor-not-runnable']);
    expect(seen).toEqual(['1']);
  });

  test('a broadcast ticks every actor but its sender', async () => {
    const { orchestrator, deps, advance } = makeDesk();
    const heard: string[] = [];
    const listen = behavior('listen', 'active', ({ actor }) => {
      heard.push(actor.id);
      return { actions: [] };
    });
    for (const id of ['a', 'b', 'c']) await deps.state.spawn(script([listen]), 'g', { id });
    orchestrator.listen();
    await deps.bus.send({ from: 'b', to: '*', content: 'all' });
    await advance(0);
    expect(heard).toEqual(['a', 'c']);
  });

  test('a member of a group that stops hands its message back to the others', async () => {
    const { orchestrator, deps, advance } = makeDesk();
    const other = makeOrchestrator(deps);
    const heard: (string | undefined)[] = [];
    const first = behavior('first', 'active', ({ userMessage }) => {
      heard.push(userMessage);
      return heard.length === 1 ? never<Plan>() : { actions: [] };
    });
    const { id } = await deps.state.spawn(script([first]), 'g');
    orchestrator.listen({ group: 'workers' });
    await deps.bus.send({ from: 'user', to: id, content: 'work' });
    await advance(0);
    other.listen({ group: 'workers' });
    const stopping = orchestrator.stop({ timeoutMs: 10 });
    await advance(10);
    expect(await stopping).toEqual({ clean: false, aborted: 1 });
    await advance(1_000);
    expect(heard).toEqual(['work', 'work']);
    expect(other.stats().ticks.ok).toBe(1);
    expect(await deps.bus.deadLetters?.list()).toEqual([]);
  });

  test('a message whose actor cannot be read ends as a dead letter', async () => {
    const desk = makeDesk();
    const orchestrator = makeOrchestrator({
      ...desk.deps,
      state: {
        ...desk.deps.state,
        get: async () => {
          throw new Error('the database is away');
        },
      },
    });
    orchestrator.listen();
    await desk.deps.bus.send({ from: 'user', to: 'ada', content: 'hi' });
    await desk.advance(0);
    expect(await desk.deps.bus.deadLetters?.list()).toMatchObject([
      { reason: { message: 'the database is away' } },
    ]);
  });

  test('in a group, a failed tick is tried again, and then set aside', async () => {
    const { orchestrator, deps, advance } = makeDesk();
    let tries = 0;
    const fail = behavior('fail', 'active', () => {
      tries += 1;
      throw new Error('always');
    });
    const { id } = await deps.state.spawn(script([fail]), 'g');
    orchestrator.listen({ group: 'workers' });
    await deps.bus.send({ from: 'user', to: id, content: 'poison' });
    await advance(600_000);
    expect(tries).toBe(5);
    const letters = await deps.bus.deadLetters?.list();
    expect(letters).toMatchObject([{ attempts: 5, message: { content: 'poison' } }]);
  });

  test.each([undefined, 'workers'])(
    'a message that the budget has no tick for is set aside, not lost (group %s)',
    async (group) => {
      const { orchestrator, deps, advance } = makeDesk();
      const work = behavior('work', 'active', [say('done')]);
      const { id } = await deps.state.spawn(script([work], { budget: { ticks: 1 } }), 'g');
      orchestrator.listen({ group });
      for (const content of ['first', 'second', 'third'])
        await deps.bus.send({ from: 'user', to: id, content });
      await advance(600_000);
      const letters = await deps.bus.deadLetters?.list();
      const of = (content: string) =>
        letters?.find(({ message }) => message.content === content)?.reason.code;
      expect([of('first'), of('second'), of('third')]).toEqual([
        undefined,
        'budget-exhausted',
        'actor-not-runnable',
      ]);
    },
  );
});

describe('4.7 chains of messages', () => {
  test('two actors that answer each other for ever are stopped at maxHops, with the path', async () => {
    const { orchestrator, deps, advance, events } = makeDesk({ options: { maxHops: 10 } });
    const reply = behavior('reply', 'active', ({ message }) => ({
      actions: [{ type: 'message', target: message?.from ?? 'user', content: 'pong' }],
    }));
    for (const id of ['a', 'b']) await deps.state.spawn(script([reply]), 'g', { id });
    orchestrator.listen();
    await deps.bus.send({ from: 'a', to: 'b', content: 'ping' });
    await advance(0);
    expect(events.filter(({ type }) => type === 'message-sent')).toHaveLength(10);
    const [letter, ...more] = (await deps.bus.deadLetters?.list()) ?? [];
    expect(letter).toMatchObject({ reason: { code: 'hops-exceeded' }, message: { hops: 11 } });
    expect(letter?.message.causationId).toBeDefined();
    expect(more).toEqual([]);
    expect(orchestrator.stats().ticks.failed).toBe(1);
  });
});

describe('5.3 stop', () => {
  test('lets running ticks end, answers what waits, and takes no more', async () => {
    const { orchestrator, deps, advance, pendingTimers } = makeDesk();
    const { actor, door, seen } = gated();
    await deps.state.spawn(actor.script, 'g', { id: 'bob' });
    orchestrator.listen();
    orchestrator.startActorLoop(actorOf([], {}, 'loop'), 10);
    const ticks = ['1', '2'].map((userMessage) => orchestrator.tickActor(actor, { userMessage }));
    const stopping = orchestrator.stop();
    expect(orchestrator.stop()).toBe(stopping);
    await deps.bus.send({ from: 'user', to: 'bob', content: 'too late' });
    await expect(orchestrator.tickActor(actor)).rejects.toMatchObject({
      code: 'orchestrator-stopped',
    });
    expect(() => orchestrator.startActorLoop(actor)).toThrow('stopped');
    expect(() => orchestrator.listen()).toThrow('stopped');
    door.open();
    expect(await stopping).toEqual({ clean: true, aborted: 0 });
    expect(await codes(ticks)).toEqual(['ok', 'orchestrator-stopped']);
    await advance(100);
    expect(seen).toEqual(['1']);
    expect(pendingTimers()).toBe(0);
  });

  test('aborts deaf ticks at the deadline', async () => {
    const { orchestrator, advance, pendingTimers } = makeDesk();
    const signals: AbortSignal[] = [];
    const ticking = orchestrator.tickActor(
      actorOf([
        behavior('deaf', 'persistent', ({ signal }) => {
          signals.push(signal);
          return never();
        }),
        behavior('next', 'persistent', [say('not any more')]),
      ]),
    );
    const stopping = orchestrator.stop({ timeoutMs: 500 });
    await advance(499);
    expect(signals[0]?.aborted).toBe(false);
    await advance(1);
    expect(await stopping).toEqual({ clean: false, aborted: 1 });
    expect((await ticking).status).toBe('cancelled');
    expect(signals[0]?.aborted).toBe(true);
    await advance(0);
    expect(pendingTimers()).toBe(0);
  });

  test('closes nothing that was passed in', async () => {
    const { deps, orchestrator } = makeDesk();
    await orchestrator.stop();
    const other = makeOrchestrator(deps);
    expect(
      (await other.tickActor(actorOf([behavior('talk', 'persistent', [say('x')])]))).status,
    ).toBe('ok');
  });
});
