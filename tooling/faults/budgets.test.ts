/** G8: many processes spend one budget at once, to its last unit and never beyond. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePostgresState } from '@promethean/adapter-postgres-state';
import { makeRedisState } from '@promethean/adapter-redis-state';
import { makeSqliteState } from '@promethean/adapter-sqlite-state';
import { noteFigures } from '@promethean/services/figures';
import { describeWithPostgres, describeWithRedis } from '@promethean/services/vitest';
import {
  type ActorScript,
  type IActorStatePort,
  PantheonError,
  type ToolAction,
  errorInfo,
} from '@promethean/pantheon-core';
import { makeMemoryState } from '@promethean/pantheon-core/memory';
import { type TestContext, expect, test } from 'vitest';
import { makeDesk } from './desk.ts';

const LIMIT = 237;
const CONCURRENCY = 50;
const PROCESSES = 3;
const LONG = { timeout: 120_000 };

const spender: ActorScript = {
  name: 'spender',
  version: '1',
  contextSources: [],
  talents: [],
  budget: { toolCalls: LIMIT },
};
const call: ToolAction = { type: 'tool', name: 'use', args: {} };

/** A process, as far as a state port can tell: a connection and an orchestrator of its own. */
type Connect = () => IActorStatePort;

const race = async (context: TestContext, connect: Connect): Promise<void> => {
  const opened: IActorStatePort[] = [];
  let conflicts = 0;
  const open = (): IActorStatePort => {
    const state = connect();
    opened.push(state);
    return {
      ...state,
      update: async (...args) => {
        try {
          return await state.update(...args);
        } catch (error) {
          if (PantheonError.is(error, 'state-conflict')) conflicts += 1;
          throw error;
        }
      },
    };
  };
  try {
    let [asked, called] = [0, 0];
    const start = () => {
      const { deps, orchestrator } = makeDesk({ state: open() });
      deps.tools.register({ name: 'use', invoke: () => (called += 1) });
      return { ...deps, orchestrator };
    };
    const processes = Array.from({ length: PROCESSES }, start);
    const [first] = processes as [ReturnType<typeof start>];
    const actor = await first.state.spawn(spender, 'spend');
    // All are connected before the race begins.
    await Promise.all(processes.map(({ state }) => state.get(actor.id)));
    const spend = async ({ orchestrator }: ReturnType<typeof start>): Promise<string> => {
      for (;;) {
        asked += 1;
        try {
          await orchestrator.executeAction(call, actor);
        } catch (error) {
          return errorInfo(error).code;
        }
      }
    };
    const spenders = Array.from({ length: CONCURRENCY }, (_, n) =>
      spend(processes[n % PROCESSES] ?? first),
    );
    const codes = new Set(await Promise.all(spenders));
    const restarted = start();
    const spent = (await restarted.orchestrator.budgets.get(actor.id))?.spent.toolCalls ?? 0;
    const afterRestart = await Promise.allSettled([
      restarted.orchestrator.executeAction(call, actor),
    ]);
    noteFigures(context, 'G8', { limit: LIMIT, asked, spent, called, conflicts });
    expect({ called, spent }).toEqual({ called: LIMIT, spent: LIMIT });
    expect([...codes]).toEqual(['budget-exhausted']);
    expect(afterRestart[0]?.status).toBe('rejected');
  } finally {
    for (const state of opened) await state.close?.();
  }
};

test('G8 a budget in memory', async (context) => {
  const state = makeMemoryState();
  await race(context, () => ({ ...state, close: async () => {} }));
});

test('G8 a budget in an SQLite file', LONG, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'pantheon-budget-'));
  try {
    const path = join(folder, 'actors.db');
    await race(context, () => makeSqliteState({ path, scripts: [spender] }));
  } finally {
    await rm(folder, { recursive: true });
  }
});

describeWithRedis('budgets in Redis', (redis) => {
  test('G8 a budget in Redis', LONG, async (context) => {
    const namespace = `budget-${process.pid}`;
    await race(context, () => makeRedisState({ url: redis().url, scripts: [spender], namespace }));
  });
});

describeWithPostgres('budgets in PostgreSQL', (postgres) => {
  test('G8 a budget in PostgreSQL', LONG, async (context) => {
    const schema = `budget_${process.pid}`;
    await race(context, () =>
      makePostgresState({ url: postgres().url, scripts: [spender], schema }),
    );
  });
});
