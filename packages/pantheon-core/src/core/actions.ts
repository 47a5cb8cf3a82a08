/** Executing one action: checked against the actor's limits, bounded in time, and with a typed error when it cannot be done. */
import { abortReason } from './drive.ts';
import type { Drive, Step } from './drive.ts';
import { PantheonError } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import type { OnUnknown } from './journaling.ts';
import type { ActionHandler, Kernel } from './kernel.ts';
import { isSurelyUndone } from './ledger.ts';
import type { Amounts } from './ledger.ts';
import { assertMaySpawn, assertMayUse, lineageForChild, permits } from './limits.ts';
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
  /** Whether the call has passed the gate of approvals: it needs none, or has one. */
  readonly isApproved: boolean;
  /** The token of the lease under which it is executed. */
  readonly fence: string | undefined;
}

/** What executing an action may set off elsewhere in the orchestrator. */
export interface ActionEffects {
  readonly spawned: (child: ActorRecord) => void;
  readonly wakeAfter: (actor: Actor, delayMs: number, actionId: string) => Promise<void>;
  /** A tick of the actor is suspended, at the latest until then (milliseconds since the epoch). */
  readonly suspended: (actor: Actor, tickId: string, expiresAt: number) => void;
}

const STATUS_BY_CODE: Partial<Record<ErrorCode, ActionStatus>> = {
  timeout: 'timeout',
  'tick-cancelled': 'cancelled',
  'orchestrator-stopped': 'cancelled',
  'lease-lost': 'cancelled',
  'permission-denied': 'denied',
  'approval-required': 'denied',
  'approval-denied': 'denied',
  'approval-expired': 'denied',
  'approval-conflict': 'denied',
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

const needsApproval = (
  spec: ToolSpec | undefined,
  actor: Actor,
  { name, args }: ToolAction,
): boolean => {
  const approval = spec?.approval;
  if (typeof approval !== 'function') return approval === 'required';
  try {
    return approval({ actorId: actor.id, tool: name, args }) !== false;
  } catch {
    return true;
  }
};

const isAlive = ({ state }: ActorRecord): boolean => state !== 'completed' && state !== 'failed';

/** What a tool is told about its call. Its signal is made when it is read: it costs more than the rest of a tick. */
class TickToolCall implements ToolCallContext {
  readonly actorId: string;
  readonly tickId: string;
  readonly idempotencyKey: string;
  readonly timeoutMs: number;
  declare readonly fence?: string;
  readonly #step: Step;

  constructor(actorId: string, call: ActionCall, timeoutMs: number, step: Step) {
    this.actorId = actorId;
    this.tickId = call.tickId;
    this.idempotencyKey = call.actionId;
    this.timeoutMs = timeoutMs;
    if (call.fence !== undefined) this.fence = call.fence;
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
        return this.#spawn(
          action,
          actor,
          call,
          call.drive.step('spawning', action.actor.name, settings.actionTimeoutMs),
        );
      case 'wait':
        call.drive.step('keeping the wait of', actor.id, settings.actionTimeoutMs);
        return this.#effects.wakeAfter(actor, action.durationMs, call.actionId);
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
        const { signal } = call.drive.step('the action', type, settings.actionTimeoutMs);
        const { actionId } = call;
        const handler = settings.actions[type] as ActionHandler;
        return this.#within(call, () => handler(action, { actor, actionId, signal }));
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

  /** Whether somebody has to grant the call. What is not permitted is not asked for. */
  asksFor(action: Action, actor: Actor, lineage: Lineage): action is ToolAction {
    return (
      action.type === 'tool' &&
      permits(lineage, 'tools', action.name) &&
      needsApproval(this.#specOf(action.name), actor, action)
    );
  }

  /** Hands a suspended tick to whoever wakes it at the end of its time. */
  suspended(actor: Actor, tickId: string, expiresAt: number): void {
    this.#effects.suspended(actor, tickId, expiresAt);
  }

  #specOf(name: string): ToolSpec | undefined {
    return this.#kernel.deps.tools.list?.().find((tool) => tool.name === name);
  }

  /** Runs foreign code as a part of the tick. */
  #within(call: ActionCall, run: () => unknown): unknown {
    const outer = this.#kernel.inside;
    this.#kernel.inside = call.caller;
    try {
      return run();
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
    const spec = this.#specOf(name);
    assertMayUse(actor, call.lineage, name, spec);
    if (!call.isApproved && needsApproval(spec, actor, action)) {
      throw new PantheonError(
        'approval-required',
        `the tool ${name} needs an approval from outside of the model; plan it in a tick with a journal that can be read, or call the tool from the application`,
      );
    }
    const timeoutMs = action.timeoutMs ?? spec?.timeoutMs ?? settings.actionTimeoutMs;
    const step = call.drive.step('the tool', name, timeoutMs);
    const toolCall = new TickToolCall(actor.id, call, timeoutMs, step);
    const invoke = (): unknown => deps.tools.invoke(name, args, toolCall);
    return ledger.limits(call.lineage.accounts, 'toolCalls')
      ? this.#invokePaid(call, step, invoke, spec === undefined)
      : this.#within(call, invoke);
  }

  /** Reserves the call before it is made. Only a call of a tool that does not exist surely did not happen. */
  async #invokePaid(
    call: ActionCall,
    step: Step,
    invoke: () => unknown,
    isUnlisted: boolean,
  ): Promise<unknown> {
    const { ledger } = this.#kernel;
    const { accounts } = call.lineage;
    await this.#reserve(accounts, { toolCalls: 1 }, step);
    try {
      return await this.#within(call, invoke);
    } catch (error) {
      if (isUnlisted && PantheonError.is(error, 'tool-unknown'))
        await ledger.giveBack(accounts, { toolCalls: 1 });
      throw error;
    }
  }

  /** Reserves, unless the step is given up meanwhile: nobody waits for what would be paid for, and it must not happen. */
  async #reserve(accounts: Lineage['accounts'], amounts: Amounts, step: Step): Promise<void> {
    const { signal } = step;
    const { ledger } = this.#kernel;
    await ledger.reserve(accounts, amounts);
    if (!signal.aborted) return;
    await ledger.giveBack(accounts, amounts);
    throw abortReason(signal);
  }

  async #spawn(
    action: SpawnAction,
    actor: Actor,
    call: ActionCall,
    step: Step,
  ): Promise<ActorRecord> {
    const { deps, ledger, settings } = this.#kernel;
    const { accounts } = call.lineage;
    const unborn = this.#unborn.get(actor.id) ?? 0;
    this.#unborn.set(actor.id, unborn + 1);
    let child: ActorRecord;
    try {
      const [siblings, self] = await Promise.all([
        deps.state.list({ parentId: actor.id }),
        deps.state.get(actor.id),
      ]);
      const alive = siblings.filter((other) => other.parentId === actor.id && isAlive(other));
      assertMaySpawn(actor, action.actor, alive.length + unborn, settings);
      // Given up meanwhile, and perhaps by a process that has lost the actor.
      if (step.signal.aborted) throw abortReason(step.signal);
      if (ledger.limits(accounts, 'spawns')) await this.#reserve(accounts, { spawns: 1 }, step);
      try {
        child = await deps.state.spawn(action.actor, action.goal, {
          parentId: actor.id,
          metadata: lineageForChild(actor, self !== undefined),
          ...(call.isRecorded ? { id: call.actionId } : undefined),
        });
      } catch (error) {
        if (isSurelyUndone(error)) await ledger.giveBack(accounts, { spawns: 1 });
        throw error;
      }
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
