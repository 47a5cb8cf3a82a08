/** Listening: messages on the bus tick the actors that they are addressed to. */
import { PantheonError, errorInfo } from './errors.ts';
import type { Kernel } from './kernel.ts';
import type { Mailboxes } from './mailbox.ts';
import type { ActorRecord, BusMessage, TickReport, TickStatus } from './types.ts';

/** How to listen. */
export interface ListenOptions {
  /**
   * Share the messages with the other members of this group: each is handled by one of them, and again when its tick fails. For
   * several processes on one state. Default: no group; this orchestrator handles every message to an actor that it knows.
   */
  readonly group?: string | undefined;
}

/** Ends of a tick after which a group has its message handled again, be it by another member. */
const UNHANDLED: readonly TickStatus[] = ['failed', 'timeout', 'cancelled'];

/** What is refused because this orchestrator stops is not the message's fault: another member may handle it. */
const handBack = (error: unknown): unknown =>
  PantheonError.is(error, 'orchestrator-stopped')
    ? new PantheonError(error.code, error.message, { retryable: true, cause: error })
    : error;

export class Listener {
  readonly #kernel: Kernel;
  readonly #mailboxes: Mailboxes;
  readonly #group: string | undefined;

  constructor(kernel: Kernel, mailboxes: Mailboxes, group: string | undefined) {
    this.#kernel = kernel;
    this.#mailboxes = mailboxes;
    this.#group = group;
  }

  /** Handles one message of the bus; the promise settles when its tick has ended. */
  handle = async (message: BusMessage): Promise<void> => {
    const { state } = this.#kernel.deps;
    if (message.to !== '*') {
      await this.#orBury(message.to, message, async () => {
        const actor = await state.get(message.to);
        // To somebody else: a user, or an actor of another application on the same bus.
        if (actor !== undefined) await this.#tick(actor, message);
      });
      return;
    }
    await this.#orBury('*', message, async () => {
      const others = (await state.list()).filter(({ id }) => id !== message.from);
      await Promise.all(
        others.map((actor) => this.#orBury(actor.id, message, () => this.#tick(actor, message))),
      );
    });
  };

  async #tick(actor: ActorRecord, message: BusMessage): Promise<void> {
    const kernel = this.#kernel;
    if (kernel.observed) {
      kernel.emit({
        type: 'message-received',
        at: kernel.deps.now(),
        actorId: actor.id,
        messageId: message.id,
        from: message.from,
        waiting: this.#mailboxes.waitingFor(actor.id),
      });
    }
    const report = await this.#mailboxes.submit({
      actor,
      input: { userMessage: message.content, message },
      fresh: true,
      caller: undefined,
    });
    this.#assertHandled(message, report);
  }

  #assertHandled(message: BusMessage, { actorId, status, behaviors }: TickReport): void {
    if (status === 'budget' && behaviors.length === 0) {
      throw new PantheonError(
        'budget-exhausted',
        `the budget of ${actorId} allowed no tick for message ${message.id}; redrive it when the actor may go on`,
      );
    }
    if (this.#group === undefined || !UNHANDLED.includes(status)) return;
    throw new PantheonError(
      'deliveries-exceeded',
      `the tick of ${actorId} for message ${message.id} ended as ${status}`,
      { retryable: true },
    );
  }

  /** A group's bus tries again and keeps what cannot be handled. Without a group nobody does, so it is done here. */
  async #orBury(actorId: string, message: BusMessage, handle: () => Promise<void>): Promise<void> {
    try {
      await handle();
    } catch (error) {
      if (this.#group !== undefined) throw handBack(error);
      const deadAt = this.#kernel.deps.now();
      await this.#kernel.bury(actorId, { message, reason: errorInfo(error), attempts: 1, deadAt });
    }
  }
}
