/** What the parts of one orchestrator share: its dependencies, its settings, its voice and its counters. */
import { Clockwork } from './drive.ts';
import { PantheonError, errorInfo } from './errors.ts';
import type { Observer, PantheonEvent } from './events.ts';
import { isDelay } from './guards.ts';
import { Ledger } from './ledger.ts';
import type {
  DeadLetter,
  IActorStatePort,
  IContextPort,
  IJournalPort,
  ILeasePort,
  ILlmPort,
  IMessageBus,
  IScheduler,
  IToolPort,
  Log,
  Now,
} from './ports.ts';
import { isThenable } from './thenable.ts';
import type { Action, ActionTypes, Actor, ActorScript, TickStatus, Usage } from './types.ts';

/** The ports that an orchestrator works with. */
export type OrchestratorDeps = {
  readonly now: Now;
  readonly log: Log;
  readonly context: IContextPort;
  readonly tools: IToolPort;
  readonly llm: ILlmPort;
  readonly bus: IMessageBus;
  readonly schedule: IScheduler;
  readonly state: IActorStatePort;
  /** Records ticks, so that one that was interrupted is finished and not repeated. Without it, ticks run at least once. */
  readonly journal?: IJournalPort | undefined;
  /**
   * For several processes with the same actors: a tick runs only while its process holds the lease `actor:<id>`, a loop while it
   * holds `loop:<id>`. Without it, ticks of one actor do not overlap within this process.
   */
  readonly leases?: ILeasePort | undefined;
  /** Receives an event for everything of note. Without it, no event is made. */
  readonly observe?: Observer | undefined;
};

/** Runs an action of an application's own type. What it returns is the outcome's value; what it throws, its error. */
export type ActionHandler<A extends Action = Action> = (
  action: A,
  call: { readonly actor: Actor; readonly actionId: string; readonly signal: AbortSignal },
) => unknown;

/** A handler for each of the action types that an application has declared (see `ActionTypes`). */
export type ActionHandlers = {
  readonly [Type in Exclude<keyof ActionTypes, BuiltInAction>]?: ActionHandler<ActionTypes[Type]>;
};
type BuiltInAction = 'message' | 'tool' | 'spawn' | 'wait' | 'remember';

/** Settings of an orchestrator. Times are milliseconds; `Infinity` turns a limit off. */
export interface OrchestratorOptions {
  /** Plans of one behavior in one tick. Default 8. */
  readonly maxRounds?: number | undefined;
  /** Default 120,000. */
  readonly planTimeoutMs?: number | undefined;
  /** Default 60,000. */
  readonly actionTimeoutMs?: number | undefined;
  /** Default 300,000. */
  readonly tickTimeoutMs?: number | undefined;
  /** Ticks of different actors that run at once; further ones wait in the order in which they came. Default 1,024. */
  readonly maxConcurrentTicks?: number | undefined;
  /** Messages in a chain of causes; the next one ends as a dead letter. Default 64. */
  readonly maxHops?: number | undefined;
  /** Generations below an actor that nobody spawned. Default 3. */
  readonly maxSpawnDepth?: number | undefined;
  /** Children of one actor that are neither completed nor failed. Default 16. */
  readonly maxChildren?: number | undefined;
  /**
   * Paths whose values reach neither `log` nor `observe`, such as `action.args.password`; `*` stands for any one key. A path that
   * begins with `action` holds wherever an action is told of: in outcomes and in the reports of ticks as well.
   */
  readonly redact?: readonly string[] | undefined;
  /** Handlers of the application's own action types, by type. */
  readonly actions?: ActionHandlers | undefined;
  /**
   * Makes the ids of ticks. Default: the actor's id, the start of the orchestrator and a counter, which is reproducible; pass a
   * random one (such as `crypto.randomUUID`) where several processes run the same actors.
   */
  readonly newId?: ((actor: Actor) => string) | undefined;
  /** With leases: how long one outlives a process that has died, an integer from 100 to 86,400,000 milliseconds. Default 30,000. */
  readonly leaseTtlMs?: number | undefined;
  /** With a journal: how long a call waits for its approval, in milliseconds; then it is denied. Default 86,400,000 (a day). */
  readonly approvalTtlMs?: number | undefined;
  /**
   * The scripts that actors spawn, other than their own: a plan in the journal names them, and `recover` looks for actors of theirs
   * where the state port keeps those of other applications as well.
   */
  readonly scripts?: readonly ActorScript[] | undefined;
  /** What a model call costs, in the unit of `budget.cost`. */
  readonly estimateCost?: ((usage: Usage, model: string | undefined) => number) | undefined;
}

/** The options with all defaults filled in. */
export type Settings = Required<{
  [K in Exclude<keyof OrchestratorOptions, 'actions'>]: Exclude<OrchestratorOptions[K], undefined>;
}> & { readonly actions: Readonly<Record<string, ActionHandler<never>>> };

/** Figures since the start of the orchestrator; `running`, `waiting` and `loops` are of this moment. */
export interface OrchestratorStats {
  readonly ticks: Readonly<Record<TickStatus | 'rejected', number>>;
  readonly running: number;
  readonly waiting: number;
  readonly loops: number;
  readonly turnsSkipped: number;
  readonly messagesSent: number;
  readonly deadLetters: number;
  /** Results that came after their plan, action or tick had been given up. */
  readonly lateResults: number;
  /** The ids of the actors that are ticking now. */
  readonly runningActors: readonly string[];
}

const settingsOf = (options: OrchestratorOptions, start: number): Settings => {
  const number = (name: keyof OrchestratorOptions, fallback: number, min: number): number => {
    const value: unknown = options[name] ?? fallback;
    if (typeof value !== 'number' || !(value >= min)) {
      throw new PantheonError(
        'option-invalid',
        `options.${name} must be a number of at least ${min}`,
      );
    }
    return value;
  };
  const time = (name: keyof OrchestratorOptions, fallback: number): number => {
    const value: unknown = options[name] ?? fallback;
    if (value !== Infinity && !isDelay(value, 1)) {
      throw new PantheonError(
        'option-invalid',
        `options.${name} must be an integer from 1 to 2147483647, or Infinity for no limit`,
      );
    }
    return value;
  };
  const term = (name: keyof OrchestratorOptions, fallback: number): number => {
    const value: unknown = options[name] ?? fallback;
    if (!isDelay(value, 100) || value > 86_400_000) {
      throw new PantheonError(
        'option-invalid',
        `options.${name} must be an integer from 100 to 86400000 (milliseconds)`,
      );
    }
    return value;
  };
  let count = 0;
  const prefix = `@${start.toString(36)}-`;
  return {
    maxRounds: number('maxRounds', 8, 1),
    planTimeoutMs: time('planTimeoutMs', 120_000),
    actionTimeoutMs: time('actionTimeoutMs', 60_000),
    tickTimeoutMs: time('tickTimeoutMs', 300_000),
    maxConcurrentTicks: number('maxConcurrentTicks', 1_024, 1),
    leaseTtlMs: term('leaseTtlMs', 30_000),
    approvalTtlMs: time('approvalTtlMs', 86_400_000),
    maxHops: number('maxHops', 64, 0),
    maxSpawnDepth: number('maxSpawnDepth', 3, 0),
    maxChildren: number('maxChildren', 16, 0),
    redact: options.redact ?? [],
    actions: options.actions ?? {},
    scripts: options.scripts ?? [],
    newId: options.newId ?? ((actor) => actor.id + prefix + (count += 1).toString(36)),
    estimateCost: options.estimateCost ?? (() => 0),
  };
};

/** Where a path applies: one of an action wherever actions stand. */
const placesOf = (path: string): readonly (readonly string[])[] => {
  const [first, ...rest] = path.split('.') as [string, ...string[]];
  const own = [[first, ...rest]];
  if (first !== 'action') return own;
  const [reported, outcomes] = [
    ['report', 'actions', '*', ...rest],
    ['report', 'outcomes', '*', 'action', ...rest],
  ];
  return [...own, ['outcome', 'action', ...rest], reported, outcomes];
};

const REDACTED = '[redacted]';

/** A copy of `value` without what the path leads to; the value itself where the path leads nowhere. */
const redactPath = (value: unknown, path: readonly string[]): unknown => {
  const [key, ...rest] = path;
  if (key === undefined) return REDACTED;
  if (typeof value !== 'object' || value === null) return value;
  const keys = key === '*' ? Object.keys(value) : Object.hasOwn(value, key) ? [key] : [];
  if (keys.length === 0) return value;
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value)
    ? [...value]
    : { ...value };
  for (const name of keys) {
    (copy as Record<string, unknown>)[name] = redactPath(
      (value as Record<string, unknown>)[name],
      rest,
    );
  }
  return copy;
};

/** Orchestrators of this process. */
let made = 0;

export class Kernel {
  readonly deps: OrchestratorDeps;
  readonly settings: Settings;
  readonly clockwork: Clockwork;
  readonly ledger: Ledger;
  /** Whether anybody wants events; asked before one is made. */
  readonly observed: boolean;
  readonly counts: Record<TickStatus | 'rejected', number> = {
    ok: 0,
    partial: 0,
    failed: 0,
    timeout: 0,
    cancelled: 0,
    budget: 0,
    suspended: 0,
    rejected: 0,
  };
  turnsSkipped = 0;
  messagesSent = 0;
  deadLetters = 0;
  /** The ticks that this orchestrator has open in the journal. */
  readonly openTicks: Set<string> = new Set();
  /** Tells what this orchestrator has recorded from what others have. */
  readonly identity: string;
  /** Whether `stop` has been called: what has not begun does not begin any more. */
  isStopping = false;
  /** Leases that are being given back, by name. */
  readonly releases: Map<string, Promise<void>> = new Map();
  /** The tick in whose plan or tool the program is at this very moment, to recognise a tick that asks for itself. */
  inside: { readonly actorId: string; readonly caller: Kernel['inside'] } | undefined;
  readonly #secrets: readonly (readonly string[])[];

  constructor(deps: OrchestratorDeps, options: OrchestratorOptions) {
    this.deps = deps;
    this.settings = settingsOf(options, deps.now());
    made += 1;
    this.identity = `${deps.now().toString(36)}-${made.toString(36)}`;
    this.clockwork = new Clockwork(deps.schedule);
    this.observed = deps.observe !== undefined;
    this.#secrets = this.settings.redact.flatMap(placesOf);
    this.ledger = new Ledger({
      state: deps.state,
      now: deps.now,
      log: (message, meta) => this.log(message, meta),
      emit: (event) => this.emit(event),
    });
  }

  isCustomAction = (type: string): boolean => Object.hasOwn(this.settings.actions, type);

  /** Writes a record. A log that throws changes nothing. */
  log(message: string, meta: unknown): void {
    try {
      const written: unknown = this.deps.log(message, this.#redacted(meta));
      if (isThenable(written)) written.then(undefined, () => {});
    } catch {
      // The log is where failures are told; there is nobody left to tell this one.
    }
  }

  /**
   * Hands an event to the observer. One that throws changes nothing, and is told in the log. On hot paths ask `observed` first.
   */
  emit(event: PantheonEvent): void {
    const { observe } = this.deps;
    if (observe === undefined) return;
    try {
      const seen: unknown = observe(this.#redacted(event) as PantheonEvent);
      if (isThenable(seen)) seen.then(undefined, () => {});
    } catch (error) {
      this.log('Observer failed', { error: errorInfo(error).message });
    }
  }

  /** Sets a message aside: with the bus, where it keeps dead letters, and in any case visibly. */
  async bury(actorId: string, letter: DeadLetter): Promise<void> {
    this.deadLetters += 1;
    const { message, reason } = letter;
    this.log(`Message ${message.id} set aside`, {
      actorId,
      reason: reason.code,
      error: reason.message,
    });
    this.emit({ type: 'message-dead', at: letter.deadAt, actorId, letter });
    try {
      await this.deps.bus.deadLetters?.add(letter);
    } catch (error) {
      this.log(`Message ${message.id} could not be kept`, {
        actorId,
        error: errorInfo(error).message,
      });
    }
  }

  #redacted(value: unknown): unknown {
    return this.#secrets.length === 0 ? value : this.#secrets.reduce(redactPath, value);
  }
}
