/**
 * One tick: select, compile, plan, act, report. Written to be read from top to bottom.
 *
 * A tick costs little more than the promises of its ports: no timer, no listener and no event is made before it is needed, and
 * the clock is read once after each thing that was waited for.
 */
import type { Actions } from './actions.ts';
import { statusOf } from './actions.ts';
import { Drive, abortReason, isThenable, onAbort } from './drive.ts';
import type { Course } from './drive.ts';
import { PantheonError, errorInfo } from './errors.ts';
import type { ErrorInfo } from './errors.ts';
import type { PantheonEvent } from './events.ts';
import { assertAction, readPlan } from './guards.ts';
import type { Kernel } from './kernel.ts';
import { lineageOf } from './limits.ts';
import type { Lineage } from './limits.ts';
import { TickPlanInput } from './planning.ts';
import type { PlanScope } from './planning.ts';
import type { ContextRequest } from './ports.ts';
import { selectBehaviors } from './selection.ts';
import type { Supervisor } from './supervision.ts';
import type {
  Action,
  ActionOutcome,
  ActionStatus,
  Actor,
  Behavior,
  BehaviorReport,
  BusMessage,
  ContextSource,
  Message,
  Plan,
  TickInput,
  TickReport,
  TickStatus,
  Usage,
} from './types.ts';

const NO_TEXTS: readonly string[] = [];
const NO_OUTCOMES: readonly ActionOutcome[] = [];
const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };

/** A tick that is asked for. */
export interface TickRequest {
  readonly actor: Actor;
  readonly input: TickInput | undefined;
  /** Whether the actor has just been read from the state port. */
  readonly fresh: boolean;
  /** The tick that asks, where the asking happens inside of one. */
  readonly caller: Kernel['inside'];
}

/** Which action of which plan is executed. */
interface Turn {
  readonly behavior: Behavior;
  readonly round: number;
  readonly id: string;
  readonly action: Action;
}

/** The type of something that may not be an action at all: to read it is to run foreign code. */
const typeOf = (action: unknown): string => {
  try {
    return String((action as Action).type);
  } catch {
    return 'unreadable';
  }
};

type EventBody<E = PantheonEvent> = E extends PantheonEvent
  ? Omit<E, 'at' | 'actorId' | 'tickId'>
  : never;

/** Just `{ texts, sources }`, as the specification has it; whose context it is can be read besides. */
class TickContextRequest implements ContextRequest {
  readonly texts: readonly string[];
  readonly sources: readonly ContextSource[];
  readonly #actorId: string;

  constructor(actorId: string, texts: readonly string[], sources: readonly ContextSource[]) {
    this.texts = texts;
    this.sources = sources;
    this.#actorId = actorId;
  }

  get actorId(): string {
    return this.#actorId;
  }
}

/** One execution cycle of one actor. Used once. */
export class Tick implements PlanScope {
  readonly kernel: Kernel;
  readonly tickId: string;
  readonly actor: Actor;
  readonly actorId: string;
  readonly lineage: Lineage;
  readonly goal: string;
  readonly userMessage: string | undefined;
  readonly message: BusMessage | undefined;
  readonly caller: Kernel['inside'];
  context: readonly Message[] = [];
  /** The budget that ran out in this tick, where one did. */
  exhausted: ErrorInfo | undefined = undefined;
  /** What runs this tick; to abandon it is to give the tick up. */
  readonly drive: Drive<TickReport>;
  readonly #actions: Actions;
  readonly #supervisor: Supervisor;
  readonly #fresh: boolean;
  readonly #ended: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #behaviors: BehaviorReport[] = [];
  readonly #outcomes: ActionOutcome[] = [];
  readonly #startedAt: number;
  /** The time at the end of what was last waited for. */
  #now: number;
  #usage: Usage = NO_USAGE;

  /** `ended` is called once, when the actor is free again. */
  constructor(
    kernel: Kernel,
    actions: Actions,
    supervisor: Supervisor,
    { actor, input, fresh, caller }: TickRequest,
    ended: () => void,
  ) {
    this.kernel = kernel;
    this.#actions = actions;
    this.#supervisor = supervisor;
    this.actor = actor;
    this.actorId = actor.id;
    this.userMessage = input?.userMessage;
    this.message = input?.message;
    this.caller = caller;
    this.#signal = input?.signal;
    this.#fresh = fresh;
    this.#ended = ended;
    this.tickId = kernel.settings.newId(actor);
    this.lineage = lineageOf(actor);
    this.goal = actor.goals.join('; ');
    this.#startedAt = kernel.deps.now();
    this.#now = this.#startedAt;
    this.drive = new Drive(
      kernel.clockwork,
      'the tick of',
      actor.id,
      kernel.settings.tickTimeoutMs,
    );
  }

  addUsage(usage: Usage): void {
    const { inputTokens, outputTokens, totalTokens } = this.#usage;
    this.#usage = {
      inputTokens: inputTokens + usage.inputTokens,
      outputTokens: outputTokens + usage.outputTokens,
      totalTokens: totalTokens + usage.totalTokens,
    };
  }

  /** Runs the tick. Rejects when the actor may not tick and when the context cannot be compiled; nothing has run then. */
  start(): Promise<TickReport> {
    return this.drive.run(this.#run());
  }

  *#run(): Course<TickReport> {
    const { kernel, actor, drive } = this;
    const hasInput = !!this.userMessage;
    const unlink = this.#signal && onAbort(this.#signal, () => this.#cancelled());
    let begun = false;
    try {
      if (!this.#supervisor.isSurelyRunnable(actor, this.#fresh)) {
        yield this.#supervisor.assertRunnable(actor, this.#fresh);
      }
      begun = true;
      kernel.log(`Ticking actor: ${actor.id}`, { goals: actor.goals, hasInput });
      if (kernel.observed)
        this.#tell({ type: 'tick-started', hasInput, causeId: this.message?.id });
      const behaviors = selectBehaviors(actor, hasInput);
      if (behaviors.length > 0 && this.#mayStart()) {
        this.context = (yield this.#compile()) as readonly Message[];
        if (kernel.observed) this.#tellCompiled();
        const ahead =
          actor.script.config?.planning === 'parallel' ? this.#planAhead(behaviors) : undefined;
        for (let index = 0; index < behaviors.length && this.#goesOn(); index += 1) {
          yield* this.#behave(behaviors[index] as Behavior, index, ahead?.[index]);
        }
      }
      return yield* this.#conclude(hasInput);
    } catch (error) {
      // Only the context can fail the tick; given up while compiling, it is reported like any other that was given up.
      if (begun && error === drive.failure) return yield* this.#conclude(hasInput);
      drive.conclude();
      if (begun) yield* this.#reject(errorInfo(error));
      throw error;
    } finally {
      unlink?.();
      this.#ended();
    }
  }

  /** Reports, tells, and lets the supervisor judge; from here on the tick is no longer given up. */
  *#conclude(hasInput: boolean): Course<TickReport> {
    const { kernel } = this;
    const report = this.#report(hasInput);
    this.drive.conclude();
    kernel.counts[report.status] += 1;
    if (kernel.observed) this.#tell({ type: 'tick-ended', report });
    const judged = this.#supervisor.judge(this.actor, report, this.exhausted);
    if (judged !== undefined) yield judged;
    return report;
  }

  *#reject(error: ErrorInfo): Course<void> {
    this.kernel.counts.rejected += 1;
    if (this.kernel.observed) this.#tell({ type: 'tick-ended', error });
    yield this.#supervisor.failed(this.actor, error);
  }

  #cancelled(): void {
    this.drive.abandon(
      new PantheonError(
        'tick-cancelled',
        `the tick of ${this.actorId} was cancelled by its caller`,
        {
          cause: this.#signal && abortReason(this.#signal),
        },
      ),
    );
  }

  #mayStart(): boolean {
    if (this.drive.failure !== undefined) return false;
    try {
      this.kernel.ledger.reserve(this.lineage.accounts, 'ticks', 1);
      return true;
    } catch (error) {
      this.exhausted = errorInfo(error);
      return false;
    }
  }

  #goesOn(): boolean {
    return this.drive.failure === undefined && this.exhausted === undefined;
  }

  #compile(): Promise<readonly Message[]> {
    const texts = this.userMessage ? [this.userMessage] : NO_TEXTS;
    return this.kernel.deps.context.compile(
      new TickContextRequest(this.actorId, texts, this.actor.script.contextSources),
    );
  }

  /** Starts all plans at once, each on a drive of its own. Those that fail before their turn are heard when it comes. */
  #planAhead(behaviors: readonly Behavior[]): readonly Promise<Plan>[] {
    const { planTimeoutMs } = this.kernel.settings;
    return behaviors.map((behavior) => {
      const drive = this.drive.fork<Plan>('planning of', behavior.name, planTimeoutMs);
      const planned = drive.run(this.#plan(drive, behavior, 0, NO_OUTCOMES, undefined));
      planned.catch(() => {});
      return planned;
    });
  }

  /** One behavior's turn: plan, act, and again as long as it asks for it. */
  *#behave(behavior: Behavior, index: number, ahead?: Promise<Plan>): Course<void> {
    const { kernel, actor, drive } = this;
    const maxRounds = actor.script.config?.maxRounds ?? kernel.settings.maxRounds;
    const startedAt = this.#now;
    let round = 0;
    let outcomes = NO_OUTCOMES;
    let carry: unknown;
    let error: ErrorInfo | undefined;
    try {
      for (;;) {
        let plan: Plan;
        if (ahead !== undefined && round === 0) {
          drive.step('planning of', behavior.name, Infinity);
          plan = (yield ahead) as Plan;
        } else {
          plan = yield* this.#plan(drive, behavior, round, outcomes, carry);
        }
        round += 1;
        const before = this.#outcomes.length;
        yield* this.#act(behavior, index, round - 1, plan.actions);
        if (plan.again !== true || !this.#goesOn()) break;
        if (round >= maxRounds) {
          throw new PantheonError(
            'rounds-exceeded',
            `behavior ${behavior.name} asked for another round after ${round}; raise maxRounds if it needs more`,
            { details: { maxRounds } },
          );
        }
        outcomes = this.#outcomes.slice(before);
        ({ carry } = plan);
      }
    } catch (failure) {
      error = errorInfo(failure);
      if (error.code === 'budget-exhausted') this.exhausted = error;
      kernel.log(`Behavior ${behavior.name} failed`, { error: error.message });
    }
    const { name, mode } = behavior;
    const report = { name, mode, rounds: round, durationMs: this.#now - startedAt };
    this.#behaviors.push(error === undefined ? report : { ...report, error });
  }

  /** The plan of one round, checked; tells the observer either way. */
  *#plan(
    drive: Pick<Drive<unknown>, 'step'>,
    behavior: Behavior,
    round: number,
    outcomes: readonly ActionOutcome[],
    carry: unknown,
  ): Course<Plan> {
    const { kernel } = this;
    const startedAt = this.#now;
    const step = drive.step('planning of', behavior.name, kernel.settings.planTimeoutMs);
    let actions = 0;
    let error: unknown;
    try {
      const planning = this.#callPlan(
        behavior,
        new TickPlanInput(this, step, round, outcomes, carry),
      );
      const plan = readPlan(isThenable(planning) ? yield planning : planning, behavior.name);
      actions = plan.actions.length;
      return plan;
    } catch (failure) {
      error = failure;
      throw failure;
    } finally {
      this.#now = kernel.deps.now();
      if (kernel.observed) {
        this.#tell({
          type: 'plan-ended',
          behavior: behavior.name,
          round,
          actions,
          durationMs: this.#now - startedAt,
          ...(error === undefined ? undefined : { error: errorInfo(error) }),
        });
      }
    }
  }

  #callPlan(behavior: Behavior, input: TickPlanInput): Plan | Promise<Plan> {
    const outer = this.kernel.inside;
    this.kernel.inside = this;
    try {
      return behavior.plan(input);
    } finally {
      this.kernel.inside = outer;
    }
  }

  /** Executes the actions of one plan in order, each on its own: a failing one does not stop the next. */
  *#act(
    behavior: Behavior,
    index: number,
    round: number,
    actions: readonly Action[],
  ): Course<void> {
    let stopped = false;
    for (let position = 0; position < actions.length; position += 1) {
      const action = actions[position] as Action;
      const id = `${this.tickId}/${index}/${round}/${position}`;
      const turn: Turn = { behavior, round, id, action };
      const startedAt = this.#now;
      let outcome: ActionOutcome;
      if (stopped || !this.#goesOn()) {
        outcome = this.#outcome(turn, 'skipped', startedAt, undefined);
      } else {
        try {
          const value = this.#execute(action, id, position);
          outcome = this.#outcome(turn, 'ok', startedAt, isThenable(value) ? yield value : value);
        } catch (error) {
          outcome = this.#failedOutcome(turn, startedAt, error);
        }
        if (outcome.status !== 'ok' && behavior.onActionError === 'stop') stopped = true;
        if (this.kernel.observed) this.#tell({ type: 'action-ended', outcome });
      }
      this.#outcomes.push(outcome);
    }
  }

  #execute(action: Action, id: string, position: number): unknown {
    const { kernel, actor } = this;
    assertAction(action, `actions[${position}]`, kernel.isCustomAction);
    kernel.log(`Executing action: ${action.type}`, { actorId: actor.id, action });
    if (kernel.observed) this.#tell({ type: 'action-started', actionId: id, action });
    return this.#actions.execute(action, actor, {
      actionId: id,
      tickId: this.tickId,
      lineage: this.lineage,
      cause: this.message,
      drive: this.drive,
      caller: this,
    });
  }

  #outcome(turn: Turn, status: ActionStatus, startedAt: number, value: unknown): ActionOutcome {
    const { behavior, round, id, action } = turn;
    this.#now = this.kernel.deps.now();
    const durationMs = this.#now - startedAt;
    return value === undefined
      ? { id, behavior: behavior.name, round, action, status, startedAt, durationMs }
      : { id, behavior: behavior.name, round, action, status, startedAt, durationMs, value };
  }

  #failedOutcome(turn: Turn, startedAt: number, error: unknown): ActionOutcome {
    const info = errorInfo(error);
    if (info.code === 'budget-exhausted') this.exhausted = info;
    const outcome = this.#outcome(turn, statusOf(error), startedAt, undefined);
    this.kernel.log(`Action ${outcome.status}: ${typeOf(turn.action)}`, {
      actorId: this.actorId,
      error: info.message,
    });
    return { ...outcome, error: info };
  }

  #report(hasInput: boolean): TickReport {
    return {
      tickId: this.tickId,
      actorId: this.actorId,
      status: this.#status(),
      hasInput,
      behaviors: this.#behaviors,
      actions: this.#outcomes.map(({ action }) => action),
      outcomes: this.#outcomes,
      startedAt: this.#startedAt,
      durationMs: this.#now - this.#startedAt,
      usage: this.#usage,
    };
  }

  #status(): TickStatus {
    const { failure } = this.drive;
    if (failure !== undefined) return failure.code === 'timeout' ? 'timeout' : 'cancelled';
    if (this.exhausted !== undefined) return 'budget';
    const isOk = ({ status }: ActionOutcome): boolean => status === 'ok';
    if (this.#outcomes.every(isOk) && this.#behaviors.every(({ error }) => error === undefined))
      return 'ok';
    // A behavior that had nothing to do succeeded too.
    const idle = this.#behaviors.some(
      ({ name, error }) =>
        error === undefined && !this.#outcomes.some(({ behavior }) => behavior === name),
    );
    return idle || this.#outcomes.some(isOk) ? 'partial' : 'failed';
  }

  #tellCompiled(): void {
    this.#now = this.kernel.deps.now();
    this.#tell({
      type: 'context-compiled',
      messages: this.context.length,
      durationMs: this.#now - this.#startedAt,
    });
  }

  #tell(body: EventBody): void {
    const { kernel, actorId, tickId } = this;
    kernel.emit({ at: kernel.deps.now(), actorId, tickId, ...body } as PantheonEvent);
  }
}
