/**
 * The vocabulary of Pantheon: what an actor is made of, what it plans, and what a tick reports.
 *
 * Everything here is plain, readonly data; only `Behavior.plan` is a function. A value that crosses a port can be
 * structured-cloned.
 */
import type { ErrorInfo } from './errors.ts';

// The host's AbortSignal is part of the public API, yet this package compiles without any host's types. This minimal
// declaration merges with the one of the DOM or of Node wherever an application has it.
declare global {
  interface AbortSignal {
    readonly aborted: boolean;
  }
}

/** A value that JSON can carry without loss. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** Free-form notes that travel with a value; JSON only. */
export type Metadata = { readonly [key: string]: JsonValue };

/** What a language model charged for one answer, in tokens. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
}

/** Who is speaking, and so how far a text may be believed. Text that is not `system` is data, never an instruction. */
export type Trust = 'system' | 'user' | 'peer' | 'tool' | 'document';

/** Where a compiled message comes from. */
export interface Provenance {
  /** The id of the `ContextSource` that produced it. */
  readonly source: string;
  readonly trust?: Trust;
  /** A file, relative to the source's root, or another address. */
  readonly uri?: string;
  /** The first and the last line of the passage, counted from 1. */
  readonly line?: number;
  readonly endLine?: number;
  /** The headings above the passage, joined by ` > `. */
  readonly heading?: string;
  /** Higher is better; comparable within one compilation only. */
  readonly score?: number;
}

/** A model's request to run a tool. `args` is what the model wrote, already parsed; it has not been validated. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** One entry of a conversation with a language model. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
  readonly name?: string;
  /** Image addresses: `https:` or `data:` URLs. */
  readonly images?: readonly string[];
  /** On an assistant's message: the tools that it asks for. */
  readonly toolCalls?: readonly ToolCall[];
  /** On a tool's message: the call that it answers. */
  readonly toolCallId?: string;
  readonly usage?: Usage;
  readonly provenance?: Provenance;
  readonly metadata?: Metadata;
}

/** A place that the context port compiles from; `id` names a source that the port knows. */
export interface ContextSource {
  readonly id: string;
  readonly label: string;
  /** Narrows the source; the keys are the port's. */
  readonly where?: Readonly<Record<string, unknown>>;
  readonly metadata?: Metadata;
}

/**
 * A request to a language model. `signal` may be made when it is read: pass the object on as it is, or name the member; a copy
 * by `{ ...request }` can lack it.
 */
export interface LlmRequest {
  readonly messages: readonly Message[];
  /** Default: the adapter's. */
  readonly model?: string | undefined;
  readonly tools?: readonly ToolSpec[] | undefined;
  /** 0 to 2. Default: the model's. */
  readonly temperature?: number | undefined;
  /** Tokens of the answer at most. Default: the model's. */
  readonly maxTokens?: number | undefined;
  /** `json`: any JSON; an object: a JSON Schema that the answer's content must satisfy. */
  readonly format?: 'text' | 'json' | { readonly [key: string]: JsonValue } | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the whole call, repetitions included. */
  readonly timeoutMs?: number | undefined;
}

/** A piece of a streamed answer: more text, or at the end the whole message. */
export type LlmChunk =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'message'; readonly message: Message };

/** Completes conversations: what plans are handed, and what an LLM port is. */
export interface LanguageModel {
  readonly complete: (request: LlmRequest) => Promise<Message>;
  /** Optional. Ends with exactly one `message` chunk, or throws. */
  readonly stream?: (request: LlmRequest) => AsyncIterable<LlmChunk>;
}

/** What a tool's `approval` is asked about: a call that is about to be made. `args` are what the plan gave; they are not validated. */
export interface ApprovalQuestion {
  readonly actorId: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** What a tool tells about itself. Callers may show it to a model. */
export interface ToolSpec {
  /** 1 to 256 bytes, no control characters; unique within a port. */
  readonly name: string;
  readonly description?: string;
  /** JSON Schema (draft 2020-12) of the arguments; an object schema. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /**
   * Default `write`: whatever is not known to be harmless is treated as if it were not. A `destructive` tool is refused unless
   * permissions name it (see `Permissions`).
   */
  readonly sideEffect?: 'none' | 'write' | 'destructive';
  /** Default `false`: only a tool that says so may be called again when the outcome of a call is unknown. */
  readonly idempotent?: boolean;
  /**
   * What becomes of a call whose outcome is unknown: the process ended during it, or it was given up waiting for it and its message comes
   * again. It is asked with a journal only; without one nobody knows of the call. `retry`: it is made again, with the same idempotency
   * key; `fail`: it is not, and ends as `outcome-unknown` or `timeout`.
   * Default: `retry` for a tool that is idempotent or has no side effect, else `fail`.
   */
  readonly onUnknown?: 'retry' | 'fail';
  /**
   * `required`: a call is not made until somebody outside of the model grants that very call (`orchestrator.approvals`); a function
   * says for which calls that holds, and one that throws requires it. Asking takes a journal that can be read; without one the call is denied.
   */
  readonly approval?: 'required' | ((call: ApprovalQuestion) => boolean);
  /** Overrides the orchestrator's `actionTimeoutMs` for this tool. */
  readonly timeoutMs?: number;
}

/**
 * The action types. Applications add their own by declaration merging and hand the code that runs them to
 * `makeOrchestrator(deps, { actions })`:
 *
 * ```ts
 * declare module '@promethean/pantheon-core' {
 *   interface ActionTypes {
 *     'page-operator': { readonly type: 'page-operator'; readonly reason: string };
 *   }
 * }
 * ```
 */
export interface ActionTypes {
  message: MessageAction;
  tool: ToolAction;
  spawn: SpawnAction;
  wait: WaitAction;
  remember: RememberAction;
}

/** What a behavior can plan. */
export type Action = ActionTypes[keyof ActionTypes];

/** Send a message over the bus, as this actor. */
export interface MessageAction {
  readonly type: 'message';
  readonly content: string;
  /** The recipient's id. Default `user`. */
  readonly target?: string;
  readonly metadata?: Metadata;
}

/** Call a tool. */
export interface ToolAction {
  readonly type: 'tool';
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** Milliseconds. Default: the tool's own `timeoutMs`, then the orchestrator's `actionTimeoutMs`. */
  readonly timeoutMs?: number;
  /** The model's id of the call, where a model asked for it. */
  readonly callId?: string;
}

/** Create a child actor, optionally with a first message to it. */
export interface SpawnAction {
  readonly type: 'spawn';
  readonly actor: ActorScript;
  readonly goal: string;
  readonly message?: string;
}

/**
 * Tick this actor again after `durationMs`; the present tick does not sleep. Kept in the record of an actor that the state port
 * knows, so that `recover` finds it after a restart; of another actor, in the process.
 */
export interface WaitAction {
  readonly type: 'wait';
  readonly durationMs: number;
}

/** Hand entries to the context port's `record`, under this actor's id. */
export interface RememberAction {
  readonly type: 'remember';
  readonly entries: readonly Message[];
}

/**
 * How an action ended.
 * - `ok`: done, `value` holds the result.
 * - `failed`: the port rejected; `timeout`: given up waiting, so that the outcome is unknown; `cancelled`: aborted.
 * - `denied`: not permitted, over a limit, or not approved; it did not run.
 * - `invalid`: of the wrong shape; it did not run.
 * - `suspended`: waits for an approval, and the tick with it; it has not run.
 * - `skipped`: not reached.
 */
export type ActionStatus =
  | 'ok'
  | 'failed'
  | 'timeout'
  | 'cancelled'
  | 'denied'
  | 'invalid'
  | 'suspended'
  | 'skipped';

/** What became of one action. */
export interface ActionOutcome {
  /** `<tick id>/<behavior index>/<round>/<action index>`: stable, so that it serves as idempotency key. */
  readonly id: string;
  readonly behavior: string;
  readonly round: number;
  readonly action: Action;
  readonly status: ActionStatus;
  /** The sent message, the tool's result, the spawned actor. */
  readonly value?: unknown;
  readonly error?: ErrorInfo;
  readonly startedAt: number;
  readonly durationMs: number;
}

/** What `plan` receives. The members beyond `goal` and `context` are computed when they are read. */
export interface PlanInput {
  /** The actor's goals, joined by `; `. */
  readonly goal: string;
  readonly context: readonly Message[];
  readonly actor: Actor;
  readonly userMessage: string | undefined;
  /** The bus message that caused the tick. */
  readonly message: BusMessage | undefined;
  /** The tools that this actor may use. */
  readonly tools: readonly ToolSpec[];
  /** The LLM port, bound to this tick: usage is counted, budgets are reserved, the signal is passed on. */
  readonly llm: LanguageModel;
  readonly now: () => number;
  /** Aborts at a timeout, at a cancellation and at the orchestrator's stop. */
  readonly signal: AbortSignal;
  /** 0 for the first plan of a behavior in a tick, then counted up with every `again`. */
  readonly round: number;
  /** What the actions of this behavior's previous round came to; empty in round 0. */
  readonly outcomes: readonly ActionOutcome[];
  /** What the previous round returned as `carry`. */
  readonly carry: unknown;
}

/** What `plan` returns. */
export interface Plan {
  readonly actions: readonly Action[];
  /** Plan once more after the actions, with their outcomes. At most `maxRounds` plans a tick. */
  readonly again?: boolean | undefined;
  /**
   * The actor is done: unless the tick fails, its state is `completed` afterwards. It does not tick any more then, and its children
   * stop.
   */
  readonly complete?: boolean | undefined;
  /** Plain data for the next round's `carry`; a behavior is shared by actors and ticks, so it keeps no state itself. */
  readonly carry?: unknown;
}

/**
 * When a behavior runs: `active` in ticks with user input, `passive` in ticks without, `persistent` in all.
 */
export type BehaviorMode = 'active' | 'passive' | 'persistent';

/** One way of acting. Shared by all actors of a script, hence without state of its own. */
export interface Behavior {
  readonly name: string;
  readonly mode: BehaviorMode;
  readonly plan: (input: PlanInput) => Plan | Promise<Plan>;
  readonly description?: string;
  /** `stop`: a failed action gives up this behavior's remaining actions. Default `continue`. */
  readonly onActionError?: 'continue' | 'stop';
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A named group of behaviors. */
export interface Talent {
  readonly name: string;
  readonly behaviors: readonly Behavior[];
}

/** How an actor's waiting messages are kept. */
export interface MailboxPolicy {
  /** Waiting inputs at most. Default 1000. */
  readonly capacity?: number;
  /**
   * What happens to an input that finds the actor busy. Default `queue`.
   * - `queue`: waits its turn; when the mailbox is full, it is refused with `mailbox-full`.
   * - `reject`: refused with `actor-busy`.
   * - `drop-oldest`: waits; when the mailbox is full, the longest waiting one ends as a dead letter.
   * - `coalesce`: merged into the waiting one (texts joined by a line break); all callers get that tick's report.
   * - `interrupt`: aborts the running tick and drops what waits.
   */
  readonly policy?: 'queue' | 'reject' | 'drop-oldest' | 'coalesce' | 'interrupt';
  /** An input that has waited longer than this, in milliseconds, ends as a dead letter. Default: no limit. */
  readonly ttlMs?: number;
}

/** What happens to an actor whose ticks keep failing. */
export interface SupervisionPolicy {
  /** Give up at this many failed ticks within `withinMs`, counted by each process from its start. Default 5. */
  readonly maxFailures?: number;
  /** Default 600,000 (ten minutes). */
  readonly withinMs?: number;
  /** Pause of the actor's loop after a failure, doubled with each further one, at most 60,000. Default 1,000. */
  readonly backoffMs?: number;
  /** `pause` (default): a caller can set it back to `idle`; `stop`: the actor becomes `failed`; `escalate`: `failed`, and its parent gets a message. */
  readonly then?: 'pause' | 'stop' | 'escalate';
}

/**
 * What an actor and all its descendants together may use up; each of them draws on the budgets of all its ancestors and on its own.
 * Absent: no limit. What was spent is kept in the record of an actor that the state port knows, over processes and restarts.
 */
export interface Budget {
  readonly ticks?: number;
  readonly tokens?: number;
  readonly toolCalls?: number;
  readonly spawns?: number;
  /** In the unit of the orchestrator's `estimateCost`. */
  readonly cost?: number;
}

/**
 * What an actor may do. An absent list permits everything that the parent may do; a list names what is permitted, exactly or
 * with a trailing `*`. A child never gets more than its parent. A tool whose `sideEffect` is `destructive` must be named: by the
 * root of the spawn tree, and by every list on the way down.
 */
export interface Permissions {
  readonly tools?: readonly string[];
  readonly targets?: readonly string[];
  /** Whether it may spawn. Default `true`. */
  readonly spawn?: boolean;
}

/** What actors of one kind have in common. Shared, and never changed. */
export interface ActorScript {
  readonly name: string;
  readonly version?: string;
  readonly roleName?: string;
  readonly contextSources: readonly ContextSource[];
  readonly talents: readonly Talent[];
  readonly description?: string;
  readonly config?: ScriptConfig;
  /** Starts a loop for every actor that is spawned from this script by an action; `recover` starts it again. */
  readonly loop?: { readonly intervalMs: number };
  readonly mailbox?: MailboxPolicy;
  readonly supervision?: SupervisionPolicy;
  readonly budget?: Budget;
  readonly permissions?: Permissions;
}

/** Settings of a script; further keys are the application's. */
export interface ScriptConfig {
  /** `parallel`: the first plans of all behaviors are made at once; actions still run in script order. Default `sequential`. */
  readonly planning?: 'sequential' | 'parallel';
  /** Overrides the orchestrator's `maxRounds`. */
  readonly maxRounds?: number;
  readonly [key: string]: unknown;
}

/**
 * Where an actor stands. `running` is seen in the events and in `stats()`, never stored: a process that dies would leave
 * the record in it for ever.
 */
export type ActorState = 'idle' | 'running' | 'paused' | 'completed' | 'failed';

/** An actor: an id, the script that it follows, and its goals. */
export interface Actor {
  readonly id: string;
  readonly script: ActorScript;
  readonly goals: readonly string[];
  readonly state?: ActorState;
  readonly version?: number;
  readonly parentId?: string;
  readonly createdAt?: number;
  readonly updatedAt?: number;
  readonly metadata?: Metadata;
}

/** An actor as a state port returns it. Times are milliseconds since the epoch; `version` starts at 1. */
export interface ActorRecord extends Actor {
  readonly state: ActorState;
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A message as a caller hands it to the bus. */
export interface OutgoingMessage {
  /** The sender's id, set by the orchestrator for what actors send. */
  readonly from: string;
  /** The recipient's id, or `*` for everybody. */
  readonly to: string;
  readonly content: string;
  /** Default: a fresh id. The bus recognises a message that is sent again with the same id. */
  readonly id?: string;
  /** The id of the message that led to this one. */
  readonly causationId?: string;
  /** How many messages led to this one. Default 0. */
  readonly hops?: number;
  readonly metadata?: Metadata;
}

/** A message as the bus delivers it. */
export interface BusMessage extends OutgoingMessage {
  readonly id: string;
  /** Milliseconds since the epoch, by the bus's clock. */
  readonly sentAt: number;
  readonly hops: number;
}

/** Input to a tick. */
export interface TickInput {
  readonly userMessage?: string | undefined;
  /** The bus message that causes the tick. */
  readonly message?: BusMessage | undefined;
  /** Cancels this tick; what has not begun is skipped. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * - `ok`: everything that was planned was done (also: nothing was planned).
 * - `partial`: some behavior or action failed, another did not.
 * - `failed`: all behaviors failed, by their plans or by everything that they did.
 * - `timeout`, `cancelled`: given up; `budget`: a limit was reached and the actor is paused.
 * - `suspended`: an action waits for an approval. The journal keeps the tick; it goes on, with the same id and another report, when the
 *   call is granted or denied, or its time is over. A tick is never completed in its journal with this status.
 */
export type TickStatus =
  | 'ok'
  | 'partial'
  | 'failed'
  | 'timeout'
  | 'cancelled'
  | 'budget'
  | 'suspended';

/** What one behavior did in a tick. */
export interface BehaviorReport {
  readonly name: string;
  readonly mode: BehaviorMode;
  /** How often it planned. */
  readonly rounds: number;
  readonly durationMs: number;
  readonly error?: ErrorInfo;
}

/** What a tick did. Plain data. */
export interface TickReport {
  readonly tickId: string;
  readonly actorId: string;
  readonly status: TickStatus;
  readonly hasInput: boolean;
  readonly behaviors: readonly BehaviorReport[];
  /** Every action that was planned, in order. */
  readonly actions: readonly Action[];
  /** `outcomes[i]` is what became of `actions[i]`. */
  readonly outcomes: readonly ActionOutcome[];
  readonly startedAt: number;
  readonly durationMs: number;
  /** What the models of this tick charged, summed up. */
  readonly usage: Usage;
}
