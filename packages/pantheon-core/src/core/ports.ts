/**
 * The ports: everything that Pantheon needs from the world, and what each implementation promises.
 *
 * The numbered rules are the contract. `@promethean/pantheon-testkit` has one suite per port whose case ids are these
 * numbers; an adapter's documentation says only where it differs. Members marked *optional* are capabilities: a caller
 * tests for them, an adapter without them is complete.
 *
 * For every port:
 * - What is handed in is not changed, and what is handed out may be changed without effect on the port (port:1).
 * - `close()` is idempotent, finishes what was accepted, and leaves no timer, socket or handler; every later call rejects with
 *   the code `closed` (port:2). What was passed in (a client, a pool) is not closed.
 * - Errors are `PantheonError`s with a code; a vendor's error is its `cause` (port:3).
 * - Nothing connects, reads a file or starts a timer on import (port:4).
 */
import type { ErrorInfo } from './errors.ts';
import type {
  ActorRecord,
  ActorScript,
  ActorState,
  BusMessage,
  ContextSource,
  JsonValue,
  LanguageModel,
  Message,
  Metadata,
  OutgoingMessage,
  TickStatus,
  ToolSpec,
} from './types.ts';

/** Milliseconds since the epoch. */
export type Now = () => number;

/** Writes one record. It returns at once and never throws; if it does, nobody notices. */
export type Log = (message: string, meta?: unknown) => void;

// ---------------------------------------------------------------------------------------------------------------- context

/**
 * What to compile a context from. `actorId` may be made when it is read: pass the object on as it is, or name the member; a
 * copy by `{ ...request }` can lack it.
 */
export interface ContextRequest {
  /**
   * Whose context it is. A source that keeps entries by actor gives this actor's, unless the source's `where.actorId` names
   * another. Without either it gives all.
   */
  readonly actorId?: string;
  /** What the tick is about: the user's message, or nothing. */
  readonly texts?: readonly string[];
  readonly sources: readonly ContextSource[];
  /** Most recent entries per source at most. */
  readonly recentLimit?: number;
  /** Entries that match `texts` per source at most. */
  readonly queryLimit?: number;
  /** Messages in all at most. */
  readonly limit?: number;
  /** Tokens in all at most, by the port's estimate. */
  readonly maxTokens?: number;
}

/** Why an entry was taken into a context, or left out. */
export interface ContextExplanation {
  readonly uri: string;
  readonly taken: boolean;
  /** In words: matched which terms, how recent, cut by which limit. */
  readonly reason: string;
  readonly score: number;
}

/**
 * Compiles what a behavior should know.
 *
 * - context:1 `compile` resolves to messages in the order in which a model should read them; for no sources, to none.
 * - context:2 `limit`, `recentLimit`, `queryLimit` and `maxTokens` hold exactly; a value that is not a positive integer (0 is allowed
 *   for the limits) rejects with `option-invalid`.
 * - context:3 A source that the port does not know rejects with `source-unknown`, naming it.
 * - context:4 Every message says where it comes from: `provenance.source` is the id of its source.
 * - context:5 Text from a source is data: no message of a compiled context has the role `system` unless the application put it
 *   there itself.
 * - context:6 What `record` accepted for an actor is found by a later `compile` for that actor, oldest first, and by nobody else's: the
 *   request's `actorId` tells whose it is, a source's `where.actorId` overrides it.
 * - context:7 The same content and the same request give the same messages in the same order.
 */
export interface IContextPort {
  readonly compile: (request: ContextRequest) => Promise<readonly Message[]>;
  /** Optional: keeps entries of an actor's conversation, in order. */
  readonly record?: (actorId: string, entries: readonly Message[]) => Promise<void>;
  /** Optional: what `compile` would do with the same request, entry by entry. */
  readonly explain?: (request: ContextRequest) => Promise<readonly ContextExplanation[]>;
  readonly close?: () => Promise<void>;
}

// ------------------------------------------------------------------------------------------------------------------ tools

/**
 * Who calls a tool, and how long it may take. `signal` may be made when it is read: pass the object on as it is, or name the
 * member; a copy by `{ ...call }` can lack it.
 */
export interface ToolCallContext {
  readonly actorId?: string;
  readonly tickId?: string;
  /** The same for every repetition of the same call. */
  readonly idempotencyKey?: string;
  /**
   * With leases: the token of the lease under which the actor ticks, `<epoch>:<nonce>`. A resource that must not hear a process which
   * has lost the actor keeps the highest epoch that it has seen and refuses lower ones.
   */
  readonly fence?: string;
  readonly signal?: AbortSignal;
  /** Milliseconds. */
  readonly timeoutMs?: number;
}

/** A tool: its description and the function that runs it. */
export interface Tool extends ToolSpec {
  readonly invoke: (args: Readonly<Record<string, unknown>>, call: ToolCallContext) => unknown;
}

/**
 * Runs tools.
 *
 * - tools:1 `invoke` resolves to what the tool returned; a tool that throws or rejects makes it reject with `tool-failed` (or with
 *   the tool's own `PantheonError`) and the original as `cause`. An error is never a successful result.
 * - tools:2 A name that is not registered rejects with `tool-unknown`; names of `Object.prototype` are names like any other.
 * - tools:3 Registering a name twice throws `tool-duplicate`; a name that is empty, longer than 256 bytes, or has control
 *   characters throws `tool-invalid`.
 * - tools:4 Arguments that the schema forbids reject with `action-invalid`, naming the path, before the tool runs.
 * - tools:5 After `timeoutMs` the call rejects with `timeout` and its `signal` aborts; a late result is dropped.
 * - tools:6 An abort of the caller's `signal` rejects the call with `tick-cancelled`; no listener stays on that signal.
 * - tools:7 Calls do not wait for each other.
 * - tools:8 `list` returns the registered tools in the order of their registration, without `invoke`.
 */
export interface IToolPort {
  readonly register: (tool: Tool) => void;
  readonly invoke: (
    name: string,
    args: Readonly<Record<string, unknown>>,
    call?: ToolCallContext,
  ) => Promise<unknown>;
  /** Optional: what can be invoked. A port that discovers tools lists what it knows by now. */
  readonly list?: () => readonly ToolSpec[];
  readonly close?: () => Promise<void>;
}

// -------------------------------------------------------------------------------------------------------------------- llm

/**
 * Completes a conversation.
 *
 * - llm:1 `complete` resolves to one message with the role `assistant`: text, tool calls or both; `usage` where the model tells it.
 * - llm:2 Tool calls have an id that is unique in the answer, the name of an offered tool, and arguments that are a JSON object;
 *   anything else rejects with `llm-malformed`.
 * - llm:3 An answer without content and without tool calls, or one cut off by a limit or a broken connection, rejects (`llm-malformed`,
 *   `llm-truncated`); it is never a success.
 * - llm:4 An abort of `signal` rejects with `tick-cancelled` within 100 ms, in any phase; no listener stays on that signal.
 * - llm:5 After `timeoutMs` the call rejects with `timeout`.
 * - llm:6 An empty list of messages rejects with `option-invalid`.
 * - llm:7 Where `stream` exists, its texts joined are the content of its final message, and that message is what `complete` gives.
 */
export interface ILlmPort extends LanguageModel {
  readonly close?: () => Promise<void>;
}

// -------------------------------------------------------------------------------------------------------------------- bus

/**
 * Which messages a subscription gets, and how. Both names have 1 to 256 bytes and no control characters; `subscribe` throws
 * `option-invalid` for others.
 */
export interface SubscribeOptions {
  /** Members of a group share the messages; each is handled at least once, and again after a failure. */
  readonly group?: string | undefined;
  /** Only messages to this recipient (and broadcasts). Costs other recipients' messages nothing. */
  readonly to?: string | undefined;
}

/** A message that could not be handled, and why. */
export interface DeadLetter {
  readonly message: BusMessage;
  readonly reason: ErrorInfo;
  /** Deliveries that were tried. */
  readonly attempts: number;
  readonly deadAt: number;
}

/** The messages that were set aside. */
export interface DeadLetters {
  /** Oldest first. */
  readonly list: () => Promise<readonly DeadLetter[]>;
  /** Sets a message aside. */
  readonly add: (letter: DeadLetter) => Promise<void>;
  /** Sends a message again with a fresh count of attempts; resolves to whether there was one with that id. */
  readonly redrive: (messageId: string) => Promise<boolean>;
}

/** What a handler of messages may return; a promise is awaited, its value is not used. */
export type MessageHandler = (message: BusMessage) => unknown;

/**
 * Carries messages between actors, and between actors and users.
 *
 * - bus:1 `send` resolves, to the message as it is delivered, when the bus has accepted it (a durable bus: written). It rejects when
 *   it has not: `message-invalid`, `message-too-large`, `bus-full`, `closed`; or `send-unknown` when nobody can know, and sending again
 *   with the same id is safe.
 * - bus:2 A message has an id, a time and a number of hops; what the sender gave is kept.
 * - bus:3 Every plain subscriber gets every message sent after it subscribed: exactly once while the bus lives, asynchronously, never
 *   inside `send`.
 * - bus:4 Messages from one sender to one recipient reach each subscriber in the order in which they were sent; a plain
 *   subscription is called for the next one without waiting for the promise of its handler.
 * - bus:5 A handler that throws, rejects or never settles hurts no other handler and no sender, and causes no unhandled rejection.
 * - bus:6 `unsubscribe()` is idempotent; after it returned, that handler is not called again, not even in a delivery under way. A handler
 *   that subscribes during a delivery does not get that message. The same function subscribed twice is two subscriptions.
 * - bus:7 A group gives each message to one member. It is acknowledged when the handler's promise resolves; a rejection is retried
 *   after a growing delay; after `maxDeliveries` (default 5), or at once when the error says `retryable: false` by being a
 *   `PantheonError`, the message goes to the dead letters with its last error. A bus without dead letters ends its tries alike, and
 *   says what it does with the message.
 * - bus:8 Within a group, messages to one recipient are handled one at a time and in order; recipients do not wait for each other.
 * - bus:9 A message with the id of an earlier one, within the bus's window, is accepted and not delivered again.
 * - bus:10 A slow or endless exchange of messages leaves timers and other work their turn.
 * - bus:11 `message-invalid` for a content that is no string, for lone surrogates and U+0000, for ids that are empty, longer than 256
 *   bytes or contain control characters, and for metadata that is not JSON; `message-too-large` beyond `maxMessageBytes` (default
 *   262,144 bytes of UTF-8 content). Both before anything is delivered.
 * - bus:12 A subscription with `to` gets the messages to that id and broadcasts (`to: '*'`), no others. A `to` or a `group` that is no
 *   name throws `option-invalid`.
 * - bus:13 A message that no subscription could take goes to the dead letters with `recipient-unknown`, where the bus has dead letters.
 */
export interface IMessageBus {
  readonly send: (message: OutgoingMessage) => Promise<BusMessage>;
  /** Returns `unsubscribe`. */
  readonly subscribe: (handler: MessageHandler, options?: SubscribeOptions) => () => void;
  /** Optional. */
  readonly deadLetters?: DeadLetters;
  readonly close?: () => Promise<void>;
}

// -------------------------------------------------------------------------------------------------------------- scheduler

/** How a cron schedule is read. */
export interface CronOptions {
  /** An IANA name. Default `UTC`. */
  readonly timezone?: string;
  /** What happens to fires that were due while the process could not run them. Default `skip`. */
  readonly misfire?: 'skip' | 'once' | 'all';
}

/**
 * Runs functions later.
 *
 * - schedule:1 `every(ms, task)` runs `task` at start + n * ms. The n-th run is not late because earlier ones were (no drift).
 * - schedule:2 A run that is due while the previous one still runs (its promise has not settled) is skipped; missed ones are not
 *   made up for.
 * - schedule:3 `once(ms, task)` runs `task` once, after at least `ms` milliseconds and never inside the call; 0 is allowed.
 * - schedule:4 The returned function is idempotent and final: no run starts after it was called, inside a run included.
 * - schedule:5 A task that throws or rejects ends neither its schedule nor another, nor the process.
 * - schedule:6 An interval that is not an integer from 1 (`once`: 0) to 2,147,483,647 throws `interval-invalid` at once and never runs.
 * - schedule:7 Tasks that are due at the same time run in the order in which they became due, then in which they were scheduled.
 * - schedule:8 A pending task keeps the process alive; when none is pending, nothing does.
 * - schedule:9 `cron` follows the expression in its time zone through both daylight-saving changes: a time that does not exist
 *   runs once after the gap, one that exists twice runs once; an expression for every hour goes by elapsed time. A bad expression or zone throws `option-invalid`.
 * - schedule:10 `named(name)` gives the schedules of a name. Those that are alike in name, kind and interval are one over all processes
 *   that have them: each fire instant runs in one of them, and none while an earlier one is still open anywhere.
 * - schedule:11 Fires of `cron` that were due while the process could not run them follow `misfire`: `skip` makes up for none of them,
 *   `once` for all of them with one run, `all` for each, one after the other. How late a fire may be before it counts as missed (by
 *   default a minute), and for how many `all` makes up at most, says the adapter. Any other `misfire` throws `option-invalid`.
 */
export interface IScheduler {
  readonly every: (intervalMs: number, task: () => unknown) => () => void;
  readonly once: (delayMs: number, task: () => unknown) => () => void;
  /** Optional. */
  readonly cron?: (expression: string, task: () => unknown, options?: CronOptions) => () => void;
  /** Optional, of a scheduler over many processes: the schedules of a name (schedule:10). Loops of actors use it. */
  readonly named?: (name: string) => IScheduler;
  readonly close?: () => Promise<void>;
}

// ------------------------------------------------------------------------------------------------------------------ state

/** What else to record of a new actor. */
export interface SpawnOptions {
  /** Default: a fresh id. Spawning an id that exists resolves to the existing actor. */
  readonly id?: string | undefined;
  readonly parentId?: string | undefined;
  readonly metadata?: Metadata | undefined;
}

/** Which actors to list; absent members match all. */
export interface ActorFilter {
  readonly parentId?: string | undefined;
  readonly state?: ActorState | undefined;
  /** The script's name. */
  readonly script?: string | undefined;
}

/** What of an actor can be changed. */
export interface ActorPatch {
  readonly goals?: readonly string[];
  readonly state?: ActorState;
  /** Merged key by key at the first level; a key with the value `undefined` is removed. */
  readonly metadata?: Readonly<Record<string, JsonValue | undefined>>;
}

/**
 * Keeps the actors.
 *
 * - state:1 `spawn` resolves to an actor with a fresh id, the script, `goals: [goal]`, state `idle`, version 1 and both times.
 * - state:2 `get` resolves to the actor, or to undefined; `list` to all that match, in the order of their creation.
 * - state:3 `update` applies the patch atomically, counts `version` up by one, sets `updatedAt`, and resolves to the new record; other fields
 *   stay. An unknown id rejects with `actor-unknown`.
 * - state:4 With `expectedVersion`, an update of another version rejects with `state-conflict` and changes nothing.
 * - state:5 Concurrent updates are all applied, one after the other; none is lost.
 * - state:6 Records are copies: changing one changes nothing in the port (the script is shared, and frozen by convention).
 * - state:7 Ids and metadata keys such as `__proto__`, `constructor`, `*` and `a:b` are data like any other; in a patch the keys
 *   `__proto__`, `constructor` and `prototype` reject with `action-invalid`.
 * - state:8 Spawning an id that exists resolves to the actor that exists, unchanged.
 * - state:9 `remove` resolves to whether there was such an actor; it is gone from `get` and `list`.
 */
export interface IActorStatePort {
  readonly spawn: (
    script: ActorScript,
    goal: string,
    options?: SpawnOptions,
  ) => Promise<ActorRecord>;
  readonly list: (filter?: ActorFilter) => Promise<readonly ActorRecord[]>;
  readonly get: (id: string) => Promise<ActorRecord | undefined>;
  readonly update: (
    id: string,
    patch: ActorPatch,
    options?: { readonly expectedVersion?: number | undefined },
  ) => Promise<ActorRecord>;
  /** Optional. */
  readonly remove?: (id: string) => Promise<boolean>;
  readonly close?: () => Promise<void>;
}

// ---------------------------------------------------------------------------------------------------------------- journal

/** What a tick is opened with. Plain data. */
export interface JournalTick {
  /** The id that the tick gets, if it is new. */
  readonly tickId: string;
  readonly actorId: string;
  /** What the tick is about, such that the same cause means the same tick: the id of a message. */
  readonly cause?: string | undefined;
  /** What is needed to finish the tick in another process. */
  readonly input?: JsonValue | undefined;
}

/** A tick that was opened and not completed. */
export interface UnfinishedTick extends JournalTick {
  /** How often it was opened. */
  readonly attempt: number;
  /** When it was opened first, in milliseconds since the epoch by the journal's clock. */
  readonly openedAt: number;
}

/** How to open a tick. */
export interface OpenTickOptions {
  /** Go on with the latest attempt: the opening is not counted. Default `false`. */
  readonly resume?: boolean | undefined;
}

/** A step as it was recorded. */
export interface RecordedStep {
  readonly name: string;
  readonly value: JsonValue;
  /** Milliseconds since the epoch, by the journal's clock. */
  readonly recordedAt: number;
}

/** A tick as it was recorded. */
export interface RecordedTick extends UnfinishedTick {
  /** Undefined: it is not finished. */
  readonly status: TickStatus | undefined;
  /** When it was completed last, in milliseconds since the epoch by the journal's clock. */
  readonly completedAt: number | undefined;
  /** In the order in which they were recorded. */
  readonly steps: readonly RecordedStep[];
}

/** A tick in its journal. */
export interface TickRecord {
  /** The id under which the tick was opened first. */
  readonly tickId: string;
  /** How often the tick was opened, this time included; openings with `resume` do not count. */
  readonly attempt: number;
  /** How it was completed earlier; undefined for one that was not. */
  readonly status: TickStatus | undefined;
  /**
   * The recorded value of a step, or where there is none: runs it, records what it resolves to, and resolves to that. This is the
   * durable step of workflow engines too, so that an engine can be a journal.
   */
  readonly step: <T extends JsonValue>(name: string, run: () => T | Promise<T>) => Promise<T>;
  /** Notes how the tick ended. It is finished then; with `undefined` it is unfinished again. */
  readonly complete: (status: TickStatus | undefined) => Promise<void>;
}

/**
 * Records what ticks do, so that one that was interrupted is finished instead of repeated.
 *
 * - journal:1 `open` resolves to the record of a new tick with `attempt` 1 and no status. A tick with the same id, or of the same
 *   actor with the same cause, is the same tick: the record has the first id, `attempt` one higher, and the status where it was completed.
 * - journal:2 A tick id that exists with another actor or another cause rejects with `journal-conflict`, and changes nothing; unless the
 *   actor has a tick of that cause, which is then the one (journal:1).
 * - journal:3 `step` runs `run` once and resolves to its value when that is recorded (a durable journal: written). Where the name
 *   was recorded in this tick before, it resolves to a copy of what was recorded, and `run` is not called.
 * - journal:4 A `run` that throws or rejects records nothing: the step rejects with that very error, and the next call runs again.
 * - journal:5 Steps that are called at once do not wait for each other, but two of one name in one record are one. Of two records of one tick,
 *   the value that was recorded first holds for both.
 * - journal:6 `complete` may be called again; the last status counts, and after `undefined` the tick is unfinished as if it had never been
 *   completed. What was recorded stays readable by opening the tick again, for the
 *   time that the journal keeps finished ticks.
 * - journal:7 `unfinished` resolves to the ticks that were opened and not completed, oldest first, with what they were opened with.
 * - journal:8 A value or an input that is no JSON rejects with `journal-invalid`, naming the path; nothing is recorded.
 * - journal:9 Ids, causes and names of steps such as `__proto__`, `constructor` and `a:b` are data like any other.
 * - journal:10 `read` resolves to a tick, finished or not, with its steps in the order in which they were recorded; to undefined where
 *   there is none. It changes nothing.
 * - journal:11 `open` with `resume` is not counted: `attempt` is what it was. A tick that is new has `attempt` 1 all the same.
 */
export interface IJournalPort {
  readonly open: (tick: JournalTick, options?: OpenTickOptions) => Promise<TickRecord>;
  readonly unfinished: () => Promise<readonly UnfinishedTick[]>;
  /** Optional: approvals and forks need it. */
  readonly read?: (tickId: string) => Promise<RecordedTick | undefined>;
  readonly close?: () => Promise<void>;
}

// ----------------------------------------------------------------------------------------------------------------- leases

/** How to acquire a lease. */
export interface LeaseOptions {
  /** How long the lease outlives a holder that has died. An integer from 100 to 86,400,000 milliseconds. Default 30,000. */
  readonly ttlMs?: number | undefined;
  /** Called once when the lease is no longer surely held, unless it was released. What it throws is dropped. */
  readonly onLost?: (() => void) | undefined;
}

/** A name that is held. */
export interface Lease {
  readonly name: string;
  /** `<epoch>:<nonce>`. Whatever must not hear an earlier holder compares the whole of it: a store that has lost its last writes counts twice. */
  readonly token: string;
  /** Grows with every lease of the name. */
  readonly epoch: number;
  /**
   * Whether the lease is surely still held: false after its release, after its loss, and from 80 % of its term after the last
   * successful renewal was sent, by a clock that never jumps. Ask before whatever must not be done by two.
   */
  readonly isHeld: () => boolean;
  /** Gives the name back. Rejects when the store cannot be reached; the name is free after the term then. */
  readonly release: () => Promise<void>;
}

/**
 * Gives names to one holder at a time, over all processes of a store.
 *
 * At most one holder *believes* that it holds a name and is right. A process that is paused between asking `isHeld` and acting can
 * act late; what must be safe from that compares tokens where it acts.
 *
 * - lease:1 `acquire` resolves to a lease where nobody holds the name, and to undefined where somebody does; it does not wait. Of many
 *   that ask at once, in whatever process, one gets it. Different names have nothing to do with each other.
 * - lease:2 No two leases have the same token. `epoch` is higher than in every earlier lease of the name that the store remembers, and
 *   the token begins with it and a colon.
 * - lease:3 A lease renews itself, every third of its term, until it is released or lost: it can be held longer than its term.
 * - lease:4 `isHeld` is as `Lease` says, also when renewals fail or take for ever; no renewal that succeeds later makes it true again.
 * - lease:5 `onLost` is called once when `isHeld` has become false without a release, by itself and without being asked, not later than
 *   at 80 % of the term; never after `release`.
 * - lease:6 `release` frees the name at once, and may be called again. Where the lease has been lost, it leaves the next holder's alone.
 * - lease:7 The lease of a holder that is gone is free after its term, by the store's own clock, and not before.
 * - lease:8 `acquire` rejects with `option-invalid` for a `ttlMs` out of its range and for a name that is empty, longer than 256 bytes or
 *   has control characters or lone surrogates. Names such as `__proto__`, `*` and `a:b` are data like any other.
 */
export interface ILeasePort {
  readonly acquire: (name: string, options?: LeaseOptions) => Promise<Lease | undefined>;
  /** Releases what is held. */
  readonly close?: () => Promise<void>;
}

// ------------------------------------------------------------------------------------------------------------------- time

/**
 * The host's clock and timers, as schedulers and in-memory ports use them. Injected, so that tests own the time.
 * Default everywhere: the process's monotonic clock and its timers.
 */
export interface Timers {
  /** Milliseconds on a clock that never jumps; its zero means nothing. */
  readonly now: () => number;
  /** Runs `run` after at least `delayMs` (0 to 2,147,483,647) and returns a handle for `clear`. */
  readonly set: (run: () => void, delayMs: number) => unknown;
  readonly clear: (handle: unknown) => void;
}
