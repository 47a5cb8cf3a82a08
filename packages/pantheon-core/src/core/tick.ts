/**
 * One tick: select, compile, plan, act, report. Written to be read from top to bottom.
 *
 * A tick costs little more than the promises of its ports: no timer, no listener and no event is made before it is needed, and
 * the clock is read once after each thing that was waited for.
 */
import type { Actions } from './actions.ts';
import { statusOf } from './actions.ts';
import { ApprovalPending } from './approvals.ts';
import type { ApprovalGate } from './approvals.ts';
import { Drive, abortReason, onAbort } from './drive.ts';
import type { Course } from './drive.ts';
import { PantheonError, errorInfo, errorMessage } from './errors.ts';
import type { ErrorInfo } from './errors.ts';
import { assertAction, readPlan } from './guards.ts';
import { Journaled, watched } from './journaling.ts';
import type { Kernel } from './kernel.ts';
import { Hold } from './leasing.ts';
import { lineageOf } from './limits.ts';
import type { Lineage } from './limits.ts';
import { TickContextRequest, TickPlanInput } from './planning.ts';
import type { PlanScope } from './planning.ts';
import { openTick } from './opening.ts';
import type { Opened, TickRequest } from './opening.ts';
import type { IJournalPort, ILeasePort } from './ports.ts';
import { selectBehaviors } from './selection.ts';
import type { Supervisor } from './supervision.ts';
import { Tally } from './tally.ts';
import { isThenable } from './thenable.ts';
import { Turn } from './turn.ts';
import type {
  Action,
  ActionOutcome,
  ActionStatus,
  Actor,
  Behavior,
  BusMessage,
  Message,
  Plan,
  TickReport,
  TickStatus,
  Usage,
} from './types.ts';

const NO_TEXTS: readonly string[] = [];
const NO_BEHAVIORS: readonly Behavior[] = [];

/** The type of something that may not be an action at all: to read it is to run foreign code. */
const typeOf = (action: unknown): string => {
  try {
    return String((action as Action).type);
  } catch {
    return 'unreadable';
  }
};

/** One execution cycle of one actor. Used once. */
export class Tick implements PlanScope {
  readonly kernel: Kernel;
  /** With a journal it is known for good when the tick has been opened. */
  tickId: string;
  readonly actor: Actor;
  readonly actorId: string;
  readonly lineage: Lineage;
  readonly goal: string;
  readonly hasInput: boolean;
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
  readonly #request: TickRequest;
  readonly #ended: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #tally = new Tally();
  readonly #startedAt: number;
  /** The time at the end of what was last waited for. */
  #now: number;
  /** Whether a plan said that the actor is done. */
  #isComplete = false;
  /** With a journal. */
  #journaled: Journaled | undefined = undefined;
  #isSuspended = false;
  /** With leases. */
  #hold: Hold | undefined = undefined;

  /** `ended` is called once, when the actor is free again. */
  constructor(
    kernel: Kernel,
    actions: Actions,
    supervisor: Supervisor,
    request: TickRequest,
    ended: () => void,
  ) {
    const { actor, input } = request;
    this.#request = request;
    this.kernel = kernel;
    this.#actions = actions;
    this.#supervisor = supervisor;
    this.actor = actor;
    this.actorId = actor.id;
    this.userMessage = input?.userMessage;
    this.hasInput = !!this.userMessage;
    this.message = input?.message;
    this.caller = request.caller;
    this.#signal = input?.signal;
    this.#ended = ended;
    this.tickId = request.resumed?.tickId ?? kernel.settings.newId(actor);
    this.lineage = lineageOf(actor);
    this.goal = actor.goals.length === 1 ? (actor.goals[0] as string) : actor.goals.join('; ');
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
    this.#tally.addUsage(usage);
  }

  /** Runs the tick. Rejects when the actor may not tick and when the context cannot be compiled; nothing has run then. */
  start(): Promise<TickReport> {
    return this.drive.run(this.#run());
  }

  // One generator for all of it: with generators below this one, every wait would pass through each of them. What need not wait
  // has a method of its own.
  *#run(): Course<TickReport> {
    const { actor, drive } = this;
    const unlink = this.#signal && onAbort(this.#signal, () => this.#cancelled());
    try {
      // Given up while it makes ready, a tick is reported like any other that was given up; it runs nothing.
      let isReady = true;
      try {
        const { journal, leases } = this.kernel.deps;
        if (leases !== undefined && drive.failure === undefined) yield this.#take(leases);
        // Whoever had the lease may have changed the actor.
        const fresh = this.#request.fresh && leases === undefined;
        if (!this.#supervisor.isSurelyRunnable(actor, fresh)) {
          yield this.#supervisor.assertRunnable(actor, fresh);
        }
        if (journal !== undefined && this.#goesOn()) {
          const status = this.#opened((yield this.#open(journal)) as Opened);
          if (status !== undefined) return { ...this.#report(), status };
        }
      } catch (error) {
        if (error !== drive.failure) throw error;
        isReady = false;
      }
      const behaviors = this.#begin();
      if (behaviors.length > 0) {
        try {
          if (this.lineage.accounts.length > 0) yield this.#pay();
          if (this.#goesOn()) this.#compiled(yield this.#compile());
        } catch (error) {
          // Only the context can fail the tick; given up while compiling, it is reported like any other that was given up.
          if (error !== drive.failure) {
            drive.conclude();
            yield* this.#settle(this.#rejected(errorInfo(error)));
            if (this.#journaled !== undefined) yield this.#complete(this.#journaled, 'failed');
            throw error;
          }
        }
      }
      const ahead = this.#planAhead(behaviors);
      for (let index = 0; index < behaviors.length && this.#goesOn(); index += 1) {
        const turn = new Turn(behaviors[index] as Behavior, index, this.#now);
        try {
          do {
            const planning = this.#plan(turn, ahead?.[index]);
            const actions = this.#planned(turn, isThenable(planning) ? yield planning : planning);
            for (let position = 0; position < actions.length; position += 1) {
              const action = actions[position] as Action;
              const id = turn.prefix + position;
              const startedAt = this.#now;
              if (turn.stopped || !this.#goesOn()) {
                this.#note(turn, id, action, 'skipped', startedAt, undefined);
                continue;
              }
              try {
                const value =
                  this.#journaled === undefined
                    ? this.#execute(action, id, position, drive)
                    : this.#executeOnce(action, id, position);
                this.#note(
                  turn,
                  id,
                  action,
                  'ok',
                  startedAt,
                  isThenable(value) ? yield value : value,
                );
              } catch (error) {
                if (error instanceof ApprovalPending)
                  yield this.#suspend(actions, position, turn.prefix, error.expiresAt);
                this.#noteFailure(turn, id, action, startedAt, error);
              }
            }
          } while (this.#goesOnWith(turn));
          this.#tally.addBehavior(turn, this.#now, undefined);
        } catch (error) {
          const failure = this.#failed(turn, error);
          this.#tally.addBehavior(turn, this.#now, failure);
        }
      }
      // What is planned already is recorded before somebody else goes on with the tick.
      if (ahead !== undefined && this.#isSuspended) {
        this.drive.step('planning ahead of', actor.id, Infinity);
        try {
          yield Promise.allSettled(ahead);
        } catch {
          // Given up while it waits: that is in the report.
        }
      }
      const report = this.#conclude();
      // Not the actor's failure: nothing of it has run.
      const judged = isReady
        ? this.#supervisor.judge(actor, report, this.exhausted, this.#isComplete)
        : undefined;
      if (judged !== undefined) yield* this.#settle(judged);
      if (this.#journaled !== undefined && !this.#isInterrupted() && report.status !== 'suspended')
        yield this.#complete(this.#journaled, report.status);
      return report;
    } finally {
      unlink?.();
      this.#hold?.end();
      if (this.#journaled !== undefined) this.kernel.openTicks.delete(this.tickId);
      this.#ended();
    }
  }

  /** Waits until it is stored what the end of the tick means for its actor, but no longer than for an action. */
  *#settle(stored: Promise<void>): Course<void> {
    const { kernel, actorId } = this;
    this.drive.step('storing the end of the tick of', actorId, kernel.settings.actionTimeoutMs);
    try {
      yield stored;
    } catch (error) {
      kernel.log(`The end of a tick of ${actorId} was not stored`, {
        actorId,
        tickId: this.tickId,
        error: errorInfo(error).message,
      });
    }
  }

  #complete(journaled: Journaled, status: TickStatus): Promise<void> {
    this.drive.step('completing the tick of', this.actorId, this.kernel.settings.actionTimeoutMs);
    return journaled.complete(status);
  }

  #take(leases: ILeasePort): Promise<void> {
    const { kernel, actorId } = this;
    this.#hold = new Hold(kernel, leases, actorId, () => this.#leaseLost());
    this.drive.step('waiting for the lease of', actorId, Infinity);
    return this.#hold.take(this.#request.patient ?? true);
  }

  #leaseLost(): void {
    const { kernel, actorId } = this;
    if (this.drive.abandonedFor !== undefined) return;
    kernel.log(`Lease of ${actorId} lost`, { actorId, tickId: this.tickId });
    kernel.emit({ type: 'lease-lost', at: this.#now, actorId, tickId: this.tickId });
    this.drive.abandon(
      new PantheonError(
        'lease-lost',
        `the lease of ${actorId} could not be renewed; another process may have the actor`,
        { retryable: true },
      ),
    );
  }

  #open(journal: IJournalPort): Promise<Opened> {
    const isGivenUp = (): boolean =>
      this.drive.abandonedFor !== undefined && !this.#isInterrupted();
    return openTick(journal, this.tickId, this.#request, isGivenUp);
  }

  /** Whether this tick was given up, but not for good: it is not finished, and the next process goes on with it. */
  #isInterrupted(): boolean {
    const code = this.drive.abandonedFor?.code;
    return code === 'orchestrator-stopped' || code === 'lease-lost' || code === 'unavailable';
  }

  /** Takes the record; returns how the tick ended, where it was done before. */
  #opened({ record, origin, ended }: Opened): TickStatus | undefined {
    this.tickId = record.tickId;
    if (ended !== undefined) return ended;
    this.kernel.openTicks.add(this.tickId);
    const isGivenUp = (): boolean => this.drive.abandonedFor !== undefined;
    const safe = watched(record, (error) => this.#journalFailed(error));
    this.#journaled = new Journaled(safe, this.kernel, this.actor, isGivenUp, origin);
    return undefined;
  }

  /** Gives the tick up; returns why it was. */
  #journalFailed(cause: unknown): PantheonError {
    const { kernel, actorId, tickId, drive } = this;
    if (drive.abandonedFor === undefined) {
      const told = errorMessage(cause);
      kernel.log(`Journal of ${actorId} failed`, { actorId, tickId, error: told });
      const error = new PantheonError(
        'unavailable',
        `the journal failed during the tick of ${actorId}, which is unfinished and goes on with its message or by recover(): ${told}`,
        { retryable: true, cause },
      );
      drive.abandon(error);
      return error;
    }
    return drive.abandonedFor;
  }

  /** What is to run. */
  #begin(): readonly Behavior[] {
    const { kernel, actor, hasInput } = this;
    kernel.log(`Ticking actor: ${actor.id}`, { goals: actor.goals, hasInput });
    if (kernel.observed)
      kernel.emit({
        type: 'tick-started',
        at: this.#now,
        actorId: actor.id,
        tickId: this.tickId,
        hasInput,
        causeId: this.message?.id,
      });
    return this.#goesOn() ? selectBehaviors(actor, hasInput) : NO_BEHAVIORS;
  }

  /** The report; from here on the tick is no longer given up. */
  #conclude(): TickReport {
    const { kernel } = this;
    const report = this.#report();
    this.drive.conclude();
    kernel.counts[report.status] += 1;
    if (kernel.observed)
      kernel.emit({
        type: 'tick-ended',
        at: this.#now,
        actorId: this.actorId,
        tickId: this.tickId,
        report,
      });
    return report;
  }

  #rejected(error: ErrorInfo): Promise<void> {
    const { kernel, actorId, tickId } = this;
    kernel.counts.rejected += 1;
    kernel.emit({ type: 'tick-ended', at: this.#now, actorId, tickId, error });
    return this.#supervisor.failed(this.actor, error);
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

  /** Takes the tick from the budgets; with a journal once, however often the tick is opened. */
  async #pay(): Promise<void> {
    const { ledger } = this.kernel;
    const { accounts } = this.lineage;
    if (!ledger.limits(accounts, 'ticks')) return;
    const pay = (): Promise<void> => ledger.reserve(accounts, { ticks: 1 });
    try {
      await (this.#journaled === undefined ? pay() : this.#journaled.once('budget ticks', pay));
    } catch (error) {
      if (!PantheonError.is(error, 'budget-exhausted')) throw error;
      this.exhausted = errorInfo(error);
    }
  }

  #goesOn(): boolean {
    // A process that was paused hears of the loss later than it goes on.
    if (this.#hold?.isHeld() === false) this.#leaseLost();
    return this.drive.failure === undefined && this.exhausted === undefined && !this.#isSuspended;
  }

  /** Stops at an action that waits for its approval, and asks for those that come later in the same plan. */
  async #suspend(
    actions: readonly Action[],
    position: number,
    prefix: string,
    expiresAt: number,
  ): Promise<void> {
    this.#isSuspended = true;
    const gate = this.#journaled?.gate as ApprovalGate;
    const keyOf = (index: number): string => this.#keyOf(prefix + index);
    for (let later = position + 1; later < actions.length; later += 1) {
      const action = actions[later] as Action;
      if (this.#isSound(action, later) && this.#actions.asksFor(action, this.actor, this.lineage))
        await gate.requestLater(keyOf(later), action);
    }
    await gate.suspend(keyOf(position));
    this.#actions.suspended(this.actor, this.tickId, expiresAt);
  }

  #isSound(action: Action, position: number): boolean {
    try {
      assertAction(action, this.kernel.isCustomAction, position);
      return true;
    } catch {
      return false;
    }
  }

  /** An action's id within its tick. */
  #keyOf(id: string): string {
    return id.slice(this.tickId.length + 1);
  }

  #compile(): Promise<readonly Message[]> {
    const texts = this.userMessage ? [this.userMessage] : NO_TEXTS;
    return this.kernel.deps.context.compile(
      new TickContextRequest(this.actorId, texts, this.actor.script.contextSources),
    );
  }

  #compiled(context: unknown): void {
    this.context = context as readonly Message[];
    if (!this.kernel.observed) return;
    this.#now = this.kernel.deps.now();
    this.kernel.emit({
      type: 'context-compiled',
      at: this.#now,
      actorId: this.actorId,
      tickId: this.tickId,
      messages: this.context.length,
      durationMs: this.#now - this.#startedAt,
    });
  }

  /** Where the script wants it: starts all plans at once, each on a drive of its own. Those that fail are heard at their turn. */
  #planAhead(behaviors: readonly Behavior[]): readonly Promise<unknown>[] | undefined {
    if (this.actor.script.config?.planning !== 'parallel' || !this.#goesOn()) return undefined;
    return behaviors.map((behavior, index) => {
      const planned = this.#planOnItsOwn(new Turn(behavior, index, this.#now));
      planned.catch(() => {});
      return planned;
    });
  }

  /** Plans on a drive of its own; with a journal, or takes the plan that was recorded. */
  #planOnItsOwn(turn: Turn): Promise<Plan> {
    const plan = (): Promise<Plan> => {
      const { planTimeoutMs } = this.kernel.settings;
      const drive = this.drive.fork<Plan>('planning of', turn.behavior.name, planTimeoutMs);
      return drive.run(this.#planApart(drive, turn));
    };
    return this.#journaled === undefined
      ? plan()
      : this.#journaled.plan(`${turn.index}/${turn.rounds}`, plan);
  }

  *#planApart(drive: Drive<Plan>, turn: Turn): Course<Plan> {
    const startedAt = this.#now;
    try {
      const planning = this.#callPlan(drive, turn);
      const plan = readPlan(isThenable(planning) ? yield planning : planning, turn.behavior.name);
      this.#tellPlan(turn, startedAt, plan.actions.length, undefined);
      return plan;
    } catch (error) {
      this.#tellPlan(turn, startedAt, 0, error);
      throw error;
    }
  }

  /** Plans, or takes what was planned ahead. */
  #plan(turn: Turn, ahead: Promise<unknown> | undefined): unknown {
    if (turn.rounds === 0 && ahead !== undefined) {
      this.drive.step('planning of', turn.behavior.name, Infinity);
      return ahead;
    }
    if (this.#journaled !== undefined) {
      this.drive.step('planning of', turn.behavior.name, Infinity);
      return this.#planOnItsOwn(turn);
    }
    turn.isPlanning = true;
    turn.plannedAt = this.#now;
    return this.#callPlan(this.drive, turn);
  }

  /** The actions of a plan, once it is there. */
  #planned(turn: Turn, value: unknown): readonly Action[] {
    const { actions, again, carry, complete } = readPlan(value, turn.behavior.name);
    if (turn.isPlanning) this.#tellPlan(turn, turn.plannedAt, actions.length, undefined);
    turn.isPlanning = false;
    turn.prefix = `${this.tickId}/${turn.index}/${turn.rounds}/`;
    turn.rounds += 1;
    turn.first = this.#tally.outcomes.length;
    turn.stopped = false;
    turn.again = again === true;
    turn.carry = carry;
    this.#isComplete ||= complete === true;
    return actions;
  }

  #tellPlan(turn: Turn, startedAt: number, actions: number, error: unknown): void {
    const { kernel } = this;
    this.#now = kernel.deps.now();
    if (!kernel.observed) return;
    kernel.emit({
      type: 'plan-ended',
      at: this.#now,
      actorId: this.actorId,
      tickId: this.tickId,
      behavior: turn.behavior.name,
      round: turn.rounds,
      actions,
      durationMs: this.#now - startedAt,
      ...(error === undefined ? undefined : { error: errorInfo(error) }),
    });
  }

  #callPlan(
    drive: Pick<Drive<unknown>, 'step'>,
    { behavior, rounds, outcomes, carry }: Turn,
  ): Plan | Promise<Plan> {
    const { kernel } = this;
    const step = drive.step('planning of', behavior.name, kernel.settings.planTimeoutMs);
    const input = new TickPlanInput(this, step, rounds, outcomes, carry);
    const outer = kernel.inside;
    kernel.inside = this;
    try {
      return behavior.plan(input);
    } finally {
      kernel.inside = outer;
    }
  }

  /** Whether the behavior plans once more. */
  #goesOnWith(turn: Turn): boolean {
    if (!turn.again || !this.#goesOn()) return false;
    const maxRounds = this.actor.script.config?.maxRounds ?? this.kernel.settings.maxRounds;
    if (turn.rounds >= maxRounds) {
      throw new PantheonError(
        'rounds-exceeded',
        `behavior ${turn.behavior.name} asked for another round after ${turn.rounds}; raise maxRounds if it needs more`,
        { details: { maxRounds } },
      );
    }
    turn.outcomes = this.#tally.outcomes.slice(turn.first);
    return true;
  }

  #failed(turn: Turn, failure: unknown): ErrorInfo {
    if (turn.isPlanning) this.#tellPlan(turn, turn.plannedAt, 0, failure);
    const error = errorInfo(failure);
    if (error.code === 'budget-exhausted') this.exhausted = error;
    this.kernel.log(`Behavior ${turn.behavior.name} failed`, { error: error.message });
    return error;
  }

  /** Executes an action on a drive of its own, or takes what it came to when it was executed before. */
  #executeOnce(action: Action, id: string, position: number): Promise<unknown> {
    assertAction(action, this.kernel.isCustomAction, position);
    // The step in the drive below has the action's own limit.
    this.drive.step('the action', action.type, Infinity);
    const key = this.#keyOf(id);
    const { gate } = this.#journaled as Journaled;
    const approve = async (attempt: number): Promise<void> => {
      if (gate === undefined || action.type !== 'tool') return;
      const isAsked =
        this.#actions.asksFor(action, this.actor, this.lineage) ||
        (await gate.wasAsked(key, attempt));
      if (isAsked) await gate.pass(key, attempt, action);
    };
    return (this.#journaled as Journaled).action(key, action, {
      unknown: this.#actions.onUnknown(action),
      approve: gate === undefined || action.type !== 'tool' ? undefined : approve,
      execute: (isRepeated) => {
        const drive = this.drive.fork<unknown>('the action', action.type, Infinity);
        return drive.run(this.#executeApart(drive, action, id, position, isRepeated));
      },
    });
  }

  *#executeApart(
    drive: Drive<unknown>,
    action: Action,
    id: string,
    position: number,
    isRepeated: boolean,
  ): Course<unknown> {
    // Its intent took a while to record.
    if (this.#hold?.isHeld() === false) this.#leaseLost();
    if (this.drive.failure !== undefined) throw this.drive.failure;
    const value = this.#execute(action, id, position, drive, isRepeated);
    return isThenable(value) ? yield value : value;
  }

  #execute(
    action: Action,
    id: string,
    position: number,
    drive: Pick<Drive<unknown>, 'step'>,
    isRepeated = false,
  ): unknown {
    const { kernel, actor } = this;
    assertAction(action, kernel.isCustomAction, position);
    kernel.log(`Executing action: ${action.type}`, { actorId: actor.id, action });
    if (kernel.observed) {
      kernel.emit({
        type: 'action-started',
        at: this.#now,
        actorId: actor.id,
        tickId: this.tickId,
        actionId: id,
        action,
        ...(isRepeated ? { isRepeated } : undefined),
      });
    }
    return this.#actions.execute(action, actor, {
      actionId: id,
      tickId: this.tickId,
      lineage: this.lineage,
      cause: this.message,
      drive,
      caller: this,
      isRecorded: this.#journaled !== undefined,
      isApproved: this.#journaled?.gate !== undefined,
      fence: this.#hold?.token,
    });
  }

  /** Notes what became of an action. */
  #note(
    turn: Turn,
    id: string,
    action: Action,
    status: ActionStatus,
    startedAt: number,
    value: unknown,
  ): void {
    const behavior = turn.behavior.name;
    const round = turn.rounds - 1;
    this.#now = this.kernel.deps.now();
    const durationMs = this.#now - startedAt;
    const outcome: ActionOutcome =
      value === undefined
        ? { id, behavior, round, action, status, startedAt, durationMs }
        : { id, behavior, round, action, status, startedAt, durationMs, value };
    this.#keep(outcome);
  }

  #keep(outcome: ActionOutcome): void {
    this.#tally.addOutcome(outcome);
    if (this.kernel.observed && outcome.status !== 'skipped')
      this.kernel.emit({
        type: 'action-ended',
        at: this.#now,
        actorId: this.actorId,
        tickId: this.tickId,
        outcome,
      });
  }

  #noteFailure(turn: Turn, id: string, action: Action, startedAt: number, failure: unknown): void {
    const error = errorInfo(failure);
    if (error.code === 'budget-exhausted') this.exhausted = error;
    const status = failure instanceof ApprovalPending ? 'suspended' : statusOf(failure);
    this.#now = this.kernel.deps.now();
    // That a call waits for its approval has been told.
    if (status !== 'suspended')
      this.kernel.log(`Action ${status}: ${typeOf(action)}`, {
        actorId: this.actorId,
        error: error.message,
      });
    this.#keep({
      id,
      behavior: turn.behavior.name,
      round: turn.rounds - 1,
      action,
      status,
      startedAt,
      durationMs: this.#now - startedAt,
      error,
    });
    turn.stopped = turn.behavior.onActionError === 'stop';
  }

  #report(): TickReport {
    const { behaviors, outcomes, usage } = this.#tally;
    return {
      tickId: this.tickId,
      actorId: this.actorId,
      status: this.#status(),
      hasInput: this.hasInput,
      behaviors,
      actions: outcomes.map(({ action }) => action),
      outcomes,
      startedAt: this.#startedAt,
      durationMs: this.#now - this.#startedAt,
      usage,
    };
  }

  #status(): TickStatus {
    const { failure } = this.drive;
    if (failure !== undefined) return failure.code === 'timeout' ? 'timeout' : 'cancelled';
    if (this.exhausted !== undefined) return 'budget';
    return this.#isSuspended ? 'suspended' : this.#tally.status();
  }
}
