/** What an observer sees: one typed event for everything of note, with ids, times and causes. */
import type { ErrorInfo } from './errors.ts';
import type { DeadLetter } from './ports.ts';
import type { ActionOutcome, Action, TickReport, Usage } from './types.ts';

/** What every event has. `at` is milliseconds since the epoch, by the orchestrator's `now`. */
interface EventBase {
  readonly at: number;
  readonly actorId: string;
}

/** A tick began. `causeId` is the id of the bus message that caused it. */
export interface TickStarted extends EventBase {
  readonly type: 'tick-started';
  readonly tickId: string;
  readonly hasInput: boolean;
  readonly causeId: string | undefined;
}

/** A tick ended; with `error`, it was rejected and there is no report. */
export interface TickEnded extends EventBase {
  readonly type: 'tick-ended';
  readonly tickId: string;
  readonly report?: TickReport;
  readonly error?: ErrorInfo;
}

/** The context port answered. */
export interface ContextCompiled extends EventBase {
  readonly type: 'context-compiled';
  readonly tickId: string;
  readonly messages: number;
  readonly durationMs: number;
}

/** A behavior planned; with `error`, it failed to. */
export interface PlanEnded extends EventBase {
  readonly type: 'plan-ended';
  readonly tickId: string;
  readonly behavior: string;
  readonly round: number;
  readonly actions: number;
  readonly durationMs: number;
  readonly error?: ErrorInfo;
}

/** A language model answered inside a plan. */
export interface LlmAnswered extends EventBase {
  readonly type: 'llm-answered';
  readonly tickId: string;
  readonly durationMs: number;
  readonly usage: Usage | undefined;
  readonly error?: ErrorInfo;
}

/** An action is about to run. */
export interface ActionStarted extends EventBase {
  readonly type: 'action-started';
  readonly tickId: string;
  readonly actionId: string;
  readonly action: Action;
  /** With a journal: the process ended during an earlier call, whose outcome is unknown; this one has the same key. */
  readonly isRepeated?: true;
}

/** An action ended, whatever became of it. */
export interface ActionEnded extends EventBase {
  readonly type: 'action-ended';
  readonly tickId: string;
  readonly outcome: ActionOutcome;
}

/** An actor sent a message. */
export interface MessageSent extends EventBase {
  readonly type: 'message-sent';
  readonly messageId: string;
  readonly to: string;
  readonly hops: number;
  readonly causeId: string | undefined;
}

/** A message reached a listening orchestrator and was put into the actor's mailbox. */
export interface MessageReceived extends EventBase {
  readonly type: 'message-received';
  readonly messageId: string;
  readonly from: string;
  readonly waiting: number;
}

/** A message was set aside. */
export interface MessageDead extends EventBase {
  readonly type: 'message-dead';
  readonly letter: DeadLetter;
}

/** An actor was spawned by another one. */
export interface ActorSpawned extends EventBase {
  readonly type: 'actor-spawned';
  readonly parentId: string;
  readonly script: string;
}

/** An actor's stored state changed by the orchestrator's doing. A completed actor said so itself, and has no reason. */
export interface ActorStateChanged extends EventBase {
  readonly type: 'actor-state-changed';
  readonly state: 'paused' | 'failed' | 'completed';
  readonly reason?: ErrorInfo;
}

/** A loop began or ended. */
export interface LoopChanged extends EventBase {
  readonly type: 'loop-started' | 'loop-stopped';
  readonly intervalMs: number;
}

/** Turns of a loop did not tick: the previous one still ran, the actor backs off or is paused, or another process has the loop. */
export interface LoopSkipped extends EventBase {
  readonly type: 'loop-skipped';
  readonly reason: 'busy' | 'backoff' | 'not-runnable' | 'elsewhere';
  readonly turns: number;
}

/** A call waits for an approval: `approvals.list` has it, until `expiresAt`. */
export interface ApprovalRequested extends EventBase {
  readonly type: 'approval-requested';
  readonly tickId: string;
  readonly approvalId: string;
  readonly tool: string;
  readonly expiresAt: number;
}

/** Somebody outside of the model granted or denied a call. */
export interface ApprovalDecided extends EventBase {
  readonly type: 'approval-decided';
  readonly tickId: string;
  readonly approvalId: string;
  readonly tool: string;
  readonly granted: boolean;
  readonly by: string | undefined;
}

/** A tick lost the lease of its actor, and was given up; another process may have the actor by now. */
export interface LeaseLost extends EventBase {
  readonly type: 'lease-lost';
  readonly tickId: string;
}

/** A limit of a budget was reached. `accountId` is the actor whose script sets the budget. */
export interface BudgetExhausted extends EventBase {
  readonly type: 'budget-exhausted';
  readonly accountId: string;
  readonly resource: string;
  readonly limit: number;
}

/** Everything that `observe` can receive; `type` tells the kind. */
export type PantheonEvent =
  | TickStarted
  | TickEnded
  | ContextCompiled
  | PlanEnded
  | LlmAnswered
  | ActionStarted
  | ActionEnded
  | MessageSent
  | MessageReceived
  | MessageDead
  | ActorSpawned
  | ActorStateChanged
  | LoopChanged
  | LoopSkipped
  | ApprovalRequested
  | ApprovalDecided
  | LeaseLost
  | BudgetExhausted;

/**
 * Receives events, synchronously and in order. It must be quick, and it cannot do harm: what it throws is dropped. An observer
 * that needs time puts the events into a queue of its own.
 */
export type Observer = (event: PantheonEvent) => void;
