/** One tick: select, compile, plan, act, report. Written to be read from top to bottom. */
import { Actions, statusOf } from './actions.ts';
import { Wait, abortReason, isThenable, onAbort } from './bounds.ts';
import { PantheonError, errorInfo, errorMessage } from './errors.ts';
import type { ErrorInfo } from './errors.ts';
import { assertAction, readPlan } from './guards.ts';
import type { Kernel } from './kernel.ts';
import { lineageOf } from './limits.ts';
import type { Lineage } from './limits.ts';
import { TickPlanInput } from './planning.ts';
import type { PlanScope } from './planning.ts';
import { selectBehaviors } from './selection.ts';
import type {
  Action,
  ActionOutcome,
  Actor,
  Behavior,
  BehaviorReport,
  BusMessage,
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

/** A plan, or why there is none. Held as a value, so that plans that are made ahead do not fail before their turn. */
type Planned = { readonly plan: Plan } | { readonly failure: unknown };

/** One execution cycle of one actor. Used once. */
export class Tick implements PlanScope {
  readonly kernel: Kernel;
  readonly tickId: string;
  readonly actor: Actor;
  readonly lineage: Lineage;
  readonly goal: string;
  readonly userMessage: string | undefined;
  readonly message: BusMessage | undefined;
  readonly caller: Kernel['inside'];
  context: readonly Message[] = [];
  readonly #actions: Actions;
  readonly #wait: Wait;
  readonly #signal: AbortSignal | undefined;
  readonly #behaviors: BehaviorReport[] = [];
  readonly #planned: Action[] = [];
  readonly #outcomes: ActionOutcome[] = [];
  readonly #startedAt: number;
  #usage: Usage = NO_USAGE;
  #exhausted: ErrorInfo | undefined;

  constructor(
    kernel: Kernel,
    actions: Actions,
    actor: Actor,
    input: TickInput | undefined,
    caller: Kernel['inside'],
  ) {
    this.kernel = kernel;
    this.#actions = actions;
    this.actor = actor;
    this.userMessage = input?.userMessage;
    this.message = input?.message;
    this.#signal = input?.signal;
    this.caller = caller;
    this.tickId = kernel.settings.newId(actor);
    this.lineage = lineageOf(actor);
    this.goal = actor.goals.join('; ');
    this.#startedAt = kernel.deps.now();
    this.#wait = new Wait(kernel.clockwork, `the tick of ${actor.id}`, kernel.settings.tickTimeoutMs);
  }

  get actorId(): string {
    return this.actor.id;
  }

  /** The budget that ran out in this tick, where one did. */
  get exhausted(): ErrorInfo | undefined {
    return this.#exhausted;
  }

  addUsage = (usage: Usage): void => {
    const { inputTokens, outputTokens, totalTokens } = this.#usage;
    this.#usage = {
      inputTokens: inputTokens + usage.inputTokens,
      outputTokens: outputTokens + usage.outputTokens,
      totalTokens: totalTokens + usage.totalTokens,
    };
  };

  /** Gives the tick up: aborts what runs, skips the rest. */
  abandon(error: PantheonError): void {
    this.#wait.abandon(error);
  }

  /** Runs the tick. Rejects only when the context cannot be compiled; nothing has run then. */
  async run(): Promise<TickReport> {
    const { kernel, actor, userMessage } = this;
    const hasInput = !!userMessage;
    kernel.log(`Ticking actor: ${actor.id}`, { goals: actor.goals, hasInput });
    kernel.emit(() => ({
      type: 'tick-started',
      at: this.#startedAt,
      actorId: actor.id,
      tickId: this.tickId,
      hasInput,
      causeId: this.message?.id,
    }));
    this.#wait.start();
    const unlink = this.#signal && onAbort(this.#signal, () => this.#cancelledBy(this.#signal));
    try {
      const behaviors = selectBehaviors(actor, hasInput);
      if (behaviors.length > 0 && this.#mayTick()) {
        await this.#compile(userMessage);
        const ahead =
          actor.script.config?.planning === 'parallel' ? behaviors.map((b) => this.#plan(b)) : undefined;
        for (let index = 0; index < behaviors.length && this.#goesOn(); index += 1) {
          await this.#behave(behaviors[index] as Behavior, index, ahead?.[index]);
        }
      }
    } catch (error) {
      // Only the context can fail the tick; given up while compiling, it is reported like any other that was given up.
      if (error !== this.#wait.failure) throw error;
    } finally {
      unlink?.();
      this.#wait.close();
    }
    return this.#report(hasInput);
  }

  #cancelledBy(signal: AbortSignal | undefined): void {
    this.abandon(
      new PantheonError('tick-cancelled', `the tick of ${this.actor.id} was cancelled by its caller`, {
        cause: signal && abortReason(signal),
      }),
    );
  }

  #mayTick(): boolean {
    if (this.#wait.failure !== undefined) return false;
    try {
      this.kernel.ledger.reserve(this.lineage.accounts, 'ticks', 1);
      return true;
    } catch (error) {
      this.#exhausted = errorInfo(error);
      return false;
    }
  }

  #goesOn(): boolean {
    return this.#wait.failure === undefined && this.#exhausted === undefined;
  }

  async #compile(userMessage: string | undefined): Promise<void> {
    const { deps, clockwork } = this.kernel;
    const startedAt = this.kernel.observed ? deps.now() : 0;
    const compiling = deps.context.compile({
      texts: userMessage ? [userMessage] : NO_TEXTS,
      sources: this.actor.script.contextSources,
    });
    this.context = isThenable(compiling)
      ? await new Wait(clockwork, 'compiling the context', Infinity, this.#wait).for(compiling)
      : compiling;
    this.kernel.emit(() => ({
      type: 'context-compiled',
      at: deps.now(),
      actorId: this.actor.id,
      tickId: this.tickId,
      messages: this.context.length,
      durationMs: deps.now() - startedAt,
    }));
  }

  /** One behavior's turn: plan, act, and again as long as it asks for it. */
  async #behave(behavior: Behavior, index: number, ahead?: Promise<Planned>): Promise<void> {
    const startedAt = this.kernel.deps.now();
    const maxRounds = this.actor.script.config?.maxRounds ?? this.kernel.settings.maxRounds;
    let outcomes = NO_OUTCOMES;
    let carry: unknown;
    let round = 0;
    let failure: unknown;
    for (;;) {
      const planned = await (ahead ?? this.#plan(behavior, round, outcomes, carry));
      ahead = undefined;
      round += 1;
      if ('failure' in planned) {
        failure = planned.failure;
        break;
      }
      const { plan } = planned;
      outcomes = await this.#act(behavior, plan.actions, `${this.tickId}/${index}/${round - 1}`, round - 1);
      if (plan.again !== true || !this.#goesOn()) break;
      if (round >= maxRounds) {
        failure = new PantheonError(
          'rounds-exceeded',
          `behavior ${behavior.name} asked for another round after ${round}; raise maxRounds if it needs more`,
          { details: { maxRounds } },
        );
        break;
      }
      carry = plan.carry;
    }
    const failed = failure !== undefined && this.#noteFailure(behavior, failure);
    this.#behaviors.push({
      name: behavior.name,
      mode: behavior.mode,
      rounds: round,
      durationMs: this.kernel.deps.now() - startedAt,
      ...(failed === false ? undefined : { error: failed }),
    });
  }

  #noteFailure(behavior: Behavior, failure: unknown): ErrorInfo {
    const info = errorInfo(failure);
    if (info.code === 'budget-exhausted') this.#exhausted = info;
    this.kernel.log(`Behavior ${behavior.name} failed`, { error: info.message });
    return info;
  }

  async #plan(
    behavior: Behavior,
    round = 0,
    outcomes = NO_OUTCOMES,
    carry: unknown = undefined,
  ): Promise<Planned> {
    const { kernel } = this;
    const startedAt = kernel.observed ? kernel.deps.now() : 0;
    const wait = new Wait(
      kernel.clockwork,
      `the plan of ${behavior.name}`,
      kernel.settings.planTimeoutMs,
      this.#wait,
    );
    let planned: Planned;
    try {
      const plan = this.#callPlan(behavior, new TickPlanInput(this, wait, round, outcomes, carry));
      planned = { plan: readPlan(isThenable(plan) ? await wait.for(plan) : plan, behavior.name) };
    } catch (failure) {
      planned = { failure };
    }
    wait.close();
    kernel.emit(() => ({
      type: 'plan-ended',
      at: kernel.deps.now(),
      actorId: this.actor.id,
      tickId: this.tickId,
      behavior: behavior.name,
      round,
      actions: 'plan' in planned ? planned.plan.actions.length : 0,
      durationMs: kernel.deps.now() - startedAt,
      ...('failure' in planned ? { error: errorInfo(planned.failure) } : undefined),
    }));
    return planned;
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
  async #act(
    behavior: Behavior,
    actions: readonly Action[],
    idPrefix: string,
    round: number,
  ): Promise<readonly ActionOutcome[]> {
    const outcomes: ActionOutcome[] = [];
    let stopped = false;
    for (let i = 0; i < actions.length; i += 1) {
      const action = actions[i] as Action;
      const id = `${idPrefix}/${i}`;
      this.#planned.push(action);
      const outcome =
        stopped || !this.#goesOn()
          ? this.#outcome(behavior, round, id, action, 'skipped', this.kernel.deps.now())
          : await this.#execute(behavior, round, id, action, i);
      outcomes.push(outcome);
      this.#outcomes.push(outcome);
      if (outcome.status !== 'ok' && behavior.onActionError === 'stop') stopped = true;
    }
    return outcomes;
  }

  async #execute(
    behavior: Behavior,
    round: number,
    id: string,
    action: Action,
    position: number,
  ): Promise<ActionOutcome> {
    const { kernel, actor } = this;
    const startedAt = kernel.deps.now();
    let outcome: ActionOutcome;
    try {
      assertAction(action, `actions[${position}]`, kernel.isCustomAction);
      kernel.log(`Executing action: ${action.type}`, { actorId: actor.id, action });
      kernel.emit(() => ({
        type: 'action-started',
        at: startedAt,
        actorId: actor.id,
        tickId: this.tickId,
        actionId: id,
        action,
      }));
      const value = this.#actions.execute(action, actor, {
        actionId: id,
        tickId: this.tickId,
        lineage: this.lineage,
        cause: this.message,
        within: this.#wait,
        caller: this,
      });
      outcome = this.#outcome(
        behavior,
        round,
        id,
        action,
        'ok',
        startedAt,
        isThenable(value) ? await value : value,
      );
    } catch (error) {
      const info = errorInfo(error);
      if (info.code === 'budget-exhausted') this.#exhausted = info;
      outcome = this.#outcome(behavior, round, id, action, statusOf(error), startedAt, undefined, info);
      kernel.log(`Action ${outcome.status}: ${String(action?.type)}`, {
        actorId: actor.id,
        error: errorMessage(error),
      });
    }
    kernel.emit(() => ({
      type: 'action-ended',
      at: kernel.deps.now(),
      actorId: actor.id,
      tickId: this.tickId,
      outcome,
    }));
    return outcome;
  }

  #outcome(
    behavior: Behavior,
    round: number,
    id: string,
    action: Action,
    status: ActionOutcome['status'],
    startedAt: number,
    value?: unknown,
    error?: ErrorInfo,
  ): ActionOutcome {
    const outcome = {
      id,
      behavior: behavior.name,
      round,
      action,
      status,
      startedAt,
      durationMs: status === 'skipped' ? 0 : this.kernel.deps.now() - startedAt,
    };
    if (error !== undefined) return { ...outcome, error };
    return value === undefined ? outcome : { ...outcome, value };
  }

  #report(hasInput: boolean): TickReport {
    return {
      tickId: this.tickId,
      actorId: this.actor.id,
      status: this.#status(),
      hasInput,
      behaviors: this.#behaviors,
      actions: this.#planned,
      outcomes: this.#outcomes,
      startedAt: this.#startedAt,
      durationMs: this.kernel.deps.now() - this.#startedAt,
      usage: this.#usage,
    };
  }

  #status(): TickStatus {
    if (this.#wait.failure !== undefined) {
      return this.#wait.failure.code === 'timeout' ? 'timeout' : 'cancelled';
    }
    if (this.#exhausted !== undefined) return 'budget';
    const failures =
      this.#behaviors.filter(({ error }) => error !== undefined).length +
      this.#outcomes.filter(({ status }) => status !== 'ok').length;
    if (failures === 0) return 'ok';
    const successes =
      this.#outcomes.some(({ status }) => status === 'ok') ||
      this.#behaviors.some(
        ({ name, error }) =>
          error === undefined && !this.#outcomes.some(({ behavior }) => behavior === name),
      );
    return successes ? 'partial' : 'failed';
  }
}
