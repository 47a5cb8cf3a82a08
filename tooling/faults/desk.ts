/** A set of ports for fault tests: in memory, on a clock that the test moves. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type Actor,
  type Behavior,
  type BehaviorMode,
  type Orchestrator,
  type OrchestratorDeps,
  type OrchestratorOptions,
  type Plan,
  type PlanInput,
  makeActorFactory,
  makeOrchestrator,
} from '@promethean/pantheon-core';
import {
  type ManualTimers,
  makeManualTimers,
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryScheduler,
  makeMemoryState,
  makeMemoryTools,
  makeScriptedLlm,
} from '@promethean/pantheon-core/memory';

export interface Desk {
  readonly timers: ManualTimers;
  readonly deps: OrchestratorDeps;
  readonly orchestrator: Orchestrator;
}

export const makeDesk = (
  deps: Partial<OrchestratorDeps> = {},
  options: OrchestratorOptions = {},
  timers: ManualTimers = makeManualTimers({ startMs: 1_000 }),
): Desk => {
  const all: OrchestratorDeps = {
    now: timers.now,
    log: () => {},
    context: makeMemoryContext(),
    tools: makeMemoryTools({ timers }),
    llm: makeScriptedLlm([]),
    bus: makeMemoryBus({ timers, now: timers.now }),
    schedule: makeMemoryScheduler({ timers }),
    state: makeMemoryState({ now: timers.now }),
    ...deps,
  };
  return { timers, deps: all, orchestrator: makeOrchestrator(all, options) };
};

const factory = makeActorFactory();

type Planner = (input: PlanInput) => Plan | Promise<Plan>;

/** A behavior from what it plans, or from the function that plans. */
export const behavior = (
  name: string,
  plan: Plan['actions'] | Planner,
  mode: BehaviorMode = 'persistent',
): Behavior =>
  factory.createBehavior(name, mode, typeof plan === 'function' ? plan : () => ({ actions: plan }));

/** An actor with these behaviors that no state port knows. */
export const actorOf = (behaviors: readonly Behavior[], id = 'ada'): Actor => ({
  id,
  script: { name: 'tester', contextSources: [], talents: [factory.createTalent('all', behaviors)] },
  goals: ['be useful'],
});

/** What the body leaves unhandled: rejections that nobody takes. */
export const unhandledDuring = async (body: () => Promise<void>): Promise<number> => {
  let unhandled = 0;
  const count = (): void => {
    unhandled += 1;
  };
  // The runner's own listeners would fail the test before it can tell the figure.
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', count);
  try {
    await body();
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  } finally {
    process.off('unhandledRejection', count);
    for (const other of others) process.on('unhandledRejection', other);
  }
  return unhandled;
};

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** The bytes that are in use, without garbage. */
export const heapBytes = (): number => {
  collect();
  return process.memoryUsage().heapUsed;
};
