/** Actors that asked to be woken up. What an actor of the state port waits for stands in its record, and so outlives the process. */
import { PantheonError, errorInfo } from './errors.ts';
import { delayUntil } from './guards.ts';
import type { Kernel } from './kernel.ts';
import type { Mailboxes } from './mailbox.ts';
import type { Actor, TickReport } from './types.ts';

/** The keys in an actor's metadata under which the orchestrator keeps when to wake it: this, and the id of the action that waits. */
const WAKE = 'pantheon:wake:';

/** A wake-up is one tick, however often it is fired: with a journal this is its cause. */
const CAUSE = 'wake ';

const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;

interface Wait {
  readonly actor: Actor;
  readonly actionId: string;
  /** Whether it stands in the actor's record. */
  readonly isKept: boolean;
  /** How often the actor could not be woken. */
  tries: number;
}

/** Whether the actor may be woken later: it is paused, or takes no input for now. */
const isForNow = (error: unknown): boolean =>
  PantheonError.is(error, 'mailbox-full') ||
  PantheonError.is(error, 'actor-busy') ||
  (PantheonError.is(error, 'actor-not-runnable') && error.details['state'] === 'paused');

/** Whether the actor was not woken: its budget allowed no tick, or the tick was given up, as by a process that loses the actor. */
const isUndone = ({ status, behaviors }: TickReport): boolean =>
  status === 'cancelled' || (status === 'budget' && behaviors.length === 0);

export class Waits {
  readonly #kernel: Kernel;
  readonly #mailboxes: Mailboxes;
  /** Those with a timer, and those whose tick is under way. */
  readonly #armed = new Map<string, () => void>();
  #stopped = false;

  constructor(kernel: Kernel, mailboxes: Mailboxes) {
    this.#kernel = kernel;
    this.#mailboxes = mailboxes;
  }

  /** Ticks the actor once, `delayMs` from now. Resolves when that is written down, where the state port knows the actor. */
  async after(actor: Actor, delayMs: number, actionId: string): Promise<void> {
    const { state, now } = this.#kernel.deps;
    const dueAt = now() + delayMs;
    let isKept = true;
    try {
      await state.update(actor.id, { metadata: { [WAKE + actionId]: dueAt } });
    } catch (error) {
      if (!PantheonError.is(error, 'actor-unknown')) throw error;
      isKept = false;
    }
    this.#arm({ actor, actionId, isKept, tries: 0 }, dueAt);
  }

  /** Arms what stands in a record and is not armed here; returns how many. What is overdue is woken at once. */
  revive(actor: Actor): number {
    let count = 0;
    for (const [key, dueAt] of Object.entries(actor.metadata ?? {})) {
      if (!key.startsWith(WAKE) || typeof dueAt !== 'number') continue;
      const actionId = key.slice(WAKE.length);
      if (this.#arm({ actor, actionId, isKept: true, tries: 0 }, dueAt)) count += 1;
    }
    return count;
  }

  /** Forgets the wait that a tick was caused by, where it was caused by one: it is not to be woken again. */
  async giveUp(actor: Actor, cause: string | undefined): Promise<void> {
    if (cause?.startsWith(CAUSE) !== true) return;
    await this.#forget({ actor, actionId: cause.slice(CAUSE.length), isKept: true, tries: 0 });
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#armed.values()) cancel();
    this.#armed.clear();
  }

  #arm(wait: Wait, dueAt: number): boolean {
    const key = keyOf(wait);
    if (this.#stopped || this.#armed.has(key)) return false;
    const { schedule, now } = this.#kernel.deps;
    const cancel = schedule.once(delayUntil(dueAt, now()), () => this.#fire(wait));
    this.#armed.set(key, () => cancel?.());
    return true;
  }

  async #fire(wait: Wait): Promise<void> {
    const isOver = await this.#wake(wait);
    if (this.#stopped) return;
    if (isOver && wait.isKept) await this.#forget(wait);
    this.#armed.delete(keyOf(wait));
    if (isOver) return;
    const pauseMs = Math.min(FIRST_RETRY_MS * 2 ** wait.tries, MAX_RETRY_MS);
    this.#arm({ ...wait, tries: wait.tries + 1 }, this.#kernel.deps.now() + pauseMs);
  }

  /** Ticks the actor; resolves to whether there is no more to wake. */
  async #wake({ actor, actionId, isKept }: Wait): Promise<boolean> {
    let isAsked = false;
    try {
      const known = await this.#kernel.deps.state.get(actor.id);
      // Gone, or another process has woken it.
      const isOver = isKept && known?.metadata?.[WAKE + actionId] === undefined;
      if (this.#stopped || isOver) return true;
      isAsked = true;
      const report = await this.#mailboxes.submit({
        actor: known ?? actor,
        input: undefined,
        fresh: known !== undefined,
        cause: CAUSE + actionId,
        // Another process that has the actor may be waking it: look again, rather than wait and wake it once more.
        patient: false,
        caller: undefined,
      });
      return !isUndone(report);
    } catch (error) {
      if (this.#stopped) return true;
      this.#kernel.log(`Wake-up of ${actor.id} failed`, { error: errorInfo(error).message });
      return !isKept || (isAsked && !isForNow(error));
    }
  }

  async #forget({ actor, actionId }: Wait): Promise<void> {
    try {
      await this.#kernel.deps.state.update(actor.id, {
        metadata: { [WAKE + actionId]: undefined },
      });
    } catch (error) {
      if (PantheonError.is(error, 'actor-unknown')) return;
      this.#kernel.log(`A wait of ${actor.id} could not be forgotten`, {
        actorId: actor.id,
        error: errorInfo(error).message,
      });
    }
  }
}

const keyOf = ({ actor, actionId }: Wait): string => JSON.stringify([actor.id, actionId]);
