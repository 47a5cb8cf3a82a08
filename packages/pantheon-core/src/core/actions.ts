/** Executing one action: checked against the actor's limits, bounded in time, and with a typed error when it cannot be done. */
import type { Drive, Step } from './drive.ts';
import { PantheonError } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import type { OnUnknown } from './journaling.ts';
import type { ActionHandler, Kernel } from './kernel.ts';
import { assertMaySpawn, lineageForChild, permits } from './limits.ts';
import type { Lineage } from './limits.ts';
import type { ToolCallContext } from './ports.ts';
import type {
  Action,
  ActionStatus,
  Actor,
  ActorRecord,
  BusMessage,
  MessageAction,
  SpawnAction,
  ToolAction,
  ToolSpec,
} from './types.ts';

/** The circumstances in which an action is executed. */
export interface ActionCall {
  readonly actionId: string;
  readonly tickId: string;
  readonly lineage: Lineage;
  /** The message that led to it. */
  readonly cause: BusMessage | undefined;
  /** What waits for it. */
  readonly drive: Pick<Drive<unknown>, 'step'>;
  /** What re-entrancy is judged by. */
  readonly caller: Kernel['inside'];
  /** Whether what is executed is recorded, and may so be executed again: its message and its child then have the action's id. */
  readonly isRecorded: boolean;
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
  'message-invalid': 'invalid',
};

/** How an action ended that ended with this error. */
export const statusOf = (error: unknown): ActionStatus =>
  (PantheonError.is(error) ? STATUS_BY_CODE[error.code] : undefined) ?? 'failed';

/** For what is a part of a step already: it begins none of its own. */
const WITHIN_A_STEP: ActionCall['drive'] = { step: () => undefined as never };

const isAlive = ({ state }: ActorRecord): boolean => state !== 'completed' && state !== 'failed';

/** What a tool is told about its call. Its signal is made when it is read: it costs more than the rest of a tick. */
class TickToolCall implements ToolCallContext {
  readonly actorId: string;
  readonly tickId: string;
  readonly idempotencyKey: string;
  readonly timeoutMs: number;
  readonly #step: Step;

  constructor(actorId: string, { tickId, actionId }: ActionCall, timeoutMs: number, step: Step) {
    this.actorId = actorId;
    this.tickId = tickId;
    this.idempotencyKey = actionId;
    this.timeoutMs = timeoutMs;
    this.#step = step;
  }

  get signal(): AbortSignal {
    return this.#step.signal;
  }
}

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
        call.drive.step('spawning', action.actor.name, settings.actionTimeoutMs);
        return this.#spawn(action, actor, call);
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
        call.drive.step('remembering for', actor.id, settings.actionTimeoutMs);
        return record(actor.id, action.entries);
      }
      default: {
        const { type } = action as { readonly type: string };
        return this.#run('the action', type, settings.actionTimeoutMs, call, (step) =>
          (settings.actions[type] as ActionHandler)(action, {
            actor,
            actionId: call.actionId,
            signal: step.signal,
          }),
        );
      }
    }
  }

  /** What becomes of the action when its outcome is unknown. All but tools recognise what comes again, by its id. */
  onUnknown(action: Action): OnUnknown {
    if (action.type !== 'tool') return 'harmless';
    const { idempotent, sideEffect, onUnknown } = this.#specOf(action.name) ?? {};
    if (sideEffect === 'none') return 'harmless';
    return onUnknown ?? (idempotent === true ? 'retry' : 'fail');
  }

  #specOf(name: string): ToolSpec | undefined {
    return this.#kernel.deps.tools.list?.().find((tool) => tool.name === name);
  }

  /** Begins a step of its own and runs it, on behalf of the tick. */
  #run(
    what: string,
    name: string,
    limitMs: number,
    call: ActionCall,
    run: (step: Step) => unknown,
  ): unknown {
    const outer = this.#kernel.inside;
    this.#kernel.inside = call.caller;
    try {
      return run(call.drive.step(what, name, limitMs));
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
      ...(call.isRecorded ? { id: call.actionId } : undefined),
      ...(causationId === undefined ? undefined : { causationId, hops }),
      ...(metadata === undefined ? undefined : { metadata }),
    };
    if (hops > kernel.settings.maxHops) return this.#tooFar({ ...message, hops }, actor, call);
    call.drive.step('sending to', to, kernel.settings.actionTimeoutMs);
    // A bus that handles inside of send does not make the handler a part of this tick.
    const outer = kernel.inside;
    kernel.inside = undefined;
    try {
      const sent = kernel.deps.bus.send(message);
      kernel.messagesSent += 1;
      if (kernel.observed) this.#announce(sent, actor, message, call);
      return sent;
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
        this.#kernel.emit({
          type: 'message-sent',
          at: deps.now(),
          actorId: actor.id,
          messageId: delivered?.id ?? call.actionId,
          to: message.to,
          hops: delivered?.hops ?? 0,
          causeId: call.cause?.id,
        }),
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
      {
        details: {
          from: actor.id,
          to: message.to,
          hops: message.hops,
          causationId: message.causationId,
        },
      },
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
    const spec = this.#specOf(name);
    if (spec?.approval === 'required') {
      throw new PantheonError(
        'approval-required',
        `the tool ${name} needs an approval from outside of the model; call it from the application`,
      );
    }
    ledger.reserve(call.lineage.accounts, 'toolCalls', 1);
    const timeoutMs = action.timeoutMs ?? spec?.timeoutMs ?? settings.actionTimeoutMs;
    return this.#run('the tool', name, timeoutMs, call, (step) =>
      deps.tools.invoke(name, args, new TickToolCall(actor.id, call, timeoutMs, step)),
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
        ...(call.isRecorded ? { id: call.actionId } : undefined),
      });
    } finally {
      const left = (this.#unborn.get(actor.id) ?? 1) - 1;
      if (left === 0) this.#unborn.delete(actor.id);
      else this.#unborn.set(actor.id, left);
    }
    this.#kernel.emit({
      type: 'actor-spawned',
      at: deps.now(),
      actorId: child.id,
      parentId: actor.id,
      script: action.actor.name,
    });
    this.#effects.spawned(child);
    if (action.message !== undefined) {
      // The parent may always speak to the child that it has just made.
      await this.#send({ type: 'message', target: child.id, content: action.message }, actor, {
        ...call,
        lineage: { ...call.lineage, permissions: [] },
        drive: WITHIN_A_STEP,
      });
    }
    return child;
  }
}
