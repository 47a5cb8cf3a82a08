/**
 * One tick: select, compile, plan, act, report. Written to be read from top to bottom.
 *
 * A tick costs little more than the promises of its ports: no timer, no listener and no event is made before it is needed, and
 * the clock is read once after each thing that was waited for.
 */
import type { Actions } from './actions.ts';
import { statusOf } from './actions.ts';
import { Drive, abortReason, onAbort } from './drive.ts';
import type { Course } from './drive.ts';
import { PantheonError, errorInfo } from './errors.ts';
import type { ErrorInfo } from './errors.ts';
import type { PantheonEvent } from './events.ts';
import { assertAction, readPlan } from './guards.ts';
import { Journaled, inputToRecord, isDone } from './journaling.ts';
import type { Kernel } from './kernel.ts';
import { lineageOf } from './limits.ts';
import type { Lineage } from './limits.ts';
import { TickContextRequest, TickPlanInput } from './planning.ts';
import type { PlanScope } from './planning.ts';
import type { IJournalPort, TickRecord } from './ports.ts';
import { selectBehaviors } from './selection.ts';
import type { Supervisor } from './supervision.ts';
import { isThenable } from './thenable.ts';
import type {
  Action,
  ActionOutcome,
  ActionStatus,
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
const NO_BEHAVIORS: readonly Behavior[] = [];
const NO_OUTCOMES: readonly ActionOutcome[] = [];
const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };

/** A tick that is asked for. */
export interface TickRequest {
  readonly actor: Actor;
  readonly input: TickInput | undefined;
  /** Whether the actor has just been read from the state port. */
  readonly fresh: boolean;
  /** The id of a tick that another process has left in the journal. */
  readonly resumed?: string;
  /** The tick that asks, where the asking happens inside of one. */
  readonly caller: Kernel['inside'];
}

/** How far one behavior has come in its tick. */
class Turn {
  readonly behavior: Behavior;
  readonly index: number;
  readonly startedAt: number;
  isPlanning = false;
  plannedAt = 0;
  /** How often it has planned. */
  rounds = 0;
  /** What the ids of the present round's actions begin with. */
  prefix = '';
  /** Where the outcomes of the present round begin in the tick's. */
  first = 0;
  /** What the previous round came to. */
  outcomes: readonly ActionOutcome[] = NO_OUTCOMES;
  carry: unknown = undefined;
  again = false;
  /** Whether the remaining actions of this round are given up. */
  stopped = false;

  constructor(behavior: Behavior, index: number, startedAt: number) {
    this.behavior = behavior;
    this.index = index;
    this.startedAt = startedAt;
  }
}

/** The type of something that may not be an action at all: to read it is to run foreign code. */
const typeOf = (action: unknown): string => {
  try {
    return String((action as Action).type);
  } catch {
    return 'unreadable';
  }
};

/** What an event tells besides when, of which actor and in which tick. */
type EventBody<E = Extract<PantheonEvent, { readonly tickId: string }>> = E extends PantheonEvent
  ? Omit<E, 'at' | 'actorId' | 'tickId'>
  : never;

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
  readonly #fresh: boolean;
  readonly #ended: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #behaviors: BehaviorReport[] = [];
  /** Whether nothing has gone wrong. */
  #clean = true;
  readonly #outcomes: ActionOutcome[] = [];
  readonly #startedAt: number;
  /** The time at the end of what was last waited for. */
  #now: number;
  #usage: Usage = NO_USAGE;
  readonly #input: TickInput | undefined;
  /** With a journal. */
  #journaled: Journaled | undefined = undefined;

  /** `ended` is called once, when the actor is free again. */
  constructor(
    kernel: Kernel,
    actions: Actions,
    supervisor: Supervisor,
    { actor, input, fresh, resumed, caller }: TickRequest,
    ended: () => void,
  ) {
    this.kernel = kernel;
    this.#actions = actions;
    this.#supervisor = supervisor;
    this.actor = actor;
    this.actorId = actor.id;
    this.userMessage = input?.userMessage;
    this.hasInput = !!this.userMessage;
    this.message = input?.message;
    this.caller = caller;
    this.#signal = input?.signal;
    this.#fresh = fresh;
    this.#ended = ended;
    this.#input = input;
    this.tickId = resumed ?? kernel.settings.newId(actor);
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

  // One generator for all of it: with generators below this one, every wait would pass through each of them. What need not wait
  // has a method of its own.
  *#run(): Course<TickReport> {
    const { actor, drive } = this;
    const unlink = this.#signal && onAbort(this.#signal, () => this.#cancelled());
    try {
      // Given up while it makes ready, a tick is reported like any other that was given up; it runs nothing.
      try {
        if (!this.#supervisor.isSurelyRunnable(actor, this.#fresh)) {
          yield this.#supervisor.assertRunnable(actor, this.#fresh);
        }
        const { journal } = this.kernel.deps;
        if (journal !== undefined && this.#goesOn()) {
          const status = this.#opened((yield this.#open(journal)) as TickRecord);
          if (status !== undefined) return { ...this.#report(), status };
        }
      } catch (error) {
        if (error !== drive.failure) throw error;
      }
      const behaviors = this.#begin();
      if (behaviors.length > 0) {
        try {
          this.#compiled(yield this.#compile());
        } catch (error) {
          // Only the context can fail the tick; given up while compiling, it is reported like any other that was given up.
          if (error !== drive.failure) {
            drive.conclude();
            yield this.#rejected(errorInfo(error));
            if (this.#journaled !== undefined) yield this.#journaled.complete('failed');
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
                this.#noteFailure(turn, id, action, startedAt, error);
              }
            }
          } while (this.#goesOnWith(turn));
          this.#reportTurn(turn, undefined);
        } catch (error) {
          this.#reportTurn(turn, this.#failed(turn, error));
        }
      }
      const report = this.#conclude();
      const judged = this.#supervisor.judge(actor, report, this.exhausted);
      if (judged !== undefined) yield judged;
      if (this.#journaled !== undefined && !this.#isInterrupted())
        yield this.#journaled.complete(report.status);
      return report;
    } finally {
      unlink?.();
      if (this.#journaled !== undefined) this.kernel.openTicks.delete(this.tickId);
      this.#ended();
    }
  }

  async #open(journal: IJournalPort): Promise<TickRecord> {
    const record = await journal.open({
      tickId: this.tickId,
      actorId: this.actorId,
      cause: this.message?.id,
      input: inputToRecord(this.#input),
    });
    if (this.drive.abandonedFor !== undefined && !this.#isInterrupted() && !isDone(record.status))
      await record.complete('cancelled');
    return record;
  }

  /** Whether a stop gave this tick up: it is not finished, and the next process goes on with it. */
  #isInterrupted(): boolean {
    return this.drive.abandonedFor?.code === 'orchestrator-stopped';
  }

  /** Takes the record; returns how the tick ended, where it was done before. */
  #opened(record: TickRecord): TickStatus | undefined {
    this.tickId = record.tickId;
    if (isDone(record.status)) return record.status;
    this.kernel.openTicks.add(this.tickId);
    const isGivenUp = (): boolean => this.drive.abandonedFor !== undefined;
    this.#journaled = new Journaled(record, this.kernel, this.actor.script, isGivenUp);
    return undefined;
  }

  /** What is to run: nothing, where the budget does not allow it. */
  #begin(): readonly Behavior[] {
    const { kernel, actor, hasInput } = this;
    kernel.log(`Ticking actor: ${actor.id}`, { goals: actor.goals, hasInput });
    if (kernel.observed)
      this.#tell({
        type: 'tick-started',
        hasInput,
        causeId: this.message?.id,
      });
    const behaviors = selectBehaviors(actor, hasInput);
    return behaviors.length > 0 && this.#mayStart() ? behaviors : NO_BEHAVIORS;
  }

  /** The report; from here on the tick is no longer given up. */
  #conclude(): TickReport {
    const { kernel } = this;
    const report = this.#report();
    this.drive.conclude();
    kernel.counts[report.status] += 1;
    if (kernel.observed)
      this.#tell({
        type: 'tick-ended',
        report,
      });
    return report;
  }

  #rejected(error: ErrorInfo): Promise<void> {
    this.kernel.counts.rejected += 1;
    if (this.kernel.observed)
      this.#tell({
        type: 'tick-ended',
        error,
      });
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

  #compiled(context: unknown): void {
    this.context = context as readonly Message[];
    if (!this.kernel.observed) return;
    this.#now = this.kernel.deps.now();
    this.#tell({
      type: 'context-compiled',
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
    const { actions, again, carry } = readPlan(value, turn.behavior.name);
    if (turn.isPlanning) this.#tellPlan(turn, turn.plannedAt, actions.length, undefined);
    turn.isPlanning = false;
    turn.prefix = `${this.tickId}/${turn.index}/${turn.rounds}/`;
    turn.rounds += 1;
    turn.first = this.#outcomes.length;
    turn.stopped = false;
    turn.again = again === true;
    turn.carry = carry;
    return actions;
  }

  #tellPlan(turn: Turn, startedAt: number, actions: number, error: unknown): void {
    const { kernel } = this;
    this.#now = kernel.deps.now();
    if (!kernel.observed) return;
    this.#tell({
      type: 'plan-ended',
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
    const outer = kernel.inside;
    kernel.inside = this;
    try {
      return behavior.plan(new TickPlanInput(this, step, rounds, outcomes, carry));
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
    turn.outcomes = this.#outcomes.slice(turn.first);
    return true;
  }

  #failed(turn: Turn, failure: unknown): ErrorInfo {
    if (turn.isPlanning) this.#tellPlan(turn, turn.plannedAt, 0, failure);
    const error = errorInfo(failure);
    if (error.code === 'budget-exhausted') this.exhausted = error;
    this.kernel.log(`Behavior ${turn.behavior.name} failed`, { error: error.message });
    return error;
  }

  #reportTurn(
    { behavior: { name, mode }, rounds, startedAt }: Turn,
    error: ErrorInfo | undefined,
  ): void {
    const report = { name, mode, rounds, durationMs: this.#now - startedAt };
    this.#behaviors.push(error === undefined ? report : { ...report, error });
    this.#clean &&= error === undefined;
  }

  /** Executes an action on a drive of its own, or takes what it came to when it was executed before. */
  #executeOnce(action: Action, id: string, position: number): Promise<unknown> {
    assertAction(action, this.kernel.isCustomAction, position);
    // The step in the drive below has the action's own limit.
    this.drive.step('the action', action.type, Infinity);
    const key = id.slice(this.tickId.length + 1);
    const unknown = this.#actions.onUnknown(action);
    return (this.#journaled as Journaled).action(key, action, unknown, (isRepeated) => {
      const drive = this.drive.fork<unknown>('the action', action.type, Infinity);
      return drive.run(this.#executeApart(drive, action, id, position, isRepeated));
    });
  }

  *#executeApart(
    drive: Drive<unknown>,
    action: Action,
    id: string,
    position: number,
    isRepeated: boolean,
  ): Course<unknown> {
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
      this.#tell({
        type: 'action-started',
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
    this.#outcomes.push(outcome);
    this.#clean &&= outcome.status === 'ok';
    if (this.kernel.observed && outcome.status !== 'skipped')
      this.#tell({
        type: 'action-ended',
        outcome,
      });
  }

  #noteFailure(turn: Turn, id: string, action: Action, startedAt: number, failure: unknown): void {
    const error = errorInfo(failure);
    if (error.code === 'budget-exhausted') this.exhausted = error;
    const status = statusOf(failure);
    this.#now = this.kernel.deps.now();
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
    return {
      tickId: this.tickId,
      actorId: this.actorId,
      status: this.#status(),
      hasInput: this.hasInput,
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
    if (this.#clean) return 'ok';
    const isOk = ({ status }: ActionOutcome): boolean => status === 'ok';
    // A behavior that had nothing to do succeeded too.
    const idle = this.#behaviors.some(
      ({ name, error }) =>
        error === undefined && !this.#outcomes.some(({ behavior }) => behavior === name),
    );
    return idle || this.#outcomes.some(isOk) ? 'partial' : 'failed';
  }

  #tell(body: EventBody): void {
    // Completed in place: each body is made for this call, and a copy would cost more than all the rest of an event.
    const event = body as EventBody & { at: number; actorId: string; tickId: string };
    event.at = this.#now;
    event.actorId = this.actorId;
    event.tickId = this.tickId;
    this.kernel.emit(event);
  }
}
