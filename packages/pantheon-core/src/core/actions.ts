/** Executing one action: checked against the actor's limits, bounded in time, and with a typed error when it cannot be done. */
import { Wait, isThenable } from './bounds.ts';
import { PantheonError } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import type { Kernel } from './kernel.ts';
import { assertMaySpawn, lineageForChild, lineageOf, permits } from './limits.ts';
import type { Lineage } from './limits.ts';
import type {
  Action,
  ActionStatus,
  Actor,
  ActorRecord,
  BusMessage,
  MessageAction,
  SpawnAction,
  ToolAction,
} from './types.ts';

/** The circumstances in which an action is executed. */
export interface ActionCall {
  readonly actionId: string;
  readonly tickId: string;
  readonly lineage: Lineage;
  /** The message that led to it. */
  readonly cause: BusMessage | undefined;
  /** The tick that it belongs to; giving that up gives this up. */
  readonly within: Wait | undefined;
  /** What re-entrancy is judged by. */
  readonly caller: Kernel['inside'];
}

/** What executing an action may set off elsewhere in the orchestrator. */
export interface ActionEffects {
  readonly spawned: (child: ActorRecord) => void;
  readonly wakeAfter: (actor: Actor, delayMs: number) => void;
}

const STATUS_BY_CODE: Partial<Record<ErrorCode, ActionStatus>> = {
  timeout: 'timeout',
  'tick-cancelled': 'cancelled',
  'orchestrator-stopped': 'cancelled',
  'permission-denied': 'denied',
  'approval-required': 'denied',
  'spawn-limit': 'denied',
  'budget-exhausted': 'denied',
  'hops-exceeded': 'denied',
  'action-invalid': 'invalid',
};

/** How an action ended that ended with this error. */
export const statusOf = (error: unknown): ActionStatus =>
  (PantheonError.is(error) ? STATUS_BY_CODE[error.code] : undefined) ?? 'failed';

const isAlive = ({ state }: ActorRecord): boolean => state !== 'completed' && state !== 'failed';

export class Actions {
  readonly #kernel: Kernel;
  readonly #effects: ActionEffects;
  /** Children that are being spawned: asked for, and not yet to be seen in the state port. */
  readonly #unborn = new Map<string, number>();

  constructor(kernel: Kernel, effects: ActionEffects) {
    this.#kernel = kernel;
    this.#effects = effects;
  }

  /** Executes a checked action. Returns its value or a promise of it; throws or rejects with the reason. */
  execute(action: Action, actor: Actor, call: ActionCall): unknown {
    const { settings, deps } = this.#kernel;
    switch (action.type) {
      case 'message':
        return this.#send(action, actor, call);
      case 'tool':
        return this.#invoke(action, actor, call);
      case 'spawn':
        return this.#bounded(`spawning ${action.actor.name}`, settings.actionTimeoutMs, call, () =>
          this.#spawn(action, actor, call),
        );
      case 'wait':
        this.#effects.wakeAfter(actor, action.durationMs);
        return undefined;
      case 'remember': {
        const { record } = deps.context;
        if (record === undefined) {
          throw new PantheonError(
            'capability-missing',
            'the context port cannot remember: it has no record(); use one that has, or drop the action',
          );
        }
        return this.#bounded('remembering', settings.actionTimeoutMs, call, () =>
          record(actor.id, action.entries),
        );
      }
      default: {
        const { type } = action as { readonly type: string };
        return this.#bounded(type, settings.actionTimeoutMs, call, (wait) =>
          (settings.actions[type] as NonNullable<(typeof settings.actions)[string]>)(action, {
            actor,
            actionId: call.actionId,
            signal: wait.signal,
          }),
        );
      }
    }
  }

  #bounded(what: string, limitMs: number, call: ActionCall, run: (wait: Wait) => unknown): unknown {
    const { clockwork } = this.#kernel;
    const wait = new Wait(clockwork, what, limitMs, call.within);
    const outer = this.#kernel.inside;
    this.#kernel.inside = call.caller;
    try {
      const value = run(wait);
      if (isThenable(value)) return wait.for(value);
      wait.close();
      return value;
    } catch (error) {
      wait.close();
      throw error;
    } finally {
      this.#kernel.inside = outer;
    }
  }

  #send(action: MessageAction, actor: Actor, call: ActionCall): unknown {
    const kernel = this.#kernel;
    const { content, metadata, target: to = 'user' } = action;
    if (!permits(call.lineage, 'targets', to)) {
      throw new PantheonError('permission-denied', `${actor.id} may not send messages to ${to}`);
    }
    const hops = call.cause === undefined ? 0 : call.cause.hops + 1;
    const causationId = call.cause?.id;
    // The sender is always the actor, whatever the action says.
    const message = {
      from: actor.id,
      to,
      content,
      ...(causationId === undefined ? undefined : { causationId, hops }),
      ...(metadata === undefined ? undefined : { metadata }),
    };
    if (hops > kernel.settings.maxHops) return this.#tooFar({ ...message, hops }, actor, call);
    const wait = new Wait(kernel.clockwork, 'sending', kernel.settings.actionTimeoutMs, call.within);
    // A bus that handles inside of send does not make the handler a part of this tick.
    const outer = kernel.inside;
    kernel.inside = undefined;
    try {
      const sent = kernel.deps.bus.send(message);
      kernel.messagesSent += 1;
      if (kernel.observed) this.#announce(sent, actor, message, call);
      return isThenable(sent) ? wait.for(sent) : sent;
    } finally {
      kernel.inside = outer;
    }
  }

  #announce(
    sent: Promise<BusMessage>,
    actor: Actor,
    message: { readonly to: string },
    call: ActionCall,
  ): void {
    const { deps } = this.#kernel;
    sent.then(
      (delivered) =>
        this.#kernel.emit(() => ({
          type: 'message-sent',
          at: deps.now(),
          actorId: actor.id,
          messageId: delivered?.id ?? call.actionId,
          to: message.to,
          hops: delivered?.hops ?? 0,
          causeId: call.cause?.id,
        })),
      () => {}, // Whoever waits for the action is told.
    );
  }

  async #tooFar(
    message: Omit<BusMessage, 'id' | 'sentAt'>,
    actor: Actor,
    call: ActionCall,
  ): Promise<never> {
    const error = new PantheonError(
      'hops-exceeded',
      `a message from ${actor.id} to ${message.to} would be number ${message.hops + 1} of a chain; ${this.#kernel.settings.maxHops} hops are the limit (maxHops)`,
      { details: { from: actor.id, to: message.to, hops: message.hops, causationId: message.causationId } },
    );
    const now = this.#kernel.deps.now();
    await this.#kernel.bury(actor.id, {
      message: { ...message, id: call.actionId, sentAt: now },
      reason: { code: error.code, message: error.message, retryable: false },
      attempts: 0,
      deadAt: now,
    });
    throw error;
  }

  #invoke(action: ToolAction, actor: Actor, call: ActionCall): unknown {
    const { deps, ledger, settings } = this.#kernel;
    const { name, args } = action;
    if (!permits(call.lineage, 'tools', name)) {
      throw new PantheonError(
        'permission-denied',
        `${actor.id} may not use the tool ${name}; its script's permissions.tools do not name it`,
      );
    }
    const spec = deps.tools.list?.().find((tool) => tool.name === name);
    if (spec?.approval === 'required') {
      throw new PantheonError(
        'approval-required',
        `the tool ${name} needs an approval from outside of the model; call it from the application`,
      );
    }
    ledger.reserve(call.lineage.accounts, 'toolCalls', 1);
    const timeoutMs = action.timeoutMs ?? spec?.timeoutMs ?? settings.actionTimeoutMs;
    return this.#bounded(`the tool ${name}`, timeoutMs, call, (wait) =>
      deps.tools.invoke(name, args, {
        actorId: actor.id,
        tickId: call.tickId,
        idempotencyKey: call.actionId,
        signal: wait.signal,
        timeoutMs,
      }),
    );
  }

  async #spawn(action: SpawnAction, actor: Actor, call: ActionCall): Promise<ActorRecord> {
    const { deps, ledger, settings } = this.#kernel;
    const unborn = this.#unborn.get(actor.id) ?? 0;
    this.#unborn.set(actor.id, unborn + 1);
    let child: ActorRecord;
    try {
      const siblings = await deps.state.list({ parentId: actor.id });
      const alive = siblings.filter((other) => other.parentId === actor.id && isAlive(other));
      assertMaySpawn(actor, action.actor, alive.length + unborn, settings);
      ledger.reserve(call.lineage.accounts, 'spawns', 1);
      child = await deps.state.spawn(action.actor, action.goal, {
        parentId: actor.id,
        metadata: lineageForChild(actor),
      });
    } finally {
      const left = (this.#unborn.get(actor.id) ?? 1) - 1;
      if (left === 0) this.#unborn.delete(actor.id);
      else this.#unborn.set(actor.id, left);
    }
    this.#kernel.emit(() => ({
      type: 'actor-spawned',
      at: deps.now(),
      actorId: child.id,
      parentId: actor.id,
      script: action.actor.name,
    }));
    this.#effects.spawned(child);
    if (action.message !== undefined) {
      // The parent may always speak to the child that it has just made.
      await this.#send(
        { type: 'message', target: child.id, content: action.message },
        actor,
        { ...call, lineage: { ...call.lineage, permissions: [] } },
      );
    }
    return child;
  }
}

/** The circumstances of an action that is executed outside of a tick. */
export const callOutsideTick = (actor: Actor, actionId: string): ActionCall => ({
  actionId,
  tickId: actionId,
  lineage: lineageOf(actor),
  cause: undefined,
  within: undefined,
  caller: undefined,
});
