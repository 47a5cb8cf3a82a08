/**
 * What happens to an actor whose ticks keep failing, whose budget ran out, that is done, or whose parent has ended: its state changes,
 * visibly.
 */
import { obstacleAbove, orphanedBy, refusedFor } from './ancestry.ts';
import { PantheonError, errorInfo } from './errors.ts';
import type { ErrorInfo } from './errors.ts';
import type { Kernel } from './kernel.ts';
import type { Actor, ActorState, TickReport } from './types.ts';

const MAX_BACKOFF_MS = 60_000;

interface Failures {
  /** When the failed ticks of the current window ended. */
  times: number[];
  /** Failures since the last success; each doubles the pause. */
  inARow: number;
  /** A loop does not tick before this. */
  resumeAt: number;
}

const isRunnable = (state: ActorState | undefined): boolean =>
  state === undefined || state === 'idle' || state === 'running';

/** Of a tick that failed as a whole: the first thing that went wrong. */
const firstError = (report: TickReport): ErrorInfo =>
  report.behaviors.find(({ error }) => error !== undefined)?.error ??
  report.outcomes.find(({ error }) => error !== undefined)?.error ?? {
    code: report.status === 'timeout' ? 'timeout' : 'unexpected',
    message: `the tick ended as ${report.status}`,
    retryable: true,
  };

export class Supervisor {
  readonly #kernel: Kernel;
  readonly #failures = new Map<string, Failures>();
  /** Actors that this orchestrator suspended; a caller may hold an older record of them. */
  readonly #suspended = new Map<string, ActorState>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /**
   * Refuses an actor that is paused, completed or failed, or has such an ancestor, with `actor-not-runnable`; one whose ancestor has
   * ended is stopped. A record that came from a state port is looked up again, because the caller's copy may be old; `fresh`
   * says that it has just been read.
   */
  async assertRunnable(actor: Actor, fresh: boolean): Promise<void> {
    const known =
      fresh && !this.#suspended.has(actor.id) ? actor : await this.#kernel.deps.state.get(actor.id);
    const state = known?.state ?? actor.state ?? this.#suspended.get(actor.id);
    if (isRunnable(state)) {
      await this.#assertAncestors(known ?? actor);
      this.#suspended.delete(actor.id);
      return;
    }
    throw new PantheonError(
      'actor-not-runnable',
      `${actor.id} is ${state}; it ticks again when its state is set to idle`,
      { details: { state } },
    );
  }

  /** Whether `assertRunnable` has nothing to look up, so that the hot path need not wait for it. */
  isSurelyRunnable(actor: Actor, fresh: boolean): boolean {
    return (
      (fresh || actor.version === undefined) &&
      actor.parentId === undefined &&
      isRunnable(actor.state) &&
      (this.#suspended.size === 0 || !this.#suspended.has(actor.id))
    );
  }

  async #assertAncestors(actor: Actor): Promise<void> {
    if (actor.parentId === undefined) return;
    const { state } = this.#kernel.deps;
    const above = await obstacleAbove((id) => state.get(id), actor);
    if (above === undefined) return;
    if (above.state !== 'paused') await this.settle(actor, 'failed', orphanedBy(above));
    throw refusedFor(actor, above);
  }

  /** Milliseconds since the epoch before which the actor's loop pauses; 0 when it need not. */
  resumeAt(actorId: string): number {
    return this.#failures.size === 0 ? 0 : (this.#failures.get(actorId)?.resumeAt ?? 0);
  }

  /**
   * What the end of a tick means for its actor. `exhausted` is the budget that ran out in it; `isComplete`: a plan said that the actor
   * is done.
   */
  judge(
    actor: Actor,
    report: TickReport,
    exhausted: ErrorInfo | undefined,
    isComplete: boolean,
  ): Promise<void> | undefined {
    switch (report.status) {
      case 'failed':
      case 'timeout':
        return this.failed(actor, firstError(report));
      case 'budget':
        return this.settle(actor, 'paused', exhausted ?? firstError(report));
      case 'cancelled':
        return undefined;
      default:
        if (this.#failures.size > 0) this.#failures.delete(actor.id);
        return isComplete && (report.status === 'ok' || report.status === 'partial')
          ? this.settle(actor, 'completed', undefined)
          : undefined;
    }
  }

  /** Notes a failed tick; suspends the actor when its policy says so. */
  async failed(actor: Actor, error: ErrorInfo): Promise<void> {
    const policy = actor.script.supervision;
    if (policy === undefined) return;
    const { maxFailures = 5, withinMs = 600_000, backoffMs = 1_000, then = 'pause' } = policy;
    const now = this.#kernel.deps.now();
    const earlier = this.#failures.get(actor.id) ?? { times: [], inARow: 0, resumeAt: 0 };
    const times = [...earlier.times.filter((time) => time > now - withinMs), now];
    if (times.length < maxFailures) {
      const pause = Math.min(backoffMs * 2 ** earlier.inARow, MAX_BACKOFF_MS);
      this.#failures.set(actor.id, { times, inARow: earlier.inARow + 1, resumeAt: now + pause });
      return;
    }
    this.#failures.delete(actor.id);
    await this.settle(actor, then === 'pause' ? 'paused' : 'failed', error);
    if (then === 'escalate' && actor.parentId !== undefined) await this.#escalate(actor, error);
  }

  /** Stores the new state, where the state port knows the actor, and says so. The actor does not tick from now on. */
  async settle(
    actor: Actor,
    state: 'paused' | 'failed' | 'completed',
    reason: ErrorInfo | undefined,
  ): Promise<void> {
    const kernel = this.#kernel;
    this.#suspended.set(actor.id, state);
    kernel.log(`Actor ${actor.id} ${state}`, {
      actorId: actor.id,
      ...(reason === undefined ? undefined : { reason: reason.code, error: reason.message }),
    });
    kernel.emit({
      type: 'actor-state-changed',
      at: kernel.deps.now(),
      actorId: actor.id,
      state,
      ...(reason === undefined ? undefined : { reason }),
    });
    try {
      await kernel.deps.state.update(actor.id, { state });
      // Whoever holds a record of it is told by the port; there may be ever more of those that have ended.
      if (actor.version !== undefined) this.#suspended.delete(actor.id);
    } catch (error) {
      // An actor that the port does not know stays suspended in this process.
      if (!PantheonError.is(error, 'actor-unknown')) {
        kernel.log(`State of ${actor.id} could not be stored`, {
          actorId: actor.id,
          error: errorInfo(error).message,
        });
      }
    }
  }

  async #escalate(actor: Actor, error: ErrorInfo): Promise<void> {
    try {
      await this.#kernel.deps.bus.send({
        from: actor.id,
        to: actor.parentId as string,
        content: `${actor.id} has failed and was stopped: ${error.message}`,
        metadata: { code: error.code },
      });
    } catch (failure) {
      this.#kernel.log(`Escalation of ${actor.id} failed`, {
        actorId: actor.id,
        error: errorInfo(failure).message,
      });
    }
  }
}
