/** Groups G1, G2, G6 and G7: tools that do not let go, actors that multiply, and agents that never come to an end. */
import { makeFunctionTools } from '@promethean/adapter-function-tools';
import {
  type ActorScript,
  type IToolPort,
  type PantheonEvent,
  type Tool,
  makeActorFactory,
  makeLlmBehavior,
} from '@promethean/pantheon-core';
import {
  makeManualTimers,
  makeMemoryBus,
  makeMemoryJournal,
  makeMemoryState,
  makeMemoryTools,
  makeScriptedLlm,
} from '@promethean/pantheon-core/memory';
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { expect, test } from 'vitest';
import { type Desk, actorOf, behavior, heapBytes, makeDesk } from './desk.ts';

const factory = makeActorFactory();

const script = (
  name: string,
  behaviors: ActorScript['talents'][number]['behaviors'],
  more: Partial<ActorScript> = {},
): ActorScript => ({
  name,
  contextSources: [],
  talents: [factory.createTalent('all', behaviors)],
  ...more,
});

/** A port that hands a tool on as it is: nothing but the orchestrator bounds its calls. */
const bare = (tool: Tool): IToolPort => ({
  register: () => {},
  list: () => [tool],
  invoke: async (_, args, call = {}) => tool.invoke(args, call),
});

const PORTS: Readonly<Record<string, (tool: Tool, desk: Pick<Desk, 'timers'>) => IToolPort>> = {
  bare,
  memory: (tool, { timers }) => {
    const tools = makeMemoryTools({ timers });
    tools.register(tool);
    return tools;
  },
  functions: (tool, { timers }) => makeFunctionTools({ tools: [tool], timers }),
};

test.for(Object.keys(PORTS))('G1: ten thousand calls of a deaf tool, %s', async (port, context) => {
  const LIMIT_MS = 100;
  const timers = makeManualTimers({ startMs: 1_000 });
  let waiting: ((value: unknown) => void)[] = [];
  const deaf: Tool = {
    name: 'deaf',
    timeoutMs: LIMIT_MS,
    invoke: () => new Promise((resolve) => waiting.push(resolve)),
  };
  const tools = PORTS[port]!(deaf, { timers });
  // A bus remembers the ids of its last messages; that is not what is measured.
  const bus = makeMemoryBus({ timers, now: timers.now, dedupWindow: 0 });
  // And what nobody takes is kept, as a dead letter.
  bus.subscribe(() => undefined, { to: 'user' });
  const { orchestrator } = makeDesk({ tools, bus }, {}, timers);
  const plan = behavior('call', [
    { type: 'tool', name: 'deaf', args: {} },
    { type: 'message', content: 'went on' },
  ]);
  const actors = Array.from({ length: 500 }, (_, n) => actorOf([plan], `a${n}`));
  const counts = { timeout: 0, wentOn: 0, longestMs: 0 };
  const heaps: number[] = [];
  for (let round = 0; round < 20; round += 1) {
    const ticks = actors.map((actor) => orchestrator.tickActor(actor));
    await timers.advance(LIMIT_MS + 10);
    for (const { outcomes } of await Promise.all(ticks)) {
      const [called, sent] = outcomes;
      if (called?.status === 'timeout' && called.error?.code === 'timeout') counts.timeout += 1;
      if (sent?.status === 'ok') counts.wentOn += 1;
      counts.longestMs = Math.max(counts.longestMs, called?.durationMs ?? 0);
    }
    if (round === 19) break;
    waiting = [];
    heaps.push(heapBytes());
  }
  // The last ones answer after all; what they say is dropped.
  for (const [n, resolve] of waiting.entries()) resolve(`late ${n}`);
  await timers.advance(10);
  const { lateResults, running } = orchestrator.stats();
  const growthKiB = Math.round((heaps.at(-1)! - heaps[4]!) / 1_024);
  noteFigures(context, 'G1', { port, ...counts, late: lateResults, running, growthKiB });
  expect(counts).toEqual({ timeout: 10_000, wentOn: 10_000, longestMs: LIMIT_MS });
  expect(running).toBe(0);
  // A port of ours drops the late ones itself; else the orchestrator does, and counts them.
  if (port === 'bare') expect(lateResults).toBe(500);
  // 7,000 calls: not one of them may leave as much as a closure behind.
  expect(growthKiB).toBeLessThan(400);
});

test.for([false, true])(
  'G2: a tool that has its effect after its time, idempotent: %s',
  async (idempotent, context) => {
    const figures: Record<string, number | string> = {};
    for (const journalled of [false, true]) {
      const timers = makeManualTimers({ startMs: 1_000 });
      const keys: (string | undefined)[] = [];
      let effects = 0;
      const slow: Tool = {
        name: 'slow',
        idempotent,
        timeoutMs: 100,
        invoke: (_, { idempotencyKey }) =>
          new Promise((resolve) => {
            keys.push(idempotencyKey);
            timers.set(() => {
              effects += 1;
              resolve('done');
            }, 150);
          }),
      };
      const statuses: string[] = [];
      const { orchestrator, deps } = makeDesk(
        {
          tools: bare(slow),
          bus: makeMemoryBus({ timers, now: timers.now, maxDeliveries: 5 }),
          ...(journalled && { journal: makeMemoryJournal({ now: timers.now }) }),
          observe: (event: PantheonEvent) => {
            if (event.type === 'action-ended')
              statuses.push(`${event.outcome.status} ${event.outcome.error?.code}`);
          },
        },
        {},
        timers,
      );
      await deps.state.spawn(
        script('caller', [behavior('call', [{ type: 'tool', name: 'slow', args: {} }])]),
        'call',
        { id: 'ada' },
      );
      orchestrator.listen({ group: 'workers' });
      await deps.bus.send({ from: 'user', to: 'ada', content: 'go' });
      // All deliveries and the pauses between them.
      await timers.advance(600_000);
      await orchestrator.stop();
      const how = journalled ? 'journal' : 'plain';
      figures[`${how}Calls`] = keys.length;
      figures[`${how}Keys`] = new Set(keys).size;
      figures[`${how}Effects`] = effects;
      figures[`${how}Statuses`] = [...new Set(statuses)].join(', ');
    }
    noteFigures(context, 'G2', { idempotent: `${idempotent}`, ...figures });
    // Never "ok", and never a plain failure: nobody knows.
    expect(figures['plainStatuses']).toBe('timeout timeout');
    // With a journal the call has been made, whoever asks: once, or again with the same key where that is safe.
    if (idempotent) expect(figures).toMatchObject({ journalKeys: 1 });
    else expect(figures).toMatchObject({ journalCalls: 1, journalKeys: 1, journalEffects: 1 });
  },
);

/** A spawns B spawns A, five at each tick, and everybody has a loop. */
const breeders = (): { readonly root: ActorScript; readonly all: readonly ActorScript[] } => {
  const brood: { other?: ActorScript } = {};
  const spawnFive = (of: () => ActorScript) =>
    behavior('multiply', () => ({
      actions: Array.from({ length: 5 }, (_, n) => ({
        type: 'spawn' as const,
        actor: of(),
        goal: `child ${n}`,
      })),
    }));
  const loop = { intervalMs: 100 };
  const a: ActorScript = script('a', [spawnFive(() => brood.other as ActorScript)], { loop });
  brood.other = script('b', [spawnFive(() => a)], { loop });
  return { root: a, all: [a, brood.other] };
};

test('G6: actors that spawn each other without end', async (context) => {
  const timers = makeManualTimers({ startMs: 1_000 });
  const state = makeMemoryState({ now: timers.now });
  const limits = { maxSpawnDepth: 3, maxChildren: IS_FULL ? 16 : 6 };
  const most = 1 + limits.maxChildren + limits.maxChildren ** 2 + limits.maxChildren ** 3;
  const { root, all } = breeders();
  let denied = 0;
  const observe = (event: PantheonEvent): void => {
    if (event.type !== 'action-ended') return;
    if (event.outcome.status === 'denied' && event.outcome.error?.code === 'spawn-limit')
      denied += 1;
  };
  const options = { ...limits, scripts: all, maxConcurrentTicks: 10_000 };
  const first = makeDesk({ state, observe }, options, timers);
  const parent = await state.spawn(root, 'multiply', { id: 'eve' });
  first.orchestrator.startActorLoop(parent, 100);
  await timers.advance(3_000);
  const actors = (await state.list()).length;
  const loops = first.orchestrator.stats().loops;
  await first.orchestrator.stop();

  // Another process: the family is at work again.
  const second = makeDesk({ state, observe }, options, timers);
  await (
    await second.orchestrator.recover()
  ).ended;
  second.orchestrator.startActorLoop(parent, 100);
  await timers.advance(500);
  const loopsAfterRestart = second.orchestrator.stats().loops;
  // Their parent ends, and nobody tells the others.
  await state.update('eve', { state: 'completed' });
  await timers.advance(1_000);
  const ticksBefore = Object.values(second.orchestrator.stats().ticks).reduce((a, b) => a + b);
  await timers.advance(1_000);
  const ticksAfter = Object.values(second.orchestrator.stats().ticks).reduce((a, b) => a + b);
  const alive = second.orchestrator.stats().loops;
  await second.orchestrator.stop();

  // And another one, which has seen nothing of it.
  const third = makeDesk({ state, observe }, options, timers);
  await (
    await third.orchestrator.recover()
  ).ended;
  await timers.advance(1_000);
  const aliveAfterRestart = third.orchestrator.stats().loops;
  await third.orchestrator.stop();
  const idle = (await state.list({ state: 'idle' })).length;
  noteFigures(context, 'G6', {
    actors,
    limit: most,
    denied,
    loops,
    loopsAfterRestart,
    alive,
    aliveAfterRestart,
    idle,
  });
  expect(actors).toBeLessThanOrEqual(most);
  expect(denied).toBeGreaterThan(0);
  // It was a family at work, or there would be nothing to stop.
  expect([loops, loopsAfterRestart]).toEqual([actors, actors]);
  expect([alive, ticksAfter - ticksBefore, aliveAfterRestart, idle]).toEqual([0, 0, 0, 0]);
}, 120_000);

test('G7: a model that always asks for one more tool', async (context) => {
  const answers = Array.from({ length: 500 }, (_, n) => ({
    role: 'assistant' as const,
    content: '',
    toolCalls: [{ id: `c${n}`, name: 'look', args: {} }],
    usage: { inputTokens: 5, outputTokens: 5, totalTokens: 10 },
  }));
  const llm = makeScriptedLlm(answers);
  let calls = 0;
  const events: PantheonEvent[] = [];
  const desk = makeDesk(
    {
      llm,
      tools: bare({ name: 'look', sideEffect: 'none', invoke: () => (calls += 1) }),
      observe: (event) => void events.push(event),
    },
    { estimateCost: ({ totalTokens }) => totalTokens / 1_000 },
  );
  const insatiable = makeLlmBehavior({ mode: 'persistent', maxToolRounds: 1_000 });
  const free = await desk.orchestrator.tickActor({ ...actorOf([insatiable]), id: 'free' });
  const roundsOfOneTick = calls;
  const bounded = await desk.deps.state.spawn(
    script('bounded', [insatiable], { budget: { tokens: 300, toolCalls: 20, cost: 1 } }),
    'look',
    { id: 'bounded' },
  );
  const stop = desk.orchestrator.startActorLoop(bounded, 10);
  await desk.timers.advance(5_000);
  stop();
  const spent = llm.calls.length - roundsOfOneTick;
  const told = events.filter(({ type }) => type === 'budget-exhausted').length;
  const record = await desk.deps.state.get('bounded');
  noteFigures(context, 'G7', {
    what: 'one more tool',
    rounds: roundsOfOneTick,
    error: `${free.behaviors[0]?.error?.code}`,
    modelCalls: spent,
    toolCalls: calls - roundsOfOneTick,
    told,
    state: `${record?.state}`,
  });
  expect(free.behaviors[0]?.error?.code).toBe('rounds-exceeded');
  expect(roundsOfOneTick).toBe(8);
  expect(calls - roundsOfOneTick).toBeLessThanOrEqual(20);
  expect(spent).toBeLessThanOrEqual(30);
  expect(told).toBeGreaterThanOrEqual(1);
  expect(record?.state).toBe('paused');
});

test('G7: messages that never end', async (context) => {
  const events: PantheonEvent[] = [];
  const desk = makeDesk({ observe: (event) => void events.push(event) });
  const talker = (name: string, target: string): ActorScript =>
    script(name, [behavior('talk', [{ type: 'message', target, content: 'and you?' }])]);
  const { state, bus } = desk.deps;
  await state.spawn(talker('narcissus', 'narcissus'), 'talk', { id: 'narcissus' });
  await state.spawn(talker('ada', 'bob'), 'talk', { id: 'ada' });
  await state.spawn(talker('bob', 'ada'), 'talk', { id: 'bob' });
  desk.orchestrator.listen();
  await bus.send({ from: 'user', to: 'narcissus', content: 'hello' });
  await bus.send({ from: 'user', to: 'ada', content: 'hello' });
  await desk.timers.advance(60_000);
  const dead = events.flatMap((event) => (event.type === 'message-dead' ? [event.letter] : []));
  const { messagesSent, running, waiting } = desk.orchestrator.stats();
  noteFigures(context, 'G7', {
    what: 'messages',
    sent: messagesSent,
    dead: dead.length,
    reasons: [...new Set(dead.map(({ reason }) => reason.code))].join(' '),
    hops: Math.max(...dead.map(({ message }) => message.hops)),
  });
  expect(dead.map(({ reason }) => reason.code)).toEqual(['hops-exceeded', 'hops-exceeded']);
  // Two chains; the first message of each is the user's, the one too many is not sent.
  expect(messagesSent).toBe(2 * 64);
  expect([running, waiting]).toEqual([0, 0]);
  expect(await bus.deadLetters?.list()).toHaveLength(2);
});

test('G7: two actors that talk for ever, on one budget', async (context) => {
  const events: PantheonEvent[] = [];
  // Without a limit of hops, the budget is what is left.
  const desk = makeDesk(
    { observe: (event) => void events.push(event) },
    { maxHops: Number.MAX_SAFE_INTEGER },
  );
  const { state, bus } = desk.deps;
  const talk = (target: string) =>
    behavior('talk', [{ type: 'message' as const, target, content: 'and you?' }]);
  for (const [id, other] of [
    ['ada', 'bob'],
    ['bob', 'ada'],
  ] as const)
    await state.spawn(script(id, [talk(other)], { budget: { ticks: 100 } }), 'talk', { id });
  desk.orchestrator.listen();
  await bus.send({ from: 'user', to: 'ada', content: 'hello' });
  await desk.timers.advance(60_000);
  const ticks = desk.orchestrator.stats().ticks;
  const exhausted = events.filter(({ type }) => type === 'budget-exhausted').length;
  const paused = (await state.list({ state: 'paused' })).map(({ id }) => id);
  noteFigures(context, 'G7', { what: 'budget', ok: ticks.ok, exhausted, paused: paused.join(' ') });
  expect(ticks.ok).toBe(200);
  expect([exhausted, paused]).toEqual([1, ['ada']]);
});
