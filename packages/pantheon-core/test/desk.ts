/** A complete set of dependencies for tests: small ports that record what they are asked for, on a clock that the test moves. */
import { makeActorFactory, makeOrchestrator } from '@promethean/pantheon-core';
import type {
  Actor,
  ActorScript,
  Behavior,
  BehaviorMode,
  ContextRequest,
  ILlmPort,
  IToolPort,
  Message,
  Orchestrator,
  OrchestratorDeps,
  OrchestratorOptions,
  OutgoingMessage,
  PantheonEvent,
  Plan,
  PlanInput,
} from '@promethean/pantheon-core';
import {
  makeMemoryBus,
  makeMemoryScheduler,
  makeMemoryState,
} from '@promethean/pantheon-core/memory';
import { makeManualTimers } from '../src/memory/manual-timers.ts';

export interface Desk {
  readonly deps: OrchestratorDeps;
  readonly orchestrator: Orchestrator;
  /** Moves the clock and lets everything that becomes due happen. */
  readonly advance: (ms: number) => Promise<void>;
  readonly pendingTimers: () => number;
  readonly logs: readonly { readonly message: string; readonly meta: unknown }[];
  readonly events: readonly PantheonEvent[];
  readonly sent: readonly OutgoingMessage[];
  readonly invoked: readonly { readonly name: string; readonly args: unknown }[];
  readonly compiled: readonly ContextRequest[];
}

/** What a test may put in the place of the recording ports. */
export interface DeskParts {
  readonly tool?: IToolPort['invoke'];
  readonly tools?: Partial<IToolPort>;
  readonly complete?: ILlmPort['complete'];
  readonly compile?: (request: ContextRequest) => Promise<readonly Message[]>;
  readonly deps?: Partial<OrchestratorDeps>;
  readonly options?: OrchestratorOptions;
}

export const makeDesk = (parts: DeskParts = {}): Desk => {
  const timers = makeManualTimers({ startMs: 1_000 });
  const logs: { message: string; meta: unknown }[] = [];
  const events: PantheonEvent[] = [];
  const sent: OutgoingMessage[] = [];
  const invoked: { name: string; args: unknown }[] = [];
  const compiled: ContextRequest[] = [];
  const bus = makeMemoryBus({ timers, now: timers.now });
  const deps: OrchestratorDeps = {
    now: timers.now,
    log: (message, meta) => logs.push({ message, meta }),
    context: {
      compile: async (request) => {
        compiled.push(request);
        return parts.compile === undefined ? [] : parts.compile(request);
      },
    },
    tools: {
      register: () => {},
      invoke: async (name, args, call) => {
        invoked.push({ name, args });
        return parts.tool === undefined ? `${name} done` : parts.tool(name, args, call);
      },
      ...parts.tools,
    },
    llm: {
      complete: parts.complete ?? (async () => ({ role: 'assistant', content: 'an answer' })),
    },
    bus: {
      ...bus,
      send: (message) => {
        sent.push(message);
        return bus.send(message);
      },
    },
    schedule: makeMemoryScheduler({ timers }),
    state: makeMemoryState({ now: timers.now }),
    observe: (event) => events.push(event),
    ...parts.deps,
  };
  return {
    deps,
    orchestrator: makeOrchestrator(deps, parts.options),
    advance: timers.advance,
    pendingTimers: timers.pending,
    logs,
    events,
    sent,
    invoked,
    compiled,
  };
};

const factory = makeActorFactory();

/** A behavior from what it plans, or from the function that plans. */
export const behavior = (
  name: string,
  mode: BehaviorMode,
  plan: Plan['actions'] | ((input: PlanInput) => Plan | Promise<Plan>),
  more: Partial<Behavior> = {},
): Behavior =>
  factory.createBehavior(
    name,
    mode,
    typeof plan === 'function' ? plan : () => ({ actions: plan }),
    more,
  );

/** A script with these behaviors in one talent. */
export const script = (
  behaviors: readonly Behavior[],
  more: Partial<ActorScript> = {},
): ActorScript => ({
  name: 'tester',
  contextSources: [],
  talents: [factory.createTalent('all', behaviors)],
  ...more,
});

/** An actor that no state port knows. */
export const actorOf = (
  behaviors: readonly Behavior[],
  more: Partial<ActorScript> = {},
  id = 'ada',
): Actor => ({ id, script: script(behaviors, more), goals: ['be useful', 'be brief'] });

/** A message action to `user`. */
export const say = (content: string): { readonly type: 'message'; readonly content: string } => ({
  type: 'message',
  content,
});

/** A promise that the test settles, and one that it never does. */
export const gate = (): { readonly promise: Promise<void>; readonly open: () => void } => {
  let open: () => void = () => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
};
export const never = <T>(): Promise<T> => new Promise<T>(() => {});
