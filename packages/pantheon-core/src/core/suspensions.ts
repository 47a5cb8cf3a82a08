/** Ticks that the journal has and that are to go on: those that wait for an approval, and those that a process has left. */
import { suspensionOf } from './approvals.ts';
import { PantheonError, errorInfo } from './errors.ts';
import { delayUntil } from './guards.ts';
import { recordedInput } from './journaling.ts';
import type { Kernel } from './kernel.ts';
import type { Mailboxes } from './mailbox.ts';
import type { RecordedTick, UnfinishedTick } from './ports.ts';
import type { Actor, TickReport } from './types.ts';

/** When a tick whose time is over, and that could not be looked at, is looked at again. */
const RETRY_MS = 60_000;

/** A tick that waits in this process for an approval. */
interface Suspended {
  readonly actor: Actor;
  /** Ends its timer. */
  cancel: () => void;
}

export class Suspensions {
  readonly #kernel: Kernel;
  readonly #mailboxes: Mailboxes;
  readonly #suspended = new Map<string, Suspended>();
  #stopped = false;

  constructor(kernel: Kernel, mailboxes: Mailboxes) {
    this.#kernel = kernel;
    this.#mailboxes = mailboxes;
  }

  /** Has the tick looked at again when its time is over. */
  add(actor: Actor, tickId: string, expiresAt: number): void {
    if (this.#stopped) return;
    this.#suspended.get(tickId)?.cancel();
    const { now, schedule } = this.#kernel.deps;
    const cancel = schedule.once(delayUntil(expiresAt, now()), () => this.#look(tickId));
    this.#suspended.set(tickId, { actor, cancel: () => cancel?.() });
  }

  /** The actor of a tick: from the state port, or as it was given where the port has never known it. */
  async actorOf({ tickId, actorId }: UnfinishedTick): Promise<Actor | undefined> {
    const known = await this.#kernel.deps.state.get(actorId);
    const given = this.#suspended.get(tickId)?.actor;
    return known ?? (given?.version === undefined ? given : undefined);
  }

  /** Whether the tick goes on in this process, or waits for its turn to. */
  goesOn({ tickId, actorId }: UnfinishedTick): boolean {
    return this.#mailboxes.hasTick(actorId, tickId);
  }

  /** Runs the tick, when its turn comes. With `patient` it waits for another process that has the actor. */
  async goOn(
    tick: UnfinishedTick,
    actor: Actor,
    how: { readonly isContinued: boolean; readonly patient: boolean },
  ): Promise<TickReport> {
    const { tickId, cause, input } = tick;
    const report = await this.#mailboxes.submit({
      actor,
      input: recordedInput(input),
      fresh: false,
      resumed: { tickId, cause, isContinued: how.isContinued },
      patient: how.patient,
      caller: undefined,
    });
    if (report.status !== 'suspended') this.#forget(tickId);
    return report;
  }

  /** @throws `actor-unknown`. */
  async requireActor(tick: UnfinishedTick): Promise<Actor> {
    const actor = await this.actorOf(tick);
    if (actor !== undefined) return actor;
    throw new PantheonError('actor-unknown', `there is no actor ${tick.actorId} any more`);
  }

  /** Goes on with a tick whose call was decided. */
  async decided(tick: RecordedTick): Promise<TickReport> {
    const actor = await this.requireActor(tick);
    return this.goOn(tick, actor, { isContinued: true, patient: true });
  }

  stop(): void {
    this.#stopped = true;
    for (const { cancel } of this.#suspended.values()) cancel();
  }

  #forget(tickId: string): void {
    this.#suspended.get(tickId)?.cancel();
    this.#suspended.delete(tickId);
  }

  async #look(tickId: string): Promise<void> {
    const waiting = this.#suspended.get(tickId);
    if (waiting === undefined) return;
    try {
      const tick = await this.#kernel.deps.journal?.read?.(tickId);
      const { waitsUntil } = suspensionOf(tick);
      if (tick === undefined || tick.status !== undefined) this.#forget(tickId);
      else if (waitsUntil !== undefined && waitsUntil > this.#kernel.deps.now())
        this.add(waiting.actor, tickId, waitsUntil);
      else await this.decided(tick);
    } catch (error) {
      this.#kernel.log(`Tick ${tickId} could not go on`, {
        actorId: waiting.actor.id,
        error: errorInfo(error).message,
      });
      if (errorInfo(error).retryable)
        this.add(waiting.actor, tickId, this.#kernel.deps.now() + RETRY_MS);
    }
  }
}
