/** H10 beyond the log: where a secret must not come out of a tick, and where it has to stay. */
import { Writable } from 'node:stream';
import { makePinoLog } from '@promethean/adapter-pino-log';
import {
  type Action,
  type ActorRecord,
  type ActorScript,
  type Approval,
  type OrchestratorDeps,
  type PantheonEvent,
  type Tool,
} from '@promethean/pantheon-core';
import {
  makeManualTimers,
  makeMemoryBus,
  makeMemoryJournal,
  makeMemoryTools,
} from '@promethean/pantheon-core/memory';
import { noteFigures } from '@promethean/services/figures';
import { expect, test } from 'vitest';
import { actorOf, behavior, makeDesk } from './desk.ts';

/** Told apart, so that a leak says which one it was. */
const PASSWORD = 'planted-password-1';
const NESTED = 'planted-nested-2';
const SECRETS = [PASSWORD, NESTED];
const REDACT = ['action.args.password', 'action.args.a.b.c.d.e'];
const ARGS = { user: 'ada', password: PASSWORD, a: { b: { c: { d: { e: NESTED } } } } };

const leaksIn = (text: string): number => SECRETS.filter((secret) => text.includes(secret)).length;

/** JSON, and what JSON leaves out: messages and causes of errors. */
const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) =>
    one instanceof Error ? { name: one.name, message: one.message, cause: one.cause } : one,
  );

const TOOLS: readonly Pick<Tool, 'name' | 'approval' | 'timeoutMs' | 'sideEffect' | 'invoke'>[] = [
  { name: 'works', invoke: () => 'done' },
  {
    name: 'throws',
    invoke: () => {
      throw new Error('refused');
    },
  },
  { name: 'hangs', timeoutMs: 100, invoke: () => new Promise(() => undefined) },
  { name: 'asks', approval: 'required', invoke: () => 'done' },
  { name: 'destroys', sideEffect: 'destructive', invoke: () => 'done' },
];

/** An orchestrator that is told the paths, and all that it logs and tells of. */
const makeStage = (redact: readonly string[]) => {
  const timers = makeManualTimers({ startMs: 1_000 });
  const logs: unknown[] = [];
  const events: PantheonEvent[] = [];
  const called: unknown[] = [];
  const tools = makeMemoryTools({ timers });
  for (const tool of TOOLS)
    tools.register({
      description: '',
      parameters: { type: 'object' },
      ...tool,
      invoke: (args, call) => {
        called.push(args);
        return tool.invoke(args, call);
      },
    });
  const journal = makeMemoryJournal({ now: timers.now });
  const bus = makeMemoryBus({ timers, now: timers.now });
  const deps: Partial<OrchestratorDeps> = {
    tools,
    journal,
    bus,
    log: (...line) => void logs.push(line),
    observe: (event) => void events.push(event),
  };
  const desk = makeDesk(deps, { redact, approvalTtlMs: 10_000 }, timers);
  return { ...desk, logs, events, called, journal, bus };
};

const call = (name: string): Action => ({ type: 'tool', name, args: ARGS });

test('H10: what redact names is in no line and no event, whatever becomes of the call', async (context) => {
  const count = async (redact: readonly string[]): Promise<Record<string, number>> => {
    const { orchestrator, deps, timers, logs, events, called } = makeStage(redact);
    const spawn = (script: Partial<ActorScript>, actions: readonly Action[]) => {
      const { script: plain } = actorOf([behavior('act', actions)]);
      return deps.state.spawn({ ...plain, ...script }, 'g');
    };
    const tick = async (actor: ActorRecord): Promise<void> => {
      const ticking = orchestrator.tickActor(actor).catch(() => undefined);
      await timers.advance(200);
      await ticking;
    };
    const broken = { type: 'tool', name: '', args: ARGS } as Action;
    const names = ['works', 'throws', 'hangs', 'destroys', 'nobody'];
    await tick(await spawn({ name: 'all' }, [...names.map(call), broken]));
    await tick(await spawn({ name: 'poor', budget: { toolCalls: 0 } }, [call('works')]));
    await tick(await spawn({ name: 'kept', permissions: { tools: [] } }, [call('works')]));
    for (const name of ['works', 'throws', 'destroys'])
      await orchestrator.executeAction(call(name), actorOf([])).catch(() => undefined);
    for (const decide of ['grant', 'deny', 'expire'] as const) {
      const asking = await spawn({ name: decide }, [call('asks')]);
      await tick(asking);
      const [waiting] = await orchestrator.approvals.list({ actorId: asking.id });
      const { id, digest } = waiting as Approval;
      if (decide === 'grant') await orchestrator.approvals.grant(id, { digest, by: 'eve' });
      if (decide === 'deny') await orchestrator.approvals.deny(id, { by: 'eve' });
      await timers.advance(20_000);
    }
    // The tools got what was meant for them.
    expect(called.filter((args) => leaksIn(textOf(args)) === SECRETS.length).length).toBe(
      called.length,
    );
    return {
      calls: called.length,
      lines: logs.length,
      events: events.length,
      leaks: [...logs, ...events].reduce<number>((sum, one) => sum + leaksIn(textOf(one)), 0),
    };
  };
  const plain = await count([]);
  expect(plain['leaks'], 'without paths the test sees them').toBeGreaterThan(20);
  const figures = await count(REDACT);
  noteFigures(context, 'H10 redact', figures);
  expect(figures).toEqual({ ...plain, leaks: 0 });
});

test('H10: what needs a secret has it, and gives it to the application alone', async (context) => {
  const { orchestrator, deps, logs, events, journal, bus } = makeStage(REDACT);
  const { script } = actorOf([behavior('act', [call('asks')])]);
  const asking = await deps.state.spawn({ ...script, budget: { toolCalls: 1 } }, 'g');
  const report = await orchestrator.tickActor(asking);
  // Whoever decides has to see what is asked for, and a granted call is made from the record.
  const kept: Record<string, unknown> = {
    report,
    approvals: await orchestrator.approvals.list(),
    journal: await journal.read?.(report.tickId),
  };
  // A dead letter is sent again as it was.
  await bus.send({ from: 'ada', to: 'nobody', content: JSON.stringify(ARGS) });
  kept['dead letters'] = await bus.deadLetters.list();
  const missing = Object.keys(kept).filter((place) => leaksIn(textOf(kept[place])) === 0);
  const leaks = [...logs, ...events].reduce<number>((sum, one) => sum + leaksIn(textOf(one)), 0);
  // Of a budget there are figures, and nothing of what was bought with it.
  const budgets = textOf(await orchestrator.budgets.get(asking.id));
  noteFigures(context, 'H10 kept', {
    places: Object.keys(kept).length,
    leaks,
    inBudgets: leaksIn(budgets),
  });
  expect(missing).toEqual([]);
  expect(budgets).toContain('toolCalls');
  expect([leaks, leaksIn(budgets)]).toEqual([0, 0]);
});

test.each([false, true])(
  'H10: what a tool and a plan say in their errors is in no line of a log that knows the secrets, pretty %s',
  async (pretty) => {
    let text = '';
    const destination = new Writable({
      write(chunk: Buffer, _encoding, done) {
        text += chunk.toString();
        done();
      },
    });
    const log = makePinoLog({ destination, pretty, secrets: SECRETS, level: 'debug' });
    const tools = makeMemoryTools();
    tools.register({
      name: 'blurts',
      description: '',
      invoke: () => {
        throw new Error(`refused ${PASSWORD}`, { cause: new Error(encodeURIComponent(NESTED)) });
      },
    });
    const { orchestrator } = makeDesk({ tools, log });
    const fails = behavior('fails', () => {
      throw new Error(`https://ada:${PASSWORD}@example.com/?key=${NESTED}`);
    });
    await orchestrator.tickActor(actorOf([fails, behavior('act', [call('blurts')])]));
    await log.close();
    expect(text).toContain('refused');
    expect(text).toContain('Behavior fails failed');
    expect(leaksIn(text)).toBe(0);
  },
);
