/** A recorded tick that is run once more, from some step on, with another script. */
import { expect, test } from 'vitest';
import { makeOrchestrator } from '@promethean/pantheon-core';
import type { Action, ActorScript, BusMessage, Plan } from '@promethean/pantheon-core';
import {
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryJournal,
  makeMemoryScheduler,
  makeMemoryState,
  makeMemoryTools,
} from '@promethean/pantheon-core/memory';

const call = (name: string, args: Record<string, unknown> = {}): Action => ({
  type: 'tool',
  name,
  args,
});
const say = (content: string): Action => ({ type: 'message', content });

const makeWorld = () => {
  const calls: string[] = [];
  const sent: BusMessage[] = [];
  const plans: string[] = [];
  const bus = makeMemoryBus();
  bus.subscribe((message) => sent.push(message));
  const tools = makeMemoryTools();
  for (const name of ['search', 'write', 'fail']) {
    tools.register({
      name,
      invoke: (args) => {
        calls.push(`${name} ${JSON.stringify(args)}`);
        if (name === 'fail') throw new Error('broken');
        return `${name} ${calls.length}`;
      },
    });
  }
  const state = makeMemoryState();
  const journal = makeMemoryJournal();
  const orchestrator = makeOrchestrator({
    now: Date.now,
    log: () => {},
    context: makeMemoryContext(),
    tools,
    llm: { complete: () => Promise.reject(new Error('no model')) },
    bus,
    schedule: makeMemoryScheduler(),
    state,
    journal,
  });
  const scriptOf = (name: string, rounds: readonly (readonly Action[])[]): ActorScript => ({
    name,
    contextSources: [],
    talents: [
      {
        name: 'work',
        behaviors: [
          {
            name: 'act',
            mode: 'persistent',
            plan: ({ round }): Plan => {
              plans.push(`${name} ${round}`);
              return { actions: rounds[round] ?? [], again: round + 1 < rounds.length };
            },
          },
        ],
      },
    ],
  });
  return { calls, sent, plans, state, journal, orchestrator, scriptOf };
};

const first = [call('search', { q: 'kettle' }), say('searching')];
const second = [call('write', { text: 'a kettle' })];

const recorded = async (world: ReturnType<typeof makeWorld>, ...more: readonly Action[][]) => {
  const actor = await world.state.spawn(world.scriptOf('clerk', [first, second, ...more]), 'work');
  const report = await world.orchestrator.tickActor(actor, { userMessage: 'go' });
  world.calls.length = 0;
  world.sent.length = 0;
  world.plans.length = 0;
  return { actor, report };
};

const values = ({ outcomes }: { readonly outcomes: readonly { readonly value?: unknown }[] }) =>
  outcomes.map(({ value }) => (typeof value === 'string' ? value : 'a message'));

test('without a limit nothing is planned, called or sent again', async () => {
  const world = makeWorld();
  const { report } = await recorded(world);
  const fork = await world.orchestrator.fork(report.tickId);
  expect(fork.tickId).not.toBe(report.tickId);
  expect(values(fork)).toEqual(values(report));
  expect([fork.status, fork.hasInput]).toEqual(['ok', true]);
  expect([world.plans, world.calls, world.sent]).toEqual([[], [], []]);
  expect(await world.journal.unfinished()).toEqual([]);
  expect((await world.journal.read(report.tickId))?.attempt).toBe(1);
});

test('from a step on, plans are made anew; what they plan as before is answered from the record', async () => {
  const world = makeWorld();
  const { report } = await recorded(world);
  const steps = (await world.journal.read(report.tickId))?.steps.map(({ name }) => name) ?? [];
  expect(steps[0]).toBe('plan 0/0 #1');
  const fork = await world.orchestrator.fork(report.tickId, { steps: 1 });
  expect(world.plans).toEqual(['clerk 1']);
  expect([world.calls, world.sent]).toEqual([[], []]);
  expect(values(fork)).toEqual(values(report));
});

test('from the first difference on, everything is executed', async () => {
  const world = makeWorld();
  const { report } = await recorded(world);
  const other = world.scriptOf('another', [
    [call('search', { q: 'kettle' }), say('looking')],
    second,
  ]);
  const fork = await world.orchestrator.fork(report.tickId, { steps: 0, script: other });
  expect(world.plans).toEqual(['another 0', 'another 1']);
  expect(world.sent.map(({ content }) => content)).toEqual(['looking']);
  expect(world.calls).toEqual(['write {"text":"a kettle"}']);
  expect(values(fork)[0]).toBe(values(report)[0]);
  const ids = fork.outcomes.map(({ id }) => id);
  expect(ids.every((id) => id.startsWith(`${fork.tickId}/`))).toBe(true);
});

test('a recorded failure is answered too', async () => {
  const world = makeWorld();
  const { report } = await recorded(world, [call('fail')]);
  const fork = await world.orchestrator.fork(report.tickId, { steps: 0 });
  expect(fork.outcomes.at(-1)).toMatchObject({ status: 'failed', error: { code: 'tool-failed' } });
  expect(world.calls).toEqual([]);
});

test('the message of the recorded tick stays with it', async () => {
  const world = makeWorld();
  const actor = await world.state.spawn(world.scriptOf('clerk', [first]), 'work');
  const message: BusMessage = {
    id: 'm1',
    from: 'user',
    to: actor.id,
    content: 'go',
    sentAt: 0,
    hops: 0,
  };
  const input = { userMessage: 'go', message };
  const { tickId } = await world.orchestrator.tickActor(actor, input);
  const fork = await world.orchestrator.fork(tickId, { steps: 1 });
  expect(fork.tickId).not.toBe(tickId);
  const again = await world.orchestrator.tickActor(actor, input);
  expect([again.tickId, again.outcomes]).toEqual([tickId, []]);
});

test('a fork that a process has left is finished as one', async () => {
  const world = makeWorld();
  const { actor, report } = await recorded(world);
  const record = await world.journal.open({ tickId: 'fork', actorId: actor.id, input: {} });
  await record.step('fork', () => ({ of: report.tickId, steps: 1 }));
  const { finished } = await (await world.orchestrator.recover()).ended;
  expect(finished).toMatchObject([{ tickId: 'fork', status: 'ok' }]);
  expect([world.calls, world.sent]).toEqual([[], []]);
});

test('what cannot be forked is refused', async () => {
  const world = makeWorld();
  const { actor, report } = await recorded(world);
  const { fork } = world.orchestrator;
  await expect(fork('nobody')).rejects.toMatchObject({ code: 'tick-unknown' });
  for (const steps of [-1, 1.5, Number.NaN])
    await expect(fork(report.tickId, { steps })).rejects.toMatchObject({ code: 'option-invalid' });
  await expect(fork(report.tickId, { script: {} as never })).rejects.toMatchObject({
    code: 'actor-invalid',
  });
  await world.state.remove?.(actor.id);
  await expect(fork(report.tickId)).rejects.toMatchObject({ code: 'actor-unknown' });
});

test('a fork is merged with no message, and no message with it', async () => {
  const world = makeWorld();
  const plain = world.scriptOf('clerk', [first, second]);
  const actor = await world.state.spawn({ ...plain, mailbox: { policy: 'coalesce' } }, 'work');
  const { tickId } = await world.orchestrator.tickActor(actor, { userMessage: 'go' });
  const ticking = world.orchestrator.tickActor(actor, { userMessage: 'one' });
  const message = { id: 'm2', from: 'user', to: actor.id, content: 'two', sentAt: 0, hops: 0 };
  const before = world.orchestrator.tickActor(actor, { userMessage: 'two', message });
  const fork = world.orchestrator.fork(tickId);
  await Promise.resolve();
  const after = world.orchestrator.tickActor(actor, { userMessage: 'three' });
  const reports = await Promise.all([ticking, before, fork, after]);
  const forks = await Promise.all(
    reports.map(async (report) => {
      const steps = (await world.journal.read(report.tickId))?.steps ?? [];
      return steps.some(({ name }) => name === 'fork');
    }),
  );
  expect(forks).toEqual([false, false, true, false]);
});
